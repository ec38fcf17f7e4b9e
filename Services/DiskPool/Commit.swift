/// The state of the commit that is under way, and the count of those that have ended.
struct Commit {
    enum Stage {
        case idle, writing, flushing, switching, finishing
        /// The device has failed. Nothing changes until the same commit has been tried again with success.
        case failed
    }

    var stage = Stage.idle
    var isWanted = false
    /// Device requests of this stage that are under way.
    var outstanding = 0
    // The next structures to be sent, while the queue to the device is full.
    var nextSlot = 0
    var nextMapBlock = 0
    var nextRecord = 0
    var hasFailed = false
    /// True from a failure until the same commit has succeeded.
    var isRepeated = false
    /// The copies of the superblock that were not valid when the pool was opened, as bits. They may have sectors of a
    /// commit that an earlier life did not finish.
    var torn: UInt32 = 0
    /// True once this attempt has sent what spoils the torn copies.
    var hasSpoiled = false
    /// The number of commits that have ended.
    var finished: UInt64 = 0
    /// The count of ended writes when the flush was sent.
    var mark: UInt64 = 0

    /// True while nothing may change: a commit is under way, or has failed and was not repeated yet.
    var isRunning: Bool { stage != .idle }

    /// Begins to write, for the first time or again.
    mutating func begin() {
        stage = .writing
        (nextSlot, nextMapBlock, nextRecord) = (0, 0, 0)
        (hasFailed, hasSpoiled) = (false, false)
    }
}

/// The order of data writes and flushes. A flush makes durable what the device finished before the flush was sent.
struct WriteOrder {
    /// The number of device writes of data that have ended.
    var ended: UInt64 = 0
    /// The value of `ended` up to which a flush has succeeded.
    var flushed: UInt64 = 0
    /// The value of `ended` that the newest flush on its way covers.
    var sent: UInt64 = 0
    /// The number of flushes that have failed.
    var failures: UInt64 = 0
}

/// The state of opening a pool.
struct Mount {
    enum Stage: Equatable { case idle, superblocks, selected, flushing, blocks, replaying, done, failed }

    var stage = Stage.idle
    var failure: PoolError?
    /// The number of times that the pool was opened, with the present one.
    var attempt = 0
    /// The copy of the superblock, the block or the log entry that is being read.
    var next = 0
    var best: (generation: UInt64, copy: Int)?
    /// The copies of the superblock that the device could not read, and those that are valid, as bits.
    var unreadable: UInt32 = 0
    var valid: UInt32 = 0

    /// True if the device could read no copy of one of the two generations, which may be the newest one.
    var missesGeneration: Bool {
        for parity in 0...1 as ClosedRange<UInt32> {
            let copies: UInt32 = 0b101 << parity
            if valid & copies == 0, unreadable & copies != 0 { return true }
        }
        return false
    }
    var failures: [PoolError] = []
    /// The log's entries that follow the last commit, while they are replayed.
    var entries: [RecoveryEntry] = []
}
