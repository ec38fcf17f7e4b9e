/// A disk or a snapshot of the pool, as its record describes it.
public struct DiskRecord: Equatable, Sendable {
    public enum Kind: UInt32, Sendable { case free, disk, snapshot }

    public enum State: UInt32, Sendable {
        case live
        /// A snapshot without a name, which stays until its last clone is gone.
        case hidden
        /// Its units are being given back.
        case deleting
    }

    public var kind = Kind.free
    public var state = State.live
    public var hasChecksums = false
    /// True if `previous` is a snapshot of another disk, from which this one was cloned.
    public var isClone = false
    public var id: UInt64 = 0
    public var height: UInt32 = 1
    public var sectors: UInt64 = 0
    public var root = MapEntry.none
    /// Units that were born in this epoch or before belong to `previous` as well.
    public var sharedEpoch: UInt32 = 0
    /// The epoch of a snapshot: the last one whose units it can contain.
    public var ownEpoch: UInt32 = 0
    /// The index of the snapshot before this one, plus 1; 0 if there is none.
    public var previous: UInt32 = 0
    /// The newest node of the list of units that `previous` contains and this disk or snapshot does not any more.
    public var dead = DeadList()
    /// The units that are charged to this disk: its own, and those that only its snapshots contain.
    public var used: UInt32 = 0
    /// The most units that may be charged; 0 if there is no limit.
    public var quota: UInt32 = 0
    /// The units that other disks cannot take.
    public var reserved: UInt32 = 0
    /// While it is being deleted: the next virtual unit.
    public var cursor: UInt64 = 0
    public var name = PoolName()
    /// The name of the disk or snapshot from which this one was made, at that time.
    public var origin = PoolName()

    public struct DeadList: Equatable, Sendable {
        public var unit: UInt32 = 0
        public var check: UInt32 = 0
        public init() {}
    }

    public init() {}

    public var isFree: Bool { kind == .free }
    /// The index of the snapshot before this one; -1 if there is none.
    public var previousIndex: Int { Int(previous) - 1 }
    /// The units that are reserved for the disk and that it does not use yet.
    var unusedReservation: UInt32 { reserved - min(reserved, used) }
}

// MARK: - On the disk

extension DiskRecord {
    /// The words of a record's 512 bytes, by their index.
    private enum Word {
        static let kind = 0, flags = 1, id = 2, height = 4, sectors = 6, root = 8, sharedEpoch = 12, ownEpoch = 13
        static let previous = 14, dead = 15, used = 17, quota = 18, reserved = 19, cursor = 20, name = 32, origin = 48
    }

    func encode<Memory: PoolMemory>(_ memory: inout Memory, at base: Int) {
        memory.clear(base, count: PoolLayout.recordSize)
        memory.put(base, Word.kind, kind.rawValue | state.rawValue << 8)
        memory.put(base, Word.flags, (hasChecksums ? 1 : 0) | (isClone ? 2 : 0))
        memory.put(base, Word.id, wide: id)
        memory.put(base, Word.height, height)
        memory.put(base, Word.sectors, wide: sectors)
        memory.put(base + 4 * Word.root, root)
        memory.put(base, Word.sharedEpoch, sharedEpoch)
        memory.put(base, Word.ownEpoch, ownEpoch)
        memory.put(base, Word.previous, previous)
        memory.put(base, Word.dead, dead.unit)
        memory.put(base, Word.dead + 1, dead.check)
        memory.put(base, Word.used, used)
        memory.put(base, Word.quota, quota)
        memory.put(base, Word.reserved, reserved)
        memory.put(base, Word.cursor, wide: cursor)
        for index in 0..<16 {
            memory.put(base, Word.name + index, name.words[index])
            memory.put(base, Word.origin + index, origin.words[index])
        }
    }

    /// Decodes a record. Returns nil if its numbers are impossible in a pool of `units` and `records`.
    init?<Memory: PoolMemory>(_ memory: Memory, at base: Int, units: UInt32, records: Int) {
        let kinds = memory.word(base, Word.kind)
        let flags = memory.word(base, Word.flags)
        guard let kind = Kind(rawValue: kinds & 0xFF), let state = State(rawValue: kinds >> 8), flags & ~3 == 0 else {
            return nil
        }
        (self.kind, self.state) = (kind, state)
        hasChecksums = flags & 1 != 0
        isClone = flags & 2 != 0
        id = memory.wideWord(base, Word.id)
        height = memory.word(base, Word.height)
        sectors = memory.wideWord(base, Word.sectors)
        root = memory.entry(at: base + 4 * Word.root)
        sharedEpoch = memory.word(base, Word.sharedEpoch)
        ownEpoch = memory.word(base, Word.ownEpoch)
        previous = memory.word(base, Word.previous)
        dead.unit = memory.word(base, Word.dead)
        dead.check = memory.word(base, Word.dead + 1)
        used = memory.word(base, Word.used)
        quota = memory.word(base, Word.quota)
        reserved = memory.word(base, Word.reserved)
        cursor = memory.wideWord(base, Word.cursor)
        for index in 0..<16 {
            name.words[index] = memory.word(base, Word.name + index)
            origin.words[index] = memory.word(base, Word.origin + index)
        }
        guard height >= 1, Int(height) <= PoolLayout.maximumHeight, root.unit < units, dead.unit < units,
            Int(previous) <= records, sectors <= PoolLayout.coverage(height: Int(height)), used <= units
        else { return nil }
    }
}
