/// A request of a client.
public struct PoolRequest: Sendable {
    public enum Operation: Equatable, Sendable {
        case read, write
        /// Makes sectors read as zero, and gives their units back.
        case discard
        case flush
        case create(DiskOptions)
        /// Makes a snapshot of a disk.
        case snapshot(PoolName)
        /// Makes a disk with the contents of a snapshot or of a disk.
        case clone(DiskOptions)
        case delete
        /// Enlarges a disk to this number of sectors.
        case grow(UInt64)
        /// Writes everything that has changed.
        case commit
    }

    /// The client's own number, which the answer repeats.
    public var id: UInt64
    public var operation: Operation
    /// The index of the disk's record.
    public var disk: Int
    public var sector: UInt64
    public var count: Int
    /// The client's memory, and the offset in bytes at which the data begins.
    public var window: Int
    public var offset: Int

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
    public var quota: UInt32 = 0
    public var reserved: UInt32 = 0
    public var hasChecksums = false

    public init(name: PoolName, sectors: UInt64) { (self.name, self.sectors) = (name, sectors) }
}

/// A request in progress.
struct Request {
    enum Stage: Equatable {
        case idle
        /// Looks for the units of the next sectors.
        case lookup
        /// Device requests of the segment are under way, and its units enter the map afterwards.
        case writing
        /// Enters the segment's units into the map.
        case publishing
        /// Reads a unit into a buffer, to verify it or to copy it.
        case copying
        case flushing
        case control(ControlStep)
    }

    enum ControlStep: Equatable { case begin, drained, committed(until: UInt64) }

    var stage = Stage.idle
    var request = PoolRequest(id: 0, .flush)
    var order: UInt64 = 0
    var era: UInt64 = 0
    /// The sectors that are finished or under way.
    var done = 0
    var outstanding = 0
    var error: PoolError?
    /// True while it counts as a writer of its disk.
    var isWriter = false
    // The segment: virtual units whose map entries change together.
    var first: UInt64 = 0
    var targets: [UInt32] = []
    /// For each target, whether it was taken for this segment.
    var isFresh: [Bool] = []
    var segmentSectors = 0
    var bounce = -1
    var check: UInt32 = 0
    /// The entry whose unit `bounce` holds.
    var source = MapEntry.none
    /// Device requests that continue each other are one request.
    var run = Run()
    var result = 0

    struct Run {
        var kind = DeviceRequest.Kind.read
        var sector: UInt64 = 0
        var count = 0
        var offset = 0
    }

    var isActive: Bool { stage != .idle }

    mutating func fail(_ error: PoolError) { if self.error == nil { self.error = error } }

    /// The virtual units that this request has locked.
    func locks(_ disk: Int, _ from: UInt64, _ to: UInt64) -> Bool {
        !targets.isEmpty && request.disk == disk && first <= to && first + UInt64(targets.count) > from
    }
}
