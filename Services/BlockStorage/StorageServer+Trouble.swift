import ABI
import DiskPool

// Pools with long work, and pools whose disk has failed for a while.
extension StorageServer {
    /// Lets each pool do one step of its work, and try again what its disk has failed, at most once a second.
    mutating func continuePools() {
        for pool in pools {
            guard let opened = pool.opened else { continue }
            if opened.pool.hasWork { opened.pool.advance() }
            guard opened.pool.hasTrouble, pool.lastAttempt != second else { continue }
            pool.lastAttempt = second
            if pool.state == .failed {
                // The disks of the pool may yet come.
                pool.state = .opening
                isOpen = false
            }
            opened.pool.retry()
        }
    }

    /// Notes which pools have work or trouble left, and reports what has happened to them during this run.
    mutating func reportTrouble() {
        (hasWork, hasTrouble) = (false, false)
        for pool in pools {
            guard let opened = pool.opened else { continue }
            if opened.pool.hasWork { hasWork = true }
            if opened.pool.hasTrouble { hasTrouble = true }
            let damaged = opened.pool.counters.damaged
            if damaged != pool.reportedDamage {
                pool.reportedDamage = damaged
                observer.note(.damaged(boardDisk: pool.boardDisk, count: damaged))
            }
            let hasFailed = opened.pool.hasFailedCommit
            guard hasFailed != pool.hasReportedFailure else { continue }
            pool.hasReportedFailure = hasFailed
            if !hasFailed { pool.lastAttempt = nil }
            observer.note(hasFailed ? .stopped(boardDisk: pool.boardDisk) : .resumed(boardDisk: pool.boardDisk))
        }
    }
}
