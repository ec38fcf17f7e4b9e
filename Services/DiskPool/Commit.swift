/// The state of the commit that is under way, and the count of those that have ended.
struct Commit {
    enum Stage { case idle, writing, flushing, switching, finishing }

    var stage = Stage.idle
    var isWanted = false
    /// Device requests of this stage that are under way.
    var outstanding = 0
    // The next structures to be sent, while the queue to the device is full.
    var nextSlot = 0
    var nextMapBlock = 0
    var nextRecord = 0
    var hasFailed = false
    /// The number of commits that have ended.
    var finished: UInt64 = 0
    /// The count of ended writes when the flush was sent.
    var mark: UInt64 = 0

    var isRunning: Bool { stage != .idle }
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
    /// The copy of the superblock, the block or the log entry that is being read.
    var next = 0
    var best: (generation: UInt64, copy: Int)?
    var failures: [PoolError] = []
    /// The log's entries that follow the last commit, while they are replayed.
    var entries: [RecoveryEntry] = []
}
