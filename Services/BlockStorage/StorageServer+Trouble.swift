import ABI
import DiskPool

// Pools with long work, and pools whose disk has failed for a while.
extension StorageServer {
    /// True if a pool has work left that needs no event. The owner then calls `run` again, after it has woken peers.
    public var hasWork: Bool { pools.contains { $0.opened?.pool.hasWork == true } }

    /// True if a pool waits for its disk to work again.
    public var hasTrouble: Bool { pools.contains { $0.opened?.pool.hasTrouble == true } }

    /// Lets each pool do one step of its work, and try again what its disk has failed, at most once a second.
    mutating func continuePools() {
        for index in pools.indices {
            if pools[index].opened?.pool.hasWork == true { pools[index].opened?.pool.advance() }
            guard pools[index].opened?.pool.hasTrouble == true, pools[index].lastAttempt != second else { continue }
            pools[index].lastAttempt = second
            if pools[index].state == .failed {
                // The disks of the pool may yet come.
                pools[index].state = .opening
                isOpen = false
            }
            pools[index].opened?.pool.retry()
        }
    }

    /// Reports what has happened to the pools during this run.
    mutating func reportTrouble() {
        for index in pools.indices {
            guard let counters = pools[index].opened?.pool.counters else { continue }
            let boardDisk = pools[index].boardDisk
            if counters.damaged != pools[index].reportedDamage {
                pools[index].reportedDamage = counters.damaged
                observer.note(.damaged(boardDisk: boardDisk, count: counters.damaged))
            }
            let hasFailed = pools[index].opened?.pool.hasFailedCommit == true
            guard hasFailed != pools[index].hasReportedFailure else { continue }
            pools[index].hasReportedFailure = hasFailed
            if !hasFailed { pools[index].lastAttempt = nil }
            observer.note(hasFailed ? .stopped(boardDisk: boardDisk) : .resumed(boardDisk: boardDisk))
        }
    }
}
