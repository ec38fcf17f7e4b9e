import Foundation
import SystemImage
import Tool

/// Counts the instructions of requests to a disk: of a machine on the bare board, and of the same machine on Entente
/// with a whole disk, with a disk of a pool, and with one whose data has checksums.
struct RequestBenchmark {
    let workspace: Workspace
    /// The requests of each task.
    var count = 1000
    var timeout = Duration.seconds(300)
    /// The folder in which the plugin's files stay, or nil if they are removed.
    var kept: URL?

    /// The systems that are compared.
    enum Subject: String, CaseIterable {
        case native, whole, pool
        /// A disk of a pool with checksums of its data.
        case checksums
        /// A machine with two virtual CPUs on two cores. The requests come from the second one, while the backend runs
        /// on the core of the first one, which gets the interrupts.
        case cores

        fileprivate var system: String { self == .native ? "whole" : rawValue }
        /// The tasks that are counted: a beginning of `RequestBenchmark.tasks`.
        var tasks: [String] { self == .cores ? Array(RequestBenchmark.tasks.prefix(1)) : RequestBenchmark.tasks }
    }

    /// The tasks of Guests/Linux/requests.c: a kind of request, the number of requests under way, and for larger
    /// requests than 4 KiB an x and the number of pages of 4 KiB.
    static let tasks = ["read1", "write1", "sync1", "read32", "write32", "read1x256", "write1x256"]

    /// Returns the number of requests of a task: an eighth of `count` if they are larger ones.
    private func requests(of task: String) -> Int { task.contains("x") ? count / 8 : count }

    /// Time follows the instructions, but an idle board waits for its disk in real time. It would otherwise jump to its
    /// next timer at once, and execute timer interrupts during each wait.
    private static let clock = ["-icount", "shift=0,sleep=on", "-seed", "1"]

    /// Runs the tasks of one subject.
    ///
    /// - Returns: the cost of each task, in their order.
    func costs(of subject: Subject) throws -> [RequestCost] {
        let (records, parts) = try records(of: subject, tasks: subject.tasks)
        return zip(records, subject.tasks).map { RequestCost($0, parts: parts, requests: requests(of: $1)) }
    }

    /// Runs tasks on one subject, and returns what the plugin counted.
    func records(of subject: Subject, tasks: [String]) throws -> (records: [RequestRecord], parts: [BoardPart]) {
        let file = workspace.root.appendingPathComponent("Benchmarks/systems/disk/\(subject.system).yaml")
        let manifest = try Manifest.load(path: file.path)
        guard let described = manifest.machines.first else { throw Failure("\(file.path) describes no machine") }
        let machine = try LinuxWorkload(workspace: workspace, name: "requests").added(
            to: described, running: "/requests /dev/vda \(count) \(tasks.joined(separator: " "))")
        let folder = workspace.state.appendingPathComponent("requests-\(UUID().uuidString)")
        try workspace.make(folder)
        if let kept { try workspace.make(kept) }
        defer { try? FileManager.default.removeItem(at: folder) }
        var options = BootOptions(extraArguments: Self.clock)
        options.disks = folder
        var system = manifest
        system.replace(machine)
        var boot =
            subject == .native
            ? try PreparedBoot(bare: machine, of: system, workspace: workspace, options: options)
            : try PreparedBoot(system, workspace: workspace, options: options)
        let parts = subject == .native ? [] : try BoardPart.all(in: boot)
        let output = (kept ?? folder).appendingPathComponent("\(subject.rawValue).counts")
        let plugin = try EmulatorPlugin(workspace: workspace, name: "requests", folder: "Requests").build()
        let regions = parts.map { ",region=\($0.range.lowerBound):\($0.range.upperBound)" }.joined()
        boot.arguments += ["-plugin", "\(plugin.path),output=\(output.path)\(regions)"]
        let session = try boot.start(workspace: workspace)
        try Progress.step("Counting requests of '\(manifest.name)' (\(subject.rawValue))") {
            try listen(to: session, console: machine.name)
        }
        let records = try RequestRecord.all(in: Data(contentsOf: output))
        guard records.count == tasks.count else {
            throw Failure("\(records.count) of \(tasks.count) tasks were counted", remedy: "see the lines above")
        }
        return (records, parts)
    }

    private func listen(to session: Session, console: String) throws {
        defer { session.end() }
        let deadline = ContinuousClock.now + timeout
        while ContinuousClock.now < deadline {
            for event in session.wait(timeout: deadline - .now) {
                switch event {
                case .line(_, let text):
                    if text.contains("requests: ") { Progress.say(text) }
                    if text.contains("requests: end") { return }
                case .ended: throw Failure("the board went off before the requests had ended")
                case .output, .readable: break
                }
            }
        }
        throw Failure(
            "the requests did not end in time",
            remedy: "allow more by --timeout, or look at \(session.files.log(ofConsole: console).shortPath)",
            status: ExitStatus.timeout)
    }
}
