import DiskOrders
import DiskPool
import Foundation
import SystemImage
import Tool

/// Counts the instructions of a snapshot and a clone of a disk that a running machine uses, of the first write behind
/// them, and of reads at the end of a chain of snapshots.
struct SnapshotBenchmark {
    let workspace: Workspace
    /// The reads of each kind that are counted.
    var count = 1000
    /// The snapshots of the chain.
    var chain = 100
    var timeout = Duration.seconds(900)

    /// The measurements of Guests/Linux/snapshots.c, in their order.
    enum Step: String, CaseIterable {
        case read, snapshot, clone
        case firstWrite = "write-first"
        case secondWrite = "write-second"
        case readOfChain = "read-chain"

        var isOrder: Bool { self == .snapshot || self == .clone }
    }

    /// The costs of each step.
    struct Result {
        var costs: [Step: RequestCost] = [:]
        /// The times from an order to its answer, on the host.
        var times: [Step: Duration] = [:]
    }

    /// A nanosecond of the board is an instruction. An idle board waits for its disk in the host's time.
    private static let clock = ["-icount", "shift=0,sleep=on", "-seed", "1"]

    /// Measures a disk of which so many MiB are written.
    func result(written mebibytes: Int) throws -> Result {
        let file = workspace.root.appendingPathComponent("Benchmarks/systems/disk-snapshots.yaml")
        var manifest = try Manifest.load(path: file.path)
        guard let described = manifest.machines.first, let disk = described.disks.first else {
            throw Failure("\(file.shortPath) describes no machine with a disk")
        }
        let workload = LinuxWorkload(workspace: workspace, name: "snapshots")
        let command = "/snapshots /dev/vda \(mebibytes) \(count) \(chain)"
        let machine = try workload.added(to: described, running: command)
        manifest.replace(machine)
        let folder = workspace.state.appendingPathComponent("snapshots-\(UUID().uuidString)")
        try workspace.make(folder)
        defer { try? FileManager.default.removeItem(at: folder) }
        var options = BootOptions(extraArguments: Self.clock)
        options.disks = folder
        var boot = try PreparedBoot(manifest, workspace: workspace, options: options)
        let parts = try BoardPart.all(in: boot)
        let output = folder.appendingPathComponent("counts")
        let plugin = try EmulatorPlugin(workspace: workspace, name: "requests", folder: "Requests").build()
        let regions = parts.map { ",region=\($0.range.lowerBound):\($0.range.upperBound)" }.joined()
        boot.arguments += ["-plugin", "\(plugin.path),output=\(output.path)\(regions)"]
        return try Progress.step("Counting snapshots of a disk with \(mebibytes) MiB") {
            var orders = try SnapshotOrders(
                session: boot.start(workspace: workspace), machine: machine.name, disk: "\(machine.name).\(disk.name)")
            try orders.perform(timeout: timeout)
            let records = try RequestRecord.all(in: Data(contentsOf: output))
            guard records.count == Step.allCases.count else {
                throw Failure("\(records.count) of \(Step.allCases.count) steps were counted")
            }
            var result = Result()
            for (step, record) in zip(Step.allCases, records) {
                let isRead = step == .read || step == .readOfChain
                result.costs[step] = RequestCost(record, parts: parts, requests: isRead ? count : 1)
            }
            result.times[.snapshot] = orders.times.first
            result.times[.clone] = orders.times.dropFirst().first
            return result
        }
    }
}

/// Gives the orders for which the machine's program waits. The second one is a clone, and all others are snapshots.
struct SnapshotOrders {
    let session: Session
    let machine: String
    /// The disk's name in its pool.
    let disk: String
    /// The time from each order to its answer.
    private(set) var times: [Duration] = []
    private var start: ContinuousClock.Instant?
    /// The beginning of a reply's line.
    private var replies: [UInt8] = []

    init(session: Session, machine: String, disk: String) {
        (self.session, self.machine, self.disk) = (session, machine, disk)
    }

    /// Returns the order with a number, as it is typed at the console of the disk control.
    static func line(_ number: Int, disk: String) throws -> [UInt8] {
        func name(_ text: String) throws -> PoolName {
            guard let name = PoolName(text.utf8) else { throw Failure("'\(text)' is no name of a disk") }
            return name
        }
        let origin = try name(disk)
        let verb: DiskOrder.Verb =
            number == 1 ? .clone(try name("clone"), of: origin) : .snapshot(try name("\(disk)@\(number)"), of: origin)
        return DiskOrder(token: UInt64(number) + 1, verb).line + [0x0A]
    }

    /// Performs the orders until the program ends.
    mutating func perform(timeout: Duration) throws {
        defer { session.end() }
        let deadline = ContinuousClock.now + timeout
        while ContinuousClock.now < deadline {
            for event in session.wait(timeout: deadline - .now) {
                switch event {
                // The session keeps the replies of the disk control from its lines.
                case .output(let channel, let bytes):
                    if channel == number(of: DiskTenant.control) { try hearReplies(bytes) }
                case .line(_, let text):
                    if try hear(text) { return }
                case .ended: throw Failure("the board went off before the measurement had ended")
                case .readable: break
                }
            }
        }
        throw Failure(
            "the measurement did not end in time",
            remedy: "allow more by --timeout, or look at \(session.files.log(ofConsole: machine).shortPath)",
            status: ExitStatus.timeout)
    }

    /// Takes a line of a console. Returns true at the end.
    private mutating func hear(_ text: String) throws -> Bool {
        guard let program = text.firstRange(of: "snapshots: ")?.upperBound else { return false }
        let words = text[program...].split(whereSeparator: \.isWhitespace)
        if words.first == "end" { return true }
        guard words.count == 2, words[0] == "order", let order = Int(words[1]),
            let control = number(of: DiskTenant.control)
        else { return false }
        start = .now
        session.type(try Self.line(order, disk: disk), to: control)
        return false
    }

    private mutating func hearReplies(_ bytes: [UInt8]) throws {
        replies += bytes
        while let end = replies.firstIndex(of: 0x0A) {
            let line = replies[..<end].filter { $0 != 0x0D }
            replies.removeFirst(end + 1)
            guard let start, let content = DiskReply(line: line)?.content else { continue }
            switch content {
            case .done:
                times.append(.now - start)
                self.start = nil
                if let console = number(of: machine) { session.type([0x0A], to: console) }
            case .refused(let refusal): throw Failure("the running system refused an order: \(refusal)")
            case .running, .pool, .disk: break
            }
        }
    }

    private func number(of console: String) -> UInt8? { session.channels.first { $0.name == console }?.number }
}
