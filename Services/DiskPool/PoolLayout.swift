/// The places of a pool's structures on its physical disk, and the limits of version 1 of the format.
///
/// The pool is an array of *units*. Units 0 to 3 hold the superblock, four times. Behind them lie the blocks of the
/// space map and the records of the disks, each in two slots. All other units belong to the maps, the lists of dead
/// units and the data of disks. `docs/disk-format.md` describes each structure.
public enum PoolLayout {
    public static let sectorSize = 512
    public static let unitSize = 16384
    public static let sectorsPerUnit = 32
    /// The size of the record of a disk: one sector, which a device writes as a whole or not at all.
    public static let recordSize = 512
    public static let entriesPerNode = 1024
    /// The number of units whose states one block of the space map holds.
    public static let unitsPerMapBlock = unitSize * 8
    public static let superblockUnits: UInt32 = 4
    public static let maximumMapBlocks = 1024
    public static let maximumRecords = 960
    public static let maximumHeight = 3
    /// The length of the longest name, in bytes.
    public static let maximumName = 64
    /// The size of the largest pool, in units: 2 TiB.
    public static let maximumUnits = UInt32(maximumMapBlocks * unitsPerMapBlock)

    /// The fewest entries of a recovery log: those of one segment twice.
    public static let minimumLogEntries = 128
    /// The most units that one segment of a request changes together.
    static let unitsPerSegment = 64

    /// Returns the number of records of a new pool: one for 16 MiB of room, at least 32.
    public static func recordCount(units: UInt32) -> Int { min(max(Int(units) / 1024, 32), maximumRecords) }

    public static func mapBlockCount(units: UInt32) -> Int { (Int(units) + unitsPerMapBlock - 1) / unitsPerMapBlock }

    /// Returns the unit of a copy of the superblock. Each generation writes the two copies of its parity.
    static func superblock(generation: UInt64, copy: Int) -> UInt32 { UInt32(copy) * 2 + UInt32(generation & 1) }

    static func mapBlock(_ index: Int, slot: Int) -> UInt32 { superblockUnits + UInt32(index * 2 + slot) }

    /// Returns the first sector of a record.
    static func recordSector(_ index: Int, slot: Int, mapBlocks: Int) -> UInt64 {
        firstSector(of: superblockUnits + UInt32(mapBlocks * 2)) + UInt64(index * 2 + slot)
    }

    /// Returns the first unit that belongs to no fixed structure.
    public static func firstFreeUnit(mapBlocks: Int, records: Int) -> UInt32 {
        superblockUnits + UInt32(mapBlocks * 2) + UInt32((records * 2 * recordSize + unitSize - 1) / unitSize)
    }

    public static func firstSector(of unit: UInt32) -> UInt64 { UInt64(unit) * UInt64(sectorsPerUnit) }

    /// Returns the number of sectors that a map of a height covers.
    public static func coverage(height: Int) -> UInt64 { UInt64(sectorsPerUnit) << UInt64(10 * height) }

    /// Returns the height of the lowest map that covers a number of sectors.
    public static func height(sectors: UInt64) -> Int {
        var height = 1
        while height < maximumHeight, coverage(height: height) < sectors { height += 1 }
        return height
    }

    /// Returns the bits of `count` sectors of a unit, from the sector `from` on.
    static func mask(_ from: Int, _ count: Int) -> UInt32 {
        count >= sectorsPerUnit ? ~0 : ((1 << UInt32(count)) - 1) << UInt32(from)
    }
}
