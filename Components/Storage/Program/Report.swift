import BlockStorage
import DiskPool
import Entente

/// Writes events to the log. Failed requests, and damage that they meet, are limited to `perSecond`, because a client
/// can make as many requests as it likes.
struct Report: StorageObserver {
    private static let perSecond = 4
    private var second: UInt64 = 0
    private var inSecond = 0
    private var omitted = 0

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
            guard mayWrite() else { return }
            log("the pool on the board's disk \(disk) is damaged (\(count)): 'entente disk check' tells more")
        case .noPartitions(let disk): log("the board's disk \(disk) has no valid GUID partition table")
        case .missing(let client, let disk):
            log("the pool has no disk for the disk \(disk) of client \(client): create it by 'entente disk create'")
        case .failed(let client, let disk, let request, let status):
            guard mayWrite() else { return }
            log(
                "request \(Int(request.operation.rawValue)) of client \(client) failed with status "
                    + "\(Int(status.rawValue)): disk \(disk), sector \(request.sector), \(request.length) bytes")
        }
    }

    private mutating func mayWrite() -> Bool {
        let now = Clock.now / Clock.frequency
        if now != second {
            if omitted > 0 { log("\(omitted) further failures") }
            (second, inSecond, omitted) = (now, 0, 0)
        }
        inSecond += 1
        if inSecond <= Report.perSecond { return true }
        omitted += 1
        return false
    }
}
