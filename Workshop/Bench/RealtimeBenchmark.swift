import ABI
import Foundation
import SystemImage
import Tool

/// Runs `examples/realtime` with the load of `Guests/Linux/realtime.c`.
struct RealtimeBenchmark {
    let workspace: Workspace
    var periods: Int

    /// The component's name in the manifest.
    static let loop = "control"
    /// The periods in which the machine boots. The loop measures so many more, and all of them count.
    static let bootPeriods = 2000

    struct Result {
        var control: LatencyReport
        var linux: LatencyReport
        /// The result of Linux without Entente.
        var bare: LatencyReport?
        /// The result with hostile components on three other cores.
        var neighbours: NeighbourReport?
    }

    /// The period in microseconds.
    static let microseconds = 1000

    /// The program with the load and the real-time thread.
    static func program(in workspace: Workspace) -> LinuxWorkload {
        LinuxWorkload(workspace: workspace, name: "realtime", parts: ["load", "output"])
    }

    /// Returns the options by which a tick of the counter is one instruction.
    static func counter(of cpu: String) -> [String] { ["-global", "\(cpu)-arm-cpu.cntfrq=1000000000"] }

    /// Returns the system with the load in its machine.
    ///
    /// - Parameter loopPeriods: the number of periods that the loop measures, from its own start on.
    private func manifest(loopPeriods: Int) throws -> (manifest: Manifest, machine: MachineDescription) {
        let file = workspace.root.appendingPathComponent("examples/realtime/system.yaml")
        var manifest = try Manifest.load(path: file.path)
        guard let described = manifest.machines.first else { throw Failure("\(file.path) describes no machine") }
        var machine = try Self.program(in: workspace).added(to: described)
        machine.commandLine += " quiet kpti=off rdinit=/realtime -- \(Self.microseconds) \(periods) load-stay"
        manifest.replace(machine)
        manifest.setArguments([UInt64(Self.microseconds), UInt64(loopPeriods)], of: Self.loop)
        manifest.name = "bench-realtime"
        return (manifest, machine)
    }

    /// Returns options under which time follows the instructions, and a tick of the counter is one instruction.
    private func options(_ board: BoardDescription) -> BootOptions {
        BootOptions(countsInstructions: true, extraArguments: Self.counter(of: board.cpu))
    }

    /// Prepares the system, or its machine alone on the bare emulator.
    private func prepare(isBare: Bool = false) throws -> (boot: PreparedBoot, machine: String) {
        let (manifest, machine) = try manifest(loopPeriods: periods + Self.bootPeriods)
        let options = options(manifest.board)
        let boot =
            isBare
            ? try PreparedBoot(bare: machine, of: manifest, workspace: workspace, options: options)
            : try PreparedBoot(manifest, workspace: workspace, options: options)
        return (boot, machine.name)
    }

    func run(timeout: Duration) throws -> Result {
        let (boot, machine) = try prepare()
        let reports = try Progress.step("Measuring \(periods) periods") {
            try listen(boot.start(workspace: workspace), to: [Self.loop, machine], timeout: timeout)
        }
        return Result(control: reports[0], linux: reports[1])
    }

    func runBare(timeout: Duration) throws -> LatencyReport {
        let (boot, machine) = try prepare(isBare: true)
        return try Progress.step("Measuring \(periods) periods on the bare emulator") {
            try listen(boot.start(workspace: workspace), to: [machine], timeout: timeout)[0]
        }
    }

    /// The loop's periods beside neighbours. The emulator is slow if it changes the core after a few instructions.
    private var neighbourPeriods: Int { min(periods, 1000) }

    /// Measures the loop with a hostile component on each of three other cores.
    ///
    /// The machine is not Linux, but a program that ends its core's turns on the emulator after a few hundred
    /// instructions. Otherwise core 0 would have turns of up to a millisecond, in which its neighbours stand still. The
    /// loop has no budget, because a budget counts virtual time, which also passes in the turns of other cores.
    func runBesideNeighbours(timeout: Duration) throws -> NeighbourReport {
        var (manifest, linux) = try manifest(loopPeriods: neighbourPeriods)
        manifest.name = "bench-realtime-neighbours"
        var machine = MachineDescription(name: linux.name)
        (machine.guest, machine.memory) = (.target("HostileSpin"), 16 << 20)
        manifest.replace(machine)
        manifest.board.cores = 4
        manifest.setAllowance(.unlimited, of: Self.loop)
        for core in 1..<4 {
            var flood = ComponentDescription(name: "flood\(core)", program: .target("InterruptFlood"))
            (flood.core, flood.arguments) = (core, [NeighbourReport.attacks])
            manifest.add(flood)
        }
        let folder = workspace.state.appendingPathComponent("entries-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let boot = try PreparedBoot(
            manifest, workspace: workspace, options: options(manifest.board),
            entries: EntryCounter(workspace: workspace, folder: folder))
        return try Progress.step("Measuring \(neighbourPeriods) periods beside hostile neighbours") {
            let latencies = try listen(boot.start(workspace: workspace), to: [Self.loop], timeout: timeout)[0]
            return NeighbourReport(latencies: latencies, core: try EntryRecords(folder: folder).cores[0])
        }
    }

    /// Listens until all consoles of `names` have reported.
    private func listen(_ session: Session, to names: [String], timeout: Duration) throws -> [LatencyReport] {
        defer { session.end() }
        let deadline = ContinuousClock.now + timeout
        var reports = names.map { _ in LatencyReport() }
        while ContinuousClock.now < deadline {
            for event in session.wait(timeout: deadline - .now) {
                switch event {
                case .line(let channel, let text):
                    if let name = session.channels.first(where: { $0.number == channel })?.name,
                        let index = names.firstIndex(of: name)
                    {
                        reports[index].hear(text)
                    }
                    if !text.contains("load: ") && !text.contains(" bucket ") { Progress.say(text) }
                case .ended: throw Failure("the board went off before all measurements were done")
                case .output, .readable: break
                }
            }
            if reports.allSatisfy(\.isComplete) { return reports }
        }
        throw Failure(
            "not all measurements were done in time", remedy: "allow more by --timeout", status: ExitStatus.timeout)
    }
}

extension Manifest {
    /// Replaces the machine of the same name.
    mutating func replace(_ machine: MachineDescription) {
        tenants = tenants.map { $0.name == machine.name ? .machine(machine) : $0 }
    }

    mutating func setArguments(_ arguments: [UInt64], of name: String) {
        change(name) { $0.arguments = arguments }
    }

    fileprivate mutating func setAllowance(_ allowance: TimeAllowance, of name: String) {
        change(name) { $0.allowance = allowance }
    }

    fileprivate mutating func add(_ component: ComponentDescription) {
        tenants.append(.component(component))
    }

    private mutating func change(_ name: String, _ body: (inout ComponentDescription) -> Void) {
        tenants = tenants.map { tenant in
            guard case .component(var component) = tenant, component.name == name else { return tenant }
            body(&component)
            return .component(component)
        }
    }
}
