import ArgumentParser
import Foundation
import SystemImage
import Tool

struct BenchMemoryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "memory",
        abstract: "Reports the uses of a board's RAM.",
        discussion: """
            Boots the system until root has built it. memory.beside is all that is neither free, nor a machine's \
            RAM, nor a file that machines start from (which stays in the image for restarts).

            With --machines, the system is a board of 4 GiB with so many idle Debian machines of 64 MiB, each with a \
            clone of one disk. The instructions of the whole board until the first and until the last of them has \
            started come along. All machines start at once, on one core. With --kvm they are guests of KVM instead, \
            without disks, and start one after the other.
            """)

    @OptionGroup var system: SystemOptions

    @Flag(help: "Print JSON instead of a table.")
    var json = false

    @Option(help: ArgumentHelp("Start this number of machines instead of a system.", valueName: "number"))
    var machines: Int?

    @Flag(help: "Start the machines as guests of KVM on the board.")
    var kvm = false

    @Option(help: ArgumentHelp("End after this time.", valueName: "seconds"))
    var timeout = 60

    func validate() throws {
        guard let machines else {
            if kvm { throw ValidationError("--kvm needs --machines NUMBER") }
            return
        }
        let maximum = kvm ? KVMDensity.maximum : MachineCrowd.maximum
        if !(1...maximum).contains(machines) { throw ValidationError("--machines takes 1 to \(maximum)") }
        if system.path != nil { throw ValidationError("--machines makes a system of its own: leave the other one out") }
    }

    func run() throws {
        let workspace = try Workspace.current()
        if let machines, kvm {
            let density = KVMDensity(workspace: workspace, count: machines, timeout: .seconds(timeout))
            return try print(KVMDensity.rows(density.starts()))
        }
        if let machines { return try run(MachineCrowd(count: machines), in: workspace) }
        let boot = try PreparedBoot(
            system.manifest(in: workspace), workspace: workspace, options: BootOptions())
        try print(rows(account(boot.start(workspace: workspace)), boot))
    }

    private func run(_ crowd: MachineCrowd, in workspace: Workspace) throws {
        let folder = workspace.state.appendingPathComponent("machines-\(UUID().uuidString)")
        try workspace.make(folder)
        defer { try? FileManager.default.removeItem(at: folder) }
        var options = BootOptions(extraArguments: MachineCrowd.clock)
        options.disks = folder
        let manifest = try Manifest.load(path: crowd.write(to: folder).path)
        var boot = try PreparedBoot(manifest, workspace: workspace, options: options)
        let executed = folder.appendingPathComponent("count")
        boot.arguments += try InstructionRecord.arguments(workspace: workspace, file: executed)
        let rows = try Progress.step("Starting \(crowd.count) machines") {
            let session = try boot.start(workspace: workspace)
            defer { session.end() }
            var figures: [WorkloadRun.Figure] = []
            let starts = try crowd.starts(session, executed: executed, timeout: .seconds(timeout)) {
                let found = WorkloadRun.pairs(in: $0, behind: Self.account)
                if !found.isEmpty { figures = found }
            }
            return self.rows(figures, boot)
                + [("first", starts.first), ("last", starts.last)].map {
                    BenchRow("machines.\(crowd.count).\($0)", Double($1 ?? 0))
                }
        }
        try print(rows)
    }

    private func print(_ rows: [BenchRow]) throws {
        Swift.print(try json ? BenchRow.json(rows) : BenchRow.table(rows))
    }

    private func rows(_ figures: [WorkloadRun.Figure], _ boot: PreparedBoot) -> [BenchRow] {
        let parts = split(figures, boot)
        let outside = ["total", "free", "machines", "files"]
        let beside = parts.filter { !outside.contains($0.name) }.reduce(0) { $0 + $1.value }
        return (parts + [("beside", beside)]).map { BenchRow("memory.\($0.name)", $0.value, unit: "KiB") }
    }

    /// The beginning of root's line.
    private static let account = "memory in KiB: "

    /// Divides the figures that root cannot divide: memory of machines and components, and files and programs in the
    /// image.
    private func split(_ figures: [WorkloadRun.Figure], _ boot: PreparedBoot) -> [WorkloadRun.Figure] {
        let (memory, files) = (Double(boot.machineMemory >> 10), Double((boot.machineFiles + 1023) >> 10))
        return figures.flatMap { figure -> [WorkloadRun.Figure] in
            switch figure.name {
            case "image": [("files", files), ("programs", figure.value - files)]
            case "extents": [("machines", memory), ("components", figure.value - memory)]
            default: [figure]
            }
        }
    }

    /// Returns the pairs of root's line.
    private func account(_ session: Session) throws -> [WorkloadRun.Figure] {
        defer { session.end() }
        let deadline = ContinuousClock.now + .seconds(timeout)
        while ContinuousClock.now < deadline {
            for event in session.wait(timeout: deadline - .now) {
                switch event {
                case .line(_, let text):
                    let parts = WorkloadRun.pairs(in: text, behind: Self.account)
                    if !parts.isEmpty { return parts }
                case .ended: throw Failure("the board went off before root had built the system")
                case .output, .readable: break
                }
            }
        }
        throw Failure(
            "root did not build the system in time", remedy: "allow more by --timeout", status: ExitStatus.timeout)
    }
}
