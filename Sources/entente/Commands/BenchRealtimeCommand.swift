import ArgumentParser
import Foundation
import SystemImage

struct BenchRealtimeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "realtime",
        abstract: "Measures the wake-up latency of a control loop beside a Debian machine under full load.",
        discussion: """
            Boots examples/realtime with deterministic time (-icount shift=0) and a counter of 1 GHz, so that latencies are \
            exact to the instruction. The machine's first process is Guests/Linux/realtime.c: it starts a load, and measures \
            in the same way what a SCHED_FIFO thread of Linux gets in that machine. Both histograms are printed. 100,000 \
            periods of 1 ms are 10^11 instructions.
            """)

    @Flag(help: "Print JSON instead of a table.")
    var json = false

    @Option(help: "How many periods of 1 ms.")
    var periods = 10_000

    @Flag(help: "Then measure the same Linux with the same load without Entente, too.")
    var bare = false

    @Option(help: ArgumentHelp("End after this time; by default in proportion to the periods.", valueName: "seconds"))
    var timeout: Int?

    func validate() throws {
        if !(100...10_000_000).contains(periods) { throw ValidationError("--periods takes 100 to 10000000") }
    }

    func run() throws {
        let benchmark = RealtimeBenchmark(workspace: try Workspace.current(), periods: periods)
        let limit = Duration.seconds(timeout ?? 300 + periods / 10)
        var result = try benchmark.run(timeout: limit)
        if bare { result.bare = try benchmark.runBare(timeout: limit) }
        print(try json ? BenchRow.json(result.rows) : result.text)
    }
}

/// `examples/realtime` with the load of `Guests/Linux/realtime.c`.
struct RealtimeBenchmark {
    let workspace: Workspace
    var periods: Int

    /// The component's name in the manifest.
    static let loop = "control"
    /// Periods that the machine takes to boot: the loop measures so many more, all of them counted.
    static let bootPeriods = 2000

    struct Result {
        var control: LatencyReport
        var linux: LatencyReport
        /// Linux without Entente.
        var bare: LatencyReport?
    }

    /// The system, and its machine alone on the bare emulator.
    private func plan(isBare: Bool = false) throws -> (plan: BootPlan, machine: String) {
        let file = workspace.root.appendingPathComponent("examples/realtime/system.yaml")
        var manifest = try Manifest.load(path: file.path)
        guard let described = manifest.machines.first else { throw Failure("\(file.path) describes no machine") }
        let program = LinuxWorkload(workspace: workspace, name: "realtime", parts: ["load", "output"])
        var machine = try program.added(to: described)
        let microseconds = 1000
        machine.commandLine += " quiet kpti=off rdinit=/realtime -- \(microseconds) \(periods)"
        manifest.replace(machine)
        manifest.setArguments([UInt64(microseconds), UInt64(periods + Self.bootPeriods)], of: Self.loop)
        manifest.name = "bench-realtime"
        let counter = "\(manifest.board.cpu)-arm-cpu.cntfrq=1000000000"
        let options = try EmulatorOptions.parse(["--icount", "--qemu-argument", "-global", "--qemu-argument", counter])
        let plan = isBare
            ? try BootPlan(bare: machine, of: manifest, workspace: workspace, options: options)
            : try BootPlan(manifest, workspace: workspace, options: options)
        return (plan, machine.name)
    }

    func run(timeout: Duration) throws -> Result {
        let (plan, machine) = try plan()
        let reports = try Progress.step("Measuring \(periods) periods") {
            try listen(plan.start(workspace: workspace), to: [Self.loop, machine], timeout: timeout)
        }
        return Result(control: reports[0], linux: reports[1])
    }

    func runBare(timeout: Duration) throws -> LatencyReport {
        let (plan, machine) = try plan(isBare: true)
        return try Progress.step("Measuring \(periods) periods on the bare emulator") {
            try listen(plan.start(workspace: workspace), to: [machine], timeout: timeout)[0]
        }
    }

    /// Until all of them have reported.
    private func listen(_ session: Session, to names: [String], timeout: Duration) throws -> [LatencyReport] {
        defer { session.end() }
        let deadline = ContinuousClock.now + timeout
        var reports = names.map { _ in LatencyReport() }
        while ContinuousClock.now < deadline {
            for event in session.wait(timeout: deadline - .now) {
                switch event {
                case .line(let channel, let text):
                    if let name = session.channels.first(where: { $0.number == channel })?.name, let index = names.firstIndex(of: name) {
                        reports[index].hear(text)
                    }
                    if !text.contains("load: ") && !text.contains(" bucket ") { Progress.say(text) }
                case .ended: throw Failure("the board went off before all had measured")
                case .output, .readable: break
                }
            }
            if reports.allSatisfy(\.isComplete) { return reports }
        }
        throw Failure("not all measured in time", remedy: "allow more by --timeout", status: ExitStatus.timeout)
    }
}

extension Manifest {
    fileprivate mutating func replace(_ machine: MachineDescription) {
        machines = machines.map { $0.name == machine.name ? machine : $0 }
        tenants = tenants.map { $0.name == machine.name ? .machine(machine) : $0 }
    }

    fileprivate mutating func setArguments(_ arguments: [UInt64], of name: String) {
        for index in components.indices where components[index].name == name { components[index].arguments = arguments }
        tenants = tenants.map { tenant in
            guard case .component(var component) = tenant, component.name == name else { return tenant }
            component.arguments = arguments
            return .component(component)
        }
    }
}
