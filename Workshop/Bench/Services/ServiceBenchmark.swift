import Foundation
import SystemImage
import Tool

/// Counts the instructions of services: a store and a log as components, or as processes of a machine's Linux. The
/// plugin in `Benchmarks/Requests` counts between the marks of the measuring program.
struct ServiceBenchmark {
    let workspace: Workspace
    /// The operations of each task.
    var count = 1024
    var timeout = Duration.seconds(300)

    /// The outcome of one task.
    struct Result {
        var task: ServiceTask
        var cost: RequestCost
        /// The instructions that the board had executed when the task began, or nil if the task never left its program.
        var executedBefore: UInt64?
    }

    /// The model of the CPU in the systems.
    static let cpu = "neoverse-n1"

    /// An idle board waits for its disk in real time, as in `RequestBenchmark`. A tick of the counter is one
    /// instruction.
    private static let options = [
        "-icount", "shift=0,sleep=on", "-seed", "1", "-global", "\(cpu)-arm-cpu.cntfrq=1000000000",
    ]

    /// Runs the components of `Benchmarks/systems/service.yaml`.
    func components() throws -> [Result] {
        let file = workspace.root.appendingPathComponent("Benchmarks/systems/service.yaml")
        var manifest = try Manifest.load(path: file.path)
        manifest.setArguments([UInt64(count)], of: "bench")
        return try withFolder { folder in
            let boot = try PreparedBoot(manifest, workspace: workspace, options: Self.options(disks: folder))
            return try run(boot, parts: BoardPart.all(in: boot), console: "bench", folder)
        }
    }

    /// Runs the processes of `Guests/Linux/services.c` in a machine, on Entente or on the bare board.
    func processes(isBare: Bool) throws -> [Result] {
        let file = workspace.root.appendingPathComponent("Benchmarks/systems/efficiency.yaml")
        var manifest = try Manifest.load(path: file.path, overriding: BoardOverrides(cpu: Self.cpu))
        guard let described = manifest.machines.first else { throw Failure("\(file.path) describes no machine") }
        let program = LinuxWorkload(
            workspace: workspace, name: "services", parts: ["item_server", "line_server", "output"])
        var machine = try program.added(to: described, running: "/services \(count)")
        // The manifest's own command line starts another program.
        machine.commandLine = "console=ttyAMA0 quiet kpti=off"
        manifest.replace(machine)
        return try withFolder { folder in
            let options = Self.options(disks: folder)
            let boot =
                isBare
                ? try PreparedBoot(bare: machine, of: manifest, workspace: workspace, options: options)
                : try PreparedBoot(manifest, workspace: workspace, options: options)
            return try run(boot, parts: isBare ? [] : BoardPart.all(in: boot), console: machine.name, folder)
        }
    }

    private static func options(disks folder: URL) -> BootOptions {
        var options = BootOptions(extraArguments: Self.options)
        options.disks = folder
        return options
    }

    private func withFolder<Value>(_ body: (URL) throws -> Value) throws -> Value {
        let folder = workspace.state.appendingPathComponent("services-\(UUID().uuidString)")
        try workspace.make(folder)
        defer { try? FileManager.default.removeItem(at: folder) }
        return try body(folder)
    }

    private func run(_ prepared: PreparedBoot, parts: [BoardPart], console: String, _ folder: URL) throws -> [Result] {
        var boot = prepared
        let output = folder.appendingPathComponent("counts")
        let plugin = try EmulatorPlugin(workspace: workspace, name: "requests", folder: "Requests").build()
        let regions = parts.map { ",region=\($0.range.lowerBound):\($0.range.upperBound)" }.joined()
        boot.arguments += ["-plugin", "\(plugin.path),output=\(output.path)\(regions)"]
        let tasks = try Progress.step("Counting the operations of services (\(console))") {
            try listen(to: boot.start(workspace: workspace), console: console)
        }
        let records = try RequestRecord.all(in: Data(contentsOf: output))
        guard records.count == tasks.count else {
            throw Failure("\(tasks.count) tasks were reported, and \(records.count) were counted")
        }
        return zip(tasks, records).map { task, record in
            Result(
                task: task, cost: RequestCost(record, parts: parts, requests: task.operations),
                executedBefore: record.changes.first?.executed)
        }
    }

    private func listen(to session: Session, console: String) throws -> [ServiceTask] {
        defer { session.end() }
        let deadline = ContinuousClock.now + timeout
        var tasks: [ServiceTask] = []
        while ContinuousClock.now < deadline {
            for event in session.wait(timeout: deadline - .now) {
                switch event {
                case .line(_, let text):
                    if text.contains("service: ") || text.contains("cannot ") { Progress.say(text) }
                    if text.contains("service: cannot ") { throw Failure("a service failed: \(text)") }
                    if let task = ServiceTask(line: text) { tasks.append(task) }
                    if ServiceTask.isEnd(line: text) { return tasks }
                case .ended: throw Failure("the board went off before the services had been measured")
                case .output, .readable: break
                }
            }
        }
        throw Failure(
            "the services were not measured in time",
            remedy: "look at \(session.files.log(ofConsole: console).shortPath)", status: ExitStatus.timeout)
    }
}
