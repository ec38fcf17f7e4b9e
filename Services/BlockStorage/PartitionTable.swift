import DiskPool

/// A GUID partition table (UEFI 2.10, 5.3) of a disk with sectors of 512 bytes, in memory.
///
/// The memory holds the header's sector and behind it the entries' sectors. A disk has the table twice: behind its
/// first sector, and at its end in the other order. The second one is read if the first one is damaged.
struct PartitionTable<Memory: PoolMemory> {
    /// The sectors of the entries: 128 entries of 128 bytes.
    static var entrySectors: Int { 32 }
    static var size: Int { (entrySectors + 1) * 512 }

    private let memory: Memory
    private let offset: Int
    private let entrySize: Int
    private let count: Int

    /// Checks the table at `offset`.
    ///
    /// - Parameters:
    ///   - sector: the sector of the header, which the header repeats.
    ///   - entries: the first sector of the entries that are in memory.
    /// - Returns: nil if the table is damaged or larger than the memory, or there is none.
    init?(_ memory: Memory, at offset: Int, sector: UInt64, entries: UInt64) {
        func word(_ index: Int) -> UInt32 { memory.load(offset + index) }
        func wide(_ index: Int) -> UInt64 { UInt64(word(index)) | UInt64(word(index + 4)) << 32 }
        // "EFI PART", revision 1.0.
        guard word(0) == 0x2049_4645, word(4) == 0x5452_4150, word(8) == 0x0001_0000 else { return nil }
        let headerSize = Int(word(12))
        guard headerSize >= 92, headerSize <= 512, headerSize % 4 == 0 else { return nil }
        let check = Self.checksum(memory, at: offset, count: headerSize, clearing: 16)
        guard check == word(16), wide(24) == sector, wide(72) == entries else { return nil }
        (count, entrySize) = (Int(word(80)), Int(word(84)))
        guard entrySize >= 128, entrySize % 128 == 0, count > 0, count <= 1024,
            count * entrySize <= Self.entrySectors * 512,
            Self.checksum(memory, at: offset + 512, count: count * entrySize, clearing: nil) == word(88)
        else { return nil }
        (self.memory, self.offset) = (memory, offset + 512)
    }

    /// Returns the sectors of a partition, counted from 1. Returns nil if the table has none of this number, or it does
    /// not lie in a disk of `capacity` sectors.
    func partition(_ number: Int, capacity: UInt64) -> Range<UInt64>? {
        guard number >= 1, number <= count else { return nil }
        let at = offset + (number - 1) * entrySize
        func wide(_ index: Int) -> UInt64 {
            UInt64(memory.load(at + index)) | UInt64(memory.load(at + index + 4)) << 32
        }
        // The type of an unused entry is zero.
        guard wide(0) | wide(8) != 0 else { return nil }
        let (first, last) = (wide(32), wide(40))
        guard first <= last, last < capacity else { return nil }
        return first..<last + 1
    }

    /// Returns the CRC-32 of IEEE 802.3.
    ///
    /// - Parameter place: the offset of a word that counts as zero.
    private static func checksum(_ memory: Memory, at offset: Int, count: Int, clearing place: Int?) -> UInt32 {
        var remainder: UInt32 = ~0
        for index in stride(from: 0, to: count, by: 4) {
            remainder ^= index == place ? 0 : memory.load(offset + index)
            for _ in 0..<32 { remainder = remainder & 1 != 0 ? remainder >> 1 ^ 0xEDB8_8320 : remainder >> 1 }
        }
        return ~remainder
    }
}

/// The reading of a board disk's partition table.
struct PartitionSearch {
    enum State: Equatable { case waiting, reading(isBackup: Bool), done, failed }
    let boardDisk: Int
    var state = State.waiting
    /// The requests of the table that have no answer yet, and whether one has failed.
    var outstanding = 0
    var hasFailed = false
    /// The partitions that clients use and that exist, by their numbers. A dictionary would need floating-point
    /// numbers.
    var partitions: [(number: Int, sectors: Range<UInt64>)] = []
}
