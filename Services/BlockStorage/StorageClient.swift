import ABI
import DiskPool

/// A client of the storage component, with the disks that the plan gives it.
///
/// Clients, pools and lanes are classes, because the compiler would copy a whole structure for many reads of one of its
/// properties.
public final class StorageClient<Source: BlockRequestSource> {
    public var source: Source
    /// The number of its window in requests to the driver, and the size of the window in bytes.
    public let window: UInt16
    public let windowSize: UInt64
    /// Its disks, by their numbers in the connection.
    public internal(set) var disks: [StorageDisk]

    public init(source: Source, window: UInt16, windowSize: UInt64, disks: [StorageDisk]) {
        (self.source, self.window, self.windowSize, self.disks) = (source, window, windowSize, disks)
    }
}

/// A disk of a client.
public struct StorageDisk: Equatable, Sendable {
    public enum Place: Equatable, Sendable {
        /// A disk of the pool on a disk of the board.
        case pool(PoolName)
        /// The whole disk of the board.
        case whole
        /// A partition of the disk's GUID partition table, counted from 1.
        case partition(Int)
    }

    public let place: Place
    /// True if it is a disk of a pool.
    let isInPool: Bool
    /// The number of the board's disk in the connection to the driver.
    public var boardDisk: Int
    public var isReadOnly: Bool
    /// The disk as the client sees it; nil until it is open.
    var description: BlockDisk?
    /// The first sector of a partition on the disk of the board.
    var start: UInt64 = 0
    /// The index of the pool, and of the disk's record in the pool.
    var pool = 0
    var record = 0
    var isMissing = false
    /// The index of the lane of its requests.
    var lane = 0

    public init(_ place: Place, boardDisk: Int, isReadOnly: Bool) {
        (self.place, self.boardDisk, self.isReadOnly) = (place, boardDisk, isReadOnly)
        isInPool = if case .pool = place { true } else { false }
    }
}

/// A request of a client that is being performed.
struct StorageOperation<Slot> {
    enum Stage: Equatable {
        case free
        /// A flush of a whole disk that waits for older requests.
        case waiting
        case running
        /// The flush behind a write to a whole disk that must be durable before its answer.
        case flushing
    }
    var stage = Stage.free
    var client = 0
    var slot: Slot?
    var request = BlockRequest(.flush)
    var order: UInt64 = 0
}

/// A pool, in an object of its own, so that an optional one is read without a copy.
final class OpenedPool<Memory: PoolMemory, Log: RecoveryLog> {
    var pool: Pool<Memory, Log>
    init(_ pool: Pool<Memory, Log>) { self.pool = pool }
}

/// A pool on a disk of the board.
final class StoragePool<Memory: PoolMemory, Log: RecoveryLog> {
    enum State: Equatable { case closed, opening, open, failed }
    let boardDisk: Int
    var state = State.closed
    /// The memory for the pool, until the pool exists.
    var memory: Memory?
    let memorySize: Int
    /// The place of the memory in window 0.
    let offset: Int
    let log: Log
    /// The pool, once its disk is known.
    var opened: OpenedPool<Memory, Log>?
    /// The second in which the pool last tried again what its disk had failed; nil if it has not tried.
    var lastAttempt: UInt64?
    // The events of which the observer has heard.
    var reportedDamage: UInt64 = 0
    var hasReportedFailure = false
    var reportedError: PoolError?

    init(boardDisk: Int, memory: Memory, memorySize: Int, offset: Int, log: Log) {
        (self.boardDisk, self.memory, self.memorySize, self.offset) = (boardDisk, memory, memorySize, offset)
        self.log = log
    }
}
