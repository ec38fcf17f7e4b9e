/// A pool of thin disks on one physical disk, as a state machine.
///
/// The owner gives it requests (`submit`), takes what it wants from the device (`nextDeviceRequest`), tells it what the
/// device has done (`deviceFinished`), and takes answers (`nextAnswer`). No call waits, and each ends after a bounded
/// amount of work.
///
/// Metadata changes in memory first. A *commit* writes it: every changed block goes to a place that no committed
/// structure uses, then the device flushes, then the superblock switches, and the device flushes again. After a power
/// cut the pool is as one of the last two commits left it.
public struct Pool<Memory: PoolMemory> {
    public var memory: Memory
    public let buffers: PoolBuffers
    var superblock = Superblock()
    var records: [DiskRecord]
    var states: [DiskState]
    var cache: NodeCache
    var requests: [Request]
    var space: SpaceMap
    var outbox: BoundedQueue<DeviceRequest>
    var answers: BoundedQueue<PoolAnswer>
    var commit = Commit()
    var mount = Mount()
    /// The nodes whose last load failed, until everyone who waits for them has failed.
    var failed: [(unit: UInt32, error: PoolError)] = []
    var order: UInt64 = 0
    /// The number of the current span of time between two commits. Requests remember it, so that a freed unit is used
    /// again only after everything that may access it has ended.
    var era: UInt64 = 0
    /// True after a commit has failed. The pool then answers every change with an error.
    public internal(set) var isBroken = false
    /// True if the owner only reads: no deletion goes on, and nothing is written.
    public var isReadOnly = false
    /// The number of structures that were found damaged.
    public internal(set) var damage = 0

    /// What a disk is doing at the moment.
    struct DiskState {
        /// Requests that write, and have begun.
        var writers = 0
        /// The control operation that waits for the writers to end, as a request's index; -1 if there is none.
        var barrier = -1
        /// Units that requests have taken and not yet entered into the map.
        var taken = 0
        /// The unit at which the next search begins.
        var hint: UInt32 = 0
        var isDirty = false
        var isDamaged = false
        /// The slot of the newest node of the list of dead units if it has changed since the last commit; otherwise -1.
        var deadSlot = -1
    }

    /// - Parameters:
    ///   - units: the size of the physical disk in units.
    ///   - slots: the number of nodes in memory, at least 32.
    public init(memory: Memory, units: UInt32, records: Int, slots: Int, requests: Int) {
        self.memory = memory
        buffers = PoolBuffers(units: units, records: records, slots: slots)
        self.records = [DiskRecord](repeating: DiskRecord(), count: records)
        states = [DiskState](repeating: DiskState(), count: records)
        cache = NodeCache(count: slots)
        self.requests = [Request](repeating: Request(), count: requests)
        space = SpaceMap(units: units)
        outbox = BoundedQueue(capacity: requests * 2 + 512)
        answers = BoundedQueue(capacity: requests)
        superblock.units = units
        superblock.records = UInt32(records)
    }

    /// Returns the next request for the device, and forgets it.
    public mutating func nextDeviceRequest() -> DeviceRequest? { outbox.removeFirst() }
    public mutating func nextAnswer() -> PoolAnswer? { answers.removeFirst() }

    /// Returns whether the pool is ready for requests.
    public var isMounted: Bool { mount.stage == .done }
    public var mountFailure: PoolError? { mount.failure }
    public var generation: UInt64 { superblock.generation }
    public var freeUnits: UInt32 { space.free }
    public func record(_ index: Int) -> DiskRecord { records[index] }
    public var recordCount: Int { records.count }

    /// Returns the index of the disk or snapshot of a name.
    public func index(of name: PoolName) -> Int? {
        records.indices.first { !records[$0].isFree && records[$0].state == .live && records[$0].name == name }
    }

    /// Takes the result of a device request.
    public mutating func deviceFinished(_ tag: UInt32, succeeded: Bool) {
        switch DeviceTag(word: tag) {
        case .request(let index):
            requests[index].outstanding -= 1
            if !succeeded { requests[index].fail(.device) }
        case .node(let slot): nodeLoaded(slot, succeeded)
        case .commit: commitStepFinished(succeeded)
        case .mount: mountStepFinished(succeeded)
        case nil: return
        }
        advanceAll()
    }

    /// Continues every request that can go on.
    mutating func advanceAll() {
        guard isMounted else { return }
        var again = true
        while again {
            again = false
            for index in requests.indices where requests[index].isActive && requests[index].outstanding == 0 {
                advance(index)
            }
            if deleteStep() { again = true }
            if startCommitIfWanted() { again = true }
        }
        failed.removeAll(keepingCapacity: true)
    }

    mutating func send(_ kind: DeviceRequest.Kind, _ sector: UInt64, _ count: Int, _ place: DeviceRequest.Place, _ tag: DeviceTag) {
        outbox.append(DeviceRequest(kind: kind, sector: sector, count: count, place: place, tag: tag.word))
    }
}

/// The reason why a request failed.
public enum PoolError: UInt32, Error, Equatable, Sendable {
    /// The device reported an error.
    case device = 1
    /// A structure or a unit of data has another checksum than it should have.
    case damaged
    case outOfRange
    case poolFull
    case quota
    case noSuchDisk
    case exists
    case noRecord
    case isSnapshot
    case isInUse
    case tooLarge
    case shrinks
    case broken
    case noPool
    case unknownVersion
    case unknownFeatures
}

/// The answer to a request.
public struct PoolAnswer: Equatable, Sendable {
    public var id: UInt64
    public var error: PoolError?
    /// The record that a control operation made.
    public var record = 0
}
