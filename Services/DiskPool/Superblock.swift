/// The features of a pool, each a bit. Version 1 of the format has none, so that every bit is unknown.
public struct PoolFeatures: Equatable, Sendable {
    /// A program that does not know one of these must not open the pool.
    public var incompatible: UInt64 = 0
    /// A program that does not know one of these must not change the pool.
    public var readOnlyCompatible: UInt64 = 0
    /// A program that does not know these goes on.
    public var compatible: UInt64 = 0

    /// The features that this program knows.
    public static let known = PoolFeatures()

    public init() {}
}

/// The root of a pool's metadata. It names the valid slot and the checksum of each block of the space map and of each
/// record. Two copies of each generation are written, and the generations alternate between two pairs of places.
public struct Superblock: Equatable, Sendable {
    /// "EntPool1" in the order of memory.
    static let magic: (UInt32, UInt32) = (0x5074_6E45, 0x316C_6F6F)
    public static let version: UInt32 = 1

    public internal(set) var generation: UInt64 = 0
    public internal(set) var features = PoolFeatures()
    /// The size of the pool in units.
    public internal(set) var units: UInt32 = 0
    /// The number of records.
    public internal(set) var records: UInt32 = 0
    /// The number of snapshots that were ever taken, plus 1.
    public internal(set) var epoch: UInt32 = 1
    /// The number of the next disk.
    public internal(set) var nextID: UInt64 = 1
    /// A random number that tells this pool from others.
    public internal(set) var identity: UInt64 = 0

    var mapBlocks: Int { PoolLayout.mapBlockCount(units: units) }

    enum Word {
        static let magic = 0, version = 2, check = 3, generation = 4, incompatible = 6, readOnlyCompatible = 8
        static let compatible = 10, units = 12, records = 13, epoch = 14, nextID = 16, identity = 18, directory = 64
    }

    init() {}

    func encode<Memory: PoolMemory>(_ memory: inout Memory, at base: Int) {
        memory.put(base, Word.magic, Superblock.magic.0)
        memory.put(base, Word.magic + 1, Superblock.magic.1)
        memory.put(base, Word.version, Superblock.version)
        memory.put(base, Word.check, 0)
        memory.put(base, Word.generation, wide: generation)
        memory.put(base, Word.incompatible, wide: features.incompatible)
        memory.put(base, Word.readOnlyCompatible, wide: features.readOnlyCompatible)
        memory.put(base, Word.compatible, wide: features.compatible)
        memory.put(base, Word.units, units)
        memory.put(base, Word.records, records)
        memory.put(base, Word.epoch, epoch)
        memory.put(base, Word.nextID, wide: nextID)
        memory.put(base, Word.identity, wide: identity)
        memory.put(base, Word.check, memory.checksum(base, count: PoolLayout.unitSize))
    }

    /// Decodes a superblock, and clears the word of its checksum in `memory`.
    ///
    /// An owner that does not know the size of a pool yet reads the units 0 to 3 of the device, decodes them, and makes
    /// the pool with the `units` and `records` of any that this function accepts.
    ///
    /// - Throws: `noPool`, `damaged`, `unknownVersion` or `unknownFeatures`.
    public init<Memory: PoolMemory>(_ memory: inout Memory, at base: Int) throws(PoolError) {
        guard memory.word(base, Word.magic) == Superblock.magic.0,
            memory.word(base, Word.magic + 1) == Superblock.magic.1
        else { throw .noPool }
        let check = memory.word(base, Word.check)
        memory.put(base, Word.check, 0)
        guard memory.checksum(base, count: PoolLayout.unitSize) == check else { throw .damaged }
        guard memory.word(base, Word.version) == Superblock.version else { throw .unknownVersion }
        generation = memory.wideWord(base, Word.generation)
        features.incompatible = memory.wideWord(base, Word.incompatible)
        features.readOnlyCompatible = memory.wideWord(base, Word.readOnlyCompatible)
        features.compatible = memory.wideWord(base, Word.compatible)
        units = memory.word(base, Word.units)
        records = memory.word(base, Word.records)
        epoch = memory.word(base, Word.epoch)
        nextID = memory.wideWord(base, Word.nextID)
        identity = memory.wideWord(base, Word.identity)
        guard features.incompatible & ~PoolFeatures.known.incompatible == 0 else { throw .unknownFeatures }
        guard isPossible else { throw .damaged }
    }

    private var isPossible: Bool {
        records >= 1 && Int(records) <= PoolLayout.maximumRecords && units <= PoolLayout.maximumUnits && mapBlocks >= 1
            && units > PoolLayout.firstFreeUnit(mapBlocks: mapBlocks, records: Int(records))
    }
}

/// An entry of the superblock's directory: the place and the checksum of a block of the space map or of a record.
struct DirectoryEntry {
    var check: UInt32
    /// The valid slot, 0 or 1.
    var slot: Int
    /// False for a record that was never written.
    var isUsed: Bool

    static func offset(_ index: Int) -> Int { 4 * (Superblock.Word.directory + 2 * index) }

    init(check: UInt32, slot: Int) { (self.check, self.slot, isUsed) = (check, slot, true) }

    init<Memory: PoolMemory>(_ memory: Memory, at offset: Int) {
        check = memory.load(offset)
        let flags = memory.load(offset + 4)
        slot = Int(flags & 1)
        isUsed = flags & 2 != 0
    }

    func encode<Memory: PoolMemory>(_ memory: inout Memory, at offset: Int) {
        memory.store(offset, check)
        memory.store(offset + 4, UInt32(slot) | (isUsed ? 2 : 0))
    }
}
