/// A disk or a snapshot of the pool, as its record describes it.
public struct DiskRecord: Equatable {
    public enum Kind: UInt32 { case free, disk, snapshot }

    public enum State: UInt32 {
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

    public struct DeadList: Equatable {
        public var unit: UInt32 = 0
        public var check: UInt32 = 0
        public init() {}
    }

    public init() {}
    public var isFree: Bool { kind == .free }
    var previousIndex: Int { Int(previous) - 1 }
}

/// The name of a disk: 1 to 64 bytes of UTF-8. Unused bytes are zero.
public struct PoolName: Equatable, Sendable {
    var words = InlineArray<16, UInt32>(repeating: 0)

    public init() {}

    public init?(_ bytes: some Collection<UInt8>) {
        guard !bytes.isEmpty, bytes.count <= PoolLayout.maximumName else { return nil }
        var index = 0
        for byte in bytes {
            words[index >> 2] |= UInt32(byte) << UInt32(8 * (index & 3))
            index += 1
        }
    }

    public var isEmpty: Bool { words[0] & 0xFF == 0 }

    public static func == (left: PoolName, right: PoolName) -> Bool {
        for index in 0..<16 where left.words[index] != right.words[index] { return false }
        return true
    }

    public func byte(_ index: Int) -> UInt8 { UInt8(truncatingIfNeeded: words[index >> 2] >> UInt32(8 * (index & 3))) }

    #if !hasFeature(Embedded)
        public var text: String {
            String(decoding: (0..<PoolLayout.maximumName).map(byte).prefix { $0 != 0 }, as: UTF8.self)
        }
    #endif
}

// MARK: - On the disk

extension DiskRecord {
    /// The words of a record's 512 bytes, by their index.
    private enum Word {
        static let kind = 0, flags = 1, id = 2, height = 4, sectors = 6, root = 8, sharedEpoch = 12, ownEpoch = 13
        static let previous = 14, dead = 15, used = 17, quota = 18, reserved = 19, cursor = 20, name = 32
    }

    func encode<Memory: PoolMemory>(_ memory: inout Memory, at offset: Int) {
        memory.clear(offset, count: PoolLayout.recordSize)
        func put(_ index: Int, _ word: UInt32) { memory.store(offset + 4 * index, word) }
        func put(_ index: Int, wide: UInt64) {
            put(index, UInt32(truncatingIfNeeded: wide))
            put(index + 1, UInt32(truncatingIfNeeded: wide >> 32))
        }
        put(Word.kind, kind.rawValue | state.rawValue << 8)
        put(Word.flags, (hasChecksums ? 1 : 0) | (isClone ? 2 : 0))
        put(Word.id, wide: id)
        put(Word.height, height)
        put(Word.sectors, wide: sectors)
        put(Word.root, root.unit)
        put(Word.root + 1, root.birth)
        put(Word.root + 2, root.valid)
        put(Word.root + 3, root.check)
        put(Word.sharedEpoch, sharedEpoch)
        put(Word.ownEpoch, ownEpoch)
        put(Word.previous, previous)
        put(Word.dead, dead.unit)
        put(Word.dead + 1, dead.check)
        put(Word.used, used)
        put(Word.quota, quota)
        put(Word.reserved, reserved)
        put(Word.cursor, wide: cursor)
        for index in 0..<16 { put(Word.name + index, name.words[index]) }
    }

    /// Decodes a record. Returns nil if its numbers are impossible in a pool of `units` and `records`.
    init?<Memory: PoolMemory>(_ memory: Memory, at offset: Int, units: UInt32, records: Int) {
        func word(_ index: Int) -> UInt32 { memory.load(offset + 4 * index) }
        func wide(_ index: Int) -> UInt64 { UInt64(word(index)) | UInt64(word(index + 1)) << 32 }
        guard let kind = Kind(rawValue: word(Word.kind) & 0xFF), let state = State(rawValue: word(Word.kind) >> 8),
            word(Word.flags) & ~3 == 0
        else { return nil }
        (self.kind, self.state) = (kind, state)
        hasChecksums = word(Word.flags) & 1 != 0
        isClone = word(Word.flags) & 2 != 0
        id = wide(Word.id)
        height = word(Word.height)
        sectors = wide(Word.sectors)
        root = MapEntry(
            unit: word(Word.root), birth: word(Word.root + 1), valid: word(Word.root + 2), check: word(Word.root + 3))
        sharedEpoch = word(Word.sharedEpoch)
        ownEpoch = word(Word.ownEpoch)
        previous = word(Word.previous)
        dead.unit = word(Word.dead)
        dead.check = word(Word.dead + 1)
        used = word(Word.used)
        quota = word(Word.quota)
        reserved = word(Word.reserved)
        cursor = wide(Word.cursor)
        for index in 0..<16 { name.words[index] = word(Word.name + index) }
        guard height >= 1, Int(height) <= PoolLayout.maximumHeight, root.unit < units, dead.unit < units,
            Int(previous) <= records, sectors <= PoolLayout.coverage(height: Int(height))
        else { return nil }
    }
}
