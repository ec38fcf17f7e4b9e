import BlockStorage
import DiskPool
import Entente

/// Writes events to the log. Each client and each disk of the board has `perSecond` lines for failed requests and for
/// damage, because a client can make as many requests as it likes.
struct Report: StorageObserver {
    private static let perSecond = 4
    private var failures: LineLimit
    private var damage: LineLimit

    /// - Parameters:
    ///   - clients: the number of clients.
    ///   - boardDisks: the number of the board's disks.
    init(clients: Int, boardDisks: Int) {
        failures = LineLimit(perSecond: Report.perSecond, parties: clients)
        damage = LineLimit(perSecond: Report.perSecond, parties: boardDisks)
    }

    mutating func note(_ event: StorageEvent) {
        switch event {
        case .opened(let disk): log("opened the pool on the board's disk \(disk)")
        case .notOpened(let disk, let failure):
            log(
                "the board's disk \(disk) has no usable pool (error \(Int(failure.rawValue))): 'entente disk check' tells more"
            )
        case .stopped(let disk):
            log("the board's disk \(disk) fails: its pool cannot be changed until the disk works again")
        case .resumed(let disk): log("the board's disk \(disk) works again, and its pool has been written")
        case .damaged(let disk, let count):
            guard let omitted = damage.admit(party: disk, second: now) else { return }
            if omitted > 0 { log("the pool on the board's disk \(disk): \(omitted) further reports of damage") }
            log("the pool on the board's disk \(disk) is damaged (\(count)): 'entente disk check' tells more")
        case .noPartitions(let disk): log("the board's disk \(disk) has no valid GUID partition table")
        case .missing(let client, let disk):
            log("the pool has no disk for the disk \(disk) of client \(client): create it by 'entente disk create'")
        case .failed(let client, let disk, let request, let status):
            guard let omitted = failures.admit(party: client, second: now) else { return }
            if omitted > 0 { log("client \(client): \(omitted) further failures") }
            log(
                "request \(Int(request.operation.rawValue)) of client \(client) failed with status "
                    + "\(Int(status.rawValue)): disk \(disk), sector \(request.sector), \(request.length) bytes")
        }
    }

    private var now: UInt64 { Clock.now / Clock.frequency }
}
