/// A pool of thin disks on one physical disk, as a state machine.
///
/// # How an owner drives it
/// 1. It makes a pool over memory of `PoolBuffers.size` bytes, then calls `open()` or `format(identity:)`. A pool that
///    is smaller than its device has the size that its superblock says.
/// 2. It takes each `nextDeviceRequest()`, performs it in any order, and reports each with `deviceFinished`. A flush
///    covers everything that was *reported* before the pool made it. The device refuses what lies beyond its end.
/// 3. Once `isMounted`, it gives requests of clients to `submit`, which returns false while there is no room, and takes
///    `nextAnswer()`. `mountFailure` says why a pool cannot be opened.
///
/// 4. While `hasWork`, it calls `advance`. While `hasTrouble`, it calls `retry` from time to time.
///
/// After each of these calls there may be device requests and answers; no other event makes any. No call waits, and
/// each ends after a bounded amount of work. The owner should submit `commit` from time to time, so that little is lost
/// at a power cut.
///
/// # Data
/// Data lies in windows of clients: a request names the window's number and an offset. Whole sectors go between window
/// and device without a copy. Only a unit that is partly written and shared with a snapshot goes through the pool's own
/// memory, and a unit with a checksum that a request touches in part. Sectors that were never written are cleared in
/// the window.
///
/// # Promises
/// A write is answered when the device has it and the map in memory names it. It is durable after the next flush of its
/// disk, or at once with `isDurable`, as is a discard. A control operation is durable when it is answered. After a
/// power cut, the pool is as one of the last two commits left it, and each sector of a disk is as before or after a
/// write that no flush followed. Requests for the same sectors at the same time have no order among each other.
///
/// Metadata changes in memory first. A *commit* writes it: every changed block goes to a place that no committed
/// structure uses, then the device flushes, then the superblock switches, and the device flushes again.
public struct Pool<Memory: PoolMemory, Log: RecoveryLog> {
    public var memory: Memory
    public var log: Log
    /// The sizes of the pool's structures: those of `init` until the superblock is known.
    public internal(set) var buffers: PoolBuffers
    /// The largest sizes for which there is memory.
    let capacity: PoolBuffers
    public internal(set) var superblock = Superblock()
    var records: [DiskRecord]
    var states: [DiskState]
    var cache: NodeCache
    let requests: [Request]
    /// The indices of requests without work.
    var idle: [Int]
    /// The requests that wait for something other than the device, in the order of their arrival.
    var stalled: [Int] = []
    /// True if a request has given back something for which another one may wait.
    var hasReleased = false
    /// True if a request has work left that needs no event. The owner then calls `advance`.
    public internal(set) var hasWork = false
    /// The number of requests that have locked virtual units.
    var locks = 0
    var space: SpaceMap
    var outbox: BoundedQueue<DeviceRequest>
    var answers: BoundedQueue<PoolAnswer>
    /// True if memory holds metadata that the disk does not.
    var isDirty = false
    /// The number of deletions that can go on.
    var deletions = 0
    /// The number of deletions that wait for a `retry`, because the device could not read a node.
    var delayedDeletions = 0
    var commit = Commit()
    var writes = WriteOrder()
    var mount = Mount()
    /// The nodes whose last load failed, until everyone who waits for them has failed.
    var failed: [(unit: UInt32, error: PoolError)] = []
    var order: UInt64 = 0
    /// The number of the current span of time between two commits. Requests remember it, so that a freed unit is used
    /// again only after everything that may access it has ended.
    var era: UInt64 = 0
    /// The number of the log's entries that follow the last commit.
    var logged = 0
    /// The reason why the pool accepts no changes, or nil. An owner that only reads sets `.owner` before `open`.
    public var readOnlyReason: ReadOnlyReason?
    /// True if the device is told which units are free again.
    public var passesDiscards = false
    public internal(set) var counters = PoolCounters()

    /// - Parameters:
    ///   - units: the size of a new pool in units, and the largest one of a pool that is opened.
    ///   - records: the number of records, and the largest one: `PoolLayout.recordCount`, or what the superblock says.
    ///   - slots: the number of nodes in memory, at least 32. A smaller pool has more. After a death it must not be
    ///     smaller than before.
    ///   - requests: the most requests at a time.
    public init(memory: Memory, log: Log, units: UInt32, records: Int, slots: Int, requests: Int) {
        precondition(slots >= PoolBuffers.minimumSlots && requests > 0 && requests < 1 << 24, "the pool is too small")
        precondition(log.capacity == 0 || log.capacity >= PoolLayout.minimumLogEntries, "the log is too small")
        self.memory = memory
        self.log = log
        buffers = PoolBuffers(units: units, records: records, slots: slots)
        capacity = buffers
        self.records = [DiskRecord](repeating: DiskRecord(), count: records)
        states = [DiskState](repeating: DiskState(), count: records)
        cache = NodeCache(count: slots)
        self.requests = (0..<requests).map { _ in Request() }
        idle = (0..<requests).reversed()
        space = SpaceMap(units: units)
        outbox = BoundedQueue(capacity: requests * 2 + 512)
        answers = BoundedQueue(capacity: requests)
        superblock.units = units
        superblock.records = UInt32(records)
    }

    /// Returns the next request for the device, and forgets it.
    public mutating func nextDeviceRequest() -> DeviceRequest? { outbox.removeFirst() }

    /// True if `nextDeviceRequest` or `nextAnswer` returns something.
    public var hasDeviceRequest: Bool { outbox.count > 0 }
    public var hasAnswer: Bool { answers.count > 0 }

    /// Returns the next answer for a client, and forgets it.
    public mutating func nextAnswer() -> PoolAnswer? { answers.removeFirst() }

    /// True once the pool takes requests.
    public var isMounted: Bool { mount.stage == .done }
    /// The reason why the pool could not be opened, or nil.
    public var mountFailure: PoolError? { mount.failure }
    /// True from a commit that the device has failed until a `retry` has succeeded. Requests that change metadata end
    /// with `device`, and during a `retry` they wait for its result.
    public var hasFailedCommit: Bool { commit.isRepeated }
    /// True if `retry` may cure something.
    public var hasTrouble: Bool { hasFailedCommit || mount.failure != nil || delayedDeletions > 0 }
    public var generation: UInt64 { superblock.generation }
    /// The units that are free, or will be when their commits have ended.
    public var freeUnits: Int {
        Int(space.free) + space.freed.count + space.draining.count + space.discarding.count
    }
    public var recordCount: Int { records.count }
    public func record(_ index: Int) -> DiskRecord { records[index] }

    /// Returns the index of the disk or snapshot of a name.
    public func index(of name: PoolName) -> Int? {
        records.indices.first { !records[$0].isFree && records[$0].state == .live && records[$0].name == name }
    }

    /// Returns the number of device requests that the requests for a disk have caused and that have not ended. Those of
    /// metadata do not count: a request waits for one of them at a time, and a commit serves all disks.
    public func deviceRequests(of index: Int) -> Int { states[index].deviceRequests }

    /// True if the queue to the device has room for a segment, beside one transfer of each other request.
    var hasRoomForData: Bool { outbox.room > requests.count + 80 }

    mutating func send(
        _ kind: DeviceRequest.Kind, _ sector: UInt64, _ count: Int, _ place: DeviceRequest.Place, _ tag: DeviceTag
    ) {
        if case .request(let index) = tag { states[requests[index].request.disk].deviceRequests += 1 }
        outbox.append(DeviceRequest(kind: kind, sector: sector, count: count, place: place, tag: tag.word))
    }

    /// Reads or writes a whole unit by one of the pool's own buffers.
    mutating func sendUnit(_ kind: DeviceRequest.Kind, _ unit: UInt32, _ offset: Int, _ tag: DeviceTag) {
        send(kind, PoolLayout.firstSector(of: unit), PoolLayout.sectorsPerUnit, .buffer(offset), tag)
    }
}

/// Counts of a pool's work since it was made.
public struct PoolCounters: Equatable, Sendable {
    public var commits: UInt64 = 0
    /// The commits that ended because the device failed.
    public var failedCommits: UInt64 = 0
    /// The nodes through which requests looked for their units.
    public var nodesVisited: UInt64 = 0
    public var nodesRead: UInt64 = 0
    /// The number of structures and units of data that were found damaged.
    public var damaged: UInt64 = 0
    /// The entries of the log that were replayed.
    public var replayed: UInt64 = 0

    public init() {}
}
