import ABI
import DiskPool

/// The server's end of a client's block connection, as the storage component has it.
public protocol BlockRequestSource {
    associatedtype Slot
    /// The number of requests that can be without an answer.
    var capacity: Int { get }
    mutating func takeRequest() -> (slot: Slot, request: BlockRequest)?
    mutating func answer(_ slot: Slot, _ status: BlockStatus)
    mutating func publish(_ disk: BlockDisk?, as number: Int)
}

/// The client's end of the block connection to the driver, as the storage component has it.
public protocol BlockRequestSink {
    /// The number of requests that can be without an answer.
    var capacity: Int { get }
    /// The number of requests that `submit` accepts now.
    var freeCount: Int { get }
    /// Returns true if the driver has requests of an earlier life of this client for a disk of the board.
    func hasEarlierRequests(for boardDisk: Int) -> Bool
    mutating func submit(_ request: BlockRequest)
    /// Returns the next answer to a request of this life, and frees its slot. Answers to requests of earlier lives
    /// are dropped.
    mutating func takeAnswer() -> (cookie: UInt64, status: BlockStatus)?
    /// Returns true if the driver has changed a description since the last call.
    mutating func disksHaveChanged() -> Bool
    /// Returns the driver's description of a disk of the board.
    func disk(_ number: Int) -> BlockDisk?
}

/// Hears of events that an engineer should know.
public protocol StorageObserver {
    mutating func note(_ event: StorageEvent)
}

public enum StorageEvent: Equatable, Sendable {
    /// The pool on a disk of the board can be used.
    case opened(boardDisk: Int)
    /// The disk of the board has no usable pool.
    case notOpened(boardDisk: Int, PoolError)
    /// The disk of the board has failed while the pool wrote metadata. Requests that change it end with errors, until
    /// `resumed`.
    case stopped(boardDisk: Int)
    /// The disk of the board works again, and the pool has written what it had not.
    case resumed(boardDisk: Int)
    /// The pool has found structures or data damaged: so many times since it was opened.
    case damaged(boardDisk: Int, count: UInt64)
    /// The disk of the board has no valid partition table, although a client's disk is a partition of it.
    case noPartitions(boardDisk: Int)
    /// The pool has no disk of the name of a client's disk.
    case missing(client: Int, disk: Int)
    /// A request failed.
    case failed(client: Int, disk: Int, BlockRequest, BlockStatus)
}
