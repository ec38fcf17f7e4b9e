/// A request of a client.
public struct PoolRequest: Sendable {
    public enum Operation: Equatable, Sendable {
        case read, write
        /// Makes sectors read as zero, and gives their units back. It also serves requests to write zeroes.
        case discard
        case flush
        case create(DiskOptions)
        /// Makes a snapshot of a disk.
        case snapshot(PoolName)
        /// Makes a disk with the contents of a snapshot or of a disk. Its options have 0 sectors for the same size.
        case clone(DiskOptions)
        /// Deletes a disk or a snapshot. The pool gives the units back afterwards, step by step.
        case delete
        case rename(PoolName)
        /// Enlarges a disk to this number of sectors.
        case grow(UInt64)
        /// Sets the most units that a disk may use, 0 for no limit, and the units that no other disk can take.
        case limit(quota: UInt32, reserved: UInt32)
        /// Writes everything that has changed.
        case commit
    }

    /// The client's own number, which the answer repeats.
    public var id: UInt64
    public var operation: Operation
    /// The index of the disk's record.
    public var disk: Int
    public var sector: UInt64
    /// The number of sectors.
    public var count: Int
    /// The client's memory, and the offset in bytes at which the data begins.
    public var window: Int
    public var offset: Int
    /// True for a write or discard whose answer says that it is durable (force unit access).
    public var isDurable = false

    public init(
        id: UInt64, _ operation: Operation, disk: Int = 0, sector: UInt64 = 0, count: Int = 0, window: Int = 0,
        offset: Int = 0
    ) {
        (self.id, self.operation, self.disk, self.sector) = (id, operation, disk, sector)
        (self.count, self.window, self.offset) = (count, window, offset)
    }
}

/// The choices for a new disk.
public struct DiskOptions: Equatable, Sendable {
    public var name: PoolName
    public var sectors: UInt64
    /// The most units that the disk may use; 0 if there is no limit.
    public var quota: UInt32 = 0
    /// The units that other disks cannot take.
    public var reserved: UInt32 = 0
    /// True if each unit of data has a checksum. A clone is as its origin.
    public var hasChecksums = false

    public init(name: PoolName, sectors: UInt64) { (self.name, self.sectors) = (name, sectors) }
}

/// The answer to a request.
public struct PoolAnswer: Equatable, Sendable {
    public var id: UInt64
    /// The reason why the request failed, or nil if it succeeded.
    public var error: PoolError?
    /// The record that a control operation made.
    public var record = 0
}
