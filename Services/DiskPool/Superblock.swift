/// The root of a pool's metadata. It names the valid slot and the checksum of each block of the space map and of each
/// record. Two copies of each generation are written, and the generations alternate between two pairs of places.
struct Superblock: Equatable {
    /// "EntPool1" in the order of memory.
    static let magic: (UInt32, UInt32) = (0x5074_6E45, 0x316C_6F6F)
    static let version: UInt32 = 1
    /// The features without which a program must not open the pool.
    static let knownFeatures: UInt64 = 0

    var generation: UInt64 = 0
    var requiredFeatures: UInt64 = 0
    var optionalFeatures: UInt64 = 0
    var units: UInt32 = 0
    var records: UInt32 = 0
    var epoch: UInt32 = 1
    var nextID: UInt64 = 1

    var mapBlocks: Int { PoolLayout.mapBlockCount(units: units) }

    enum Word {
        static let magic = 0, version = 2, check = 3, generation = 4, required = 6, optional = 8, units = 10
        static let records = 11, epoch = 12, nextID = 14, directory = 64
    }

    /// The error of a superblock that cannot be used.
    enum Failure: Error, Equatable {
        case noPool
        case damaged
        case unknownVersion(UInt32)
        case unknownFeatures(UInt64)
    }

    func encode<Memory: PoolMemory>(_ memory: inout Memory, at offset: Int) {
        func put(_ index: Int, _ word: UInt32) { memory.store(offset + 4 * index, word) }
        func put(_ index: Int, wide: UInt64) {
            put(index, UInt32(truncatingIfNeeded: wide))
            put(index + 1, UInt32(truncatingIfNeeded: wide >> 32))
        }
        put(Word.magic, Superblock.magic.0)
        put(Word.magic + 1, Superblock.magic.1)
        put(Word.version, Superblock.version)
        put(Word.check, 0)
        put(Word.generation, wide: generation)
        put(Word.required, wide: requiredFeatures)
        put(Word.optional, wide: optionalFeatures)
        put(Word.units, units)
        put(Word.records, records)
        put(Word.epoch, epoch)
        put(Word.nextID, wide: nextID)
        put(Word.check, memory.checksum(offset, count: PoolLayout.unitSize))
    }

    /// Decodes a superblock, and clears the word of its checksum in `memory`.
    init<Memory: PoolMemory>(_ memory: inout Memory, at offset: Int) throws(Failure) {
        func word(_ index: Int) -> UInt32 { memory.load(offset + 4 * index) }
        func wide(_ index: Int) -> UInt64 { UInt64(word(index)) | UInt64(word(index + 1)) << 32 }
        guard word(Word.magic) == Superblock.magic.0, word(Word.magic + 1) == Superblock.magic.1 else {
            throw .noPool
        }
        let check = word(Word.check)
        memory.store(offset + 4 * Word.check, 0)
        guard memory.checksum(offset, count: PoolLayout.unitSize) == check else { throw .damaged }
        guard word(Word.version) == Superblock.version else { throw .unknownVersion(word(Word.version)) }
        generation = wide(Word.generation)
        requiredFeatures = wide(Word.required)
        optionalFeatures = wide(Word.optional)
        units = word(Word.units)
        records = word(Word.records)
        epoch = word(Word.epoch)
        nextID = wide(Word.nextID)
        let unknown = requiredFeatures & ~Superblock.knownFeatures
        guard unknown == 0 else { throw .unknownFeatures(unknown) }
        guard records >= 1, Int(records) <= PoolLayout.maximumRecords, mapBlocks >= 1,
            mapBlocks <= PoolLayout.maximumMapBlocks,
            units > PoolLayout.firstFreeUnit(mapBlocks: mapBlocks, records: Int(records))
        else { throw .damaged }
    }

    init() {}
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
