import DiskOrders
import DiskPool
import Foundation
import SystemImage

/// The pools of a system that runs. Orders go to its disk control, which passes them to the storage component.
final class RunningPools {
    /// The name of the system, as its run prints it.
    let run: String
    private let open: OpenDisks
    /// The only board's disk that counts, or nil if all do.
    private let boardDisk: String?
    private var conversation: OrderConversation<ConsoleClient>

    /// Connects to the running system that has one of a manifest's disks open. Returns nil if none has.
    init?(of manifest: Manifest, workspace: Workspace, folder: URL?, only boardDisk: String?) throws {
        let places = DiskFiles.places(of: manifest, workspace: workspace, folder: folder)
        guard let (run, open) = try OpenDisks.ofRun(with: places, in: workspace) else { return nil }
        (self.run, self.open, self.boardDisk) = (run, open, boardDisk)
        conversation = OrderConversation(try ConsoleClient(DiskTenant.control, of: run, workspace: workspace))
        guard try conversation.greet() else { throw silent }
    }

    private var silent: Failure {
        Failure(
            "the disk control of the running system '\(run)' does not answer",
            remedy: "look at its state by 'echo \"state \(DiskTenant.control)\" | ./entente console root'",
            status: ExitStatus.timeout)
    }

    /// Returns the pools.
    var pools: [PoolListing] {
        get throws {
            let found = try open.disks.enumerated().compactMap { number, disk -> PoolListing? in
                guard boardDisk ?? disk.name == disk.name else { return nil }
                return try listing(number, disk)
            }
            guard found.isEmpty else { return found }
            throw Failure(
                "the running system '\(run)' has no open pool"
                    + (boardDisk.map { " on the board's disk '\($0)'" } ?? ""),
                remedy: "look at the console of '\(DiskTenant.storage)', or choose another --board-disk")
        }
    }

    /// Returns a pool, or nil if the disk has none that is open.
    private func listing(_ number: Int, _ disk: OpenDisks.Disk) throws -> PoolListing? {
        var found: PoolListing?
        var disks: [DiskPool.DiskDescription] = []
        var damaged: Set<Int> = []
        let refusal = try list(number) { content in
            switch content {
            case .pool(let units, let free):
                (disks, damaged) = ([], [])
                found = PoolListing(
                    boardDisk: disk.name, place: URL(fileURLWithPath: disk.path).shortPath,
                    bytes: units * UInt64(PoolLayout.unitSize), freeUnits: free, disks: [], damaged: [])
            case .disk(let disk, let isDamaged):
                disks.append(disk)
                if isDamaged { damaged.insert(disk.index) }
            case .done, .refused, .running: break
            }
        }
        if let refusal, refusal != .busy { throw failure(refusal, "the pool of '\(disk.name)'") }
        found?.disks = disks.sorted { $0.name.text < $1.name.text }
        found?.damaged = damaged
        return found
    }

    /// Asks for a list. A component that dies meanwhile is asked again, because the question changes nothing.
    private func list(_ number: Int, _ heard: (DiskReply.Content) -> Void) throws -> DiskRefusal? {
        for _ in 0..<2 {
            let refusal = try perform(.list, number, heard)
            if refusal != .unknown { return refusal }
        }
        return try perform(.list, number, heard)
    }

    /// Returns the pool with a disk or snapshot.
    func pool(of name: String) throws -> PoolListing {
        let all = try pools
        if let pool = all.first(where: { $0.disks.contains { $0.name.text == name } }) { return pool }
        throw SystemPools.noDisk(name, run, all.flatMap(\.disks).map(\.name.text))
    }

    /// Performs an order, which is durable afterwards.
    ///
    /// - Parameters:
    ///   - subject: the disk that a refusal is about.
    ///   - pool: the pool; nil for the first.
    /// - Throws: `Failure` if the system refuses the order.
    func perform(_ verb: DiskOrder.Verb, on subject: String, in pool: PoolListing? = nil) throws {
        let name = try pool?.boardDisk ?? pools[0].boardDisk
        let number = open.disks.firstIndex { $0.name == name } ?? 0
        let start = ContinuousClock.now
        while let refusal = try perform(verb, number, { _ in }) {
            guard refusal == .busy, ContinuousClock.now - start < conversation.patience else {
                throw failure(refusal, "'\(subject)'")
            }
            usleep(100_000)
        }
    }

    /// Sends an order and takes its replies. Returns its refusal, or nil if it is done.
    private func perform(
        _ verb: DiskOrder.Verb, _ boardDisk: Int, _ heard: (DiskReply.Content) -> Void
    ) throws -> DiskRefusal? {
        var hasReported = false
        let outcome = try conversation.perform(verb, boardDisk) { content in
            if content == .running, !hasReported {
                Progress.say("==> The running system '\(run)' performs the order")
                hasReported = true
            }
            heard(content)
        }
        switch outcome {
        case .done: return nil
        case .refused(let refusal): return refusal
        case .silent: throw silent
        }
    }

    private func failure(_ refusal: DiskRefusal, _ subject: String) -> Failure {
        switch refusal {
        case .pool(let error): error.failure(subject)
        case .busy:
            Failure(
                "\(subject): the pool is not open, or other orders are under way",
                remedy: "try again, or look at the console of '\(DiskTenant.storage)'")
        case .isInUse:
            Failure(
                "\(subject): a machine or a component of the running system '\(run)' uses the disk",
                remedy: "end the system first, or delete a disk or snapshot without a user")
        case .unknown:
            Failure(
                "\(subject): the storage component or the disk control of '\(run)' died meanwhile",
                remedy: "'./entente disk list' shows whether the order was done")
        case .malformed:
            Failure(
                "\(subject): the running system '\(run)' does not understand the order",
                remedy: "use the version of Entente that started it")
        }
    }
}
