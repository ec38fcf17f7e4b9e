/// The places of a pool's structures on its physical disk, and the limits of version 1 of the format.
///
/// The pool is an array of *units*. Unit 0…3 hold the superblock, four times. Behind them lie the blocks of the space
/// map and the records of the disks, each in two slots. All other units belong to the maps, the lists of dead units
/// and the data of disks.
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
    /// The number of blocks of the space map and of records together, which the superblock lists.
    public static let maximumFixedBlocks = 2016
    public static let maximumMapBlocks = 1024
    public static let maximumRecords = 960
    public static let maximumHeight = 3
    public static let maximumName = 64

    /// Returns the number of records of a new pool: one for 16 MiB of room, at least 32.
    public static func recordCount(units: UInt32) -> Int { min(max(Int(units) / 1024, 32), maximumRecords) }
    public static func mapBlockCount(units: UInt32) -> Int {
        (Int(units) + unitsPerMapBlock - 1) / unitsPerMapBlock
    }

    /// Returns the unit of a copy of the superblock: each generation writes both copies of its parity.
    static func superblock(generation: UInt64, copy: Int) -> UInt32 { UInt32(copy) * 2 + UInt32(generation & 1) }
    static func mapBlock(_ index: Int, slot: Int) -> UInt32 { superblockUnits + UInt32(index * 2 + slot) }

    /// Returns the first sector of a record.
    static func recordSector(_ index: Int, slot: Int, mapBlocks: Int) -> UInt64 {
        let base = UInt64(superblockUnits) + UInt64(mapBlocks * 2)
        return base * UInt64(sectorsPerUnit) + UInt64(index * 2 + slot)
    }

    /// Returns the first unit that belongs to no fixed structure.
    public static func firstFreeUnit(mapBlocks: Int, records: Int) -> UInt32 {
        superblockUnits + UInt32(mapBlocks * 2) + UInt32((records * 2 * recordSize + unitSize - 1) / unitSize)
    }

    /// Returns the number of sectors that a map of a height covers.
    public static func coverage(height: Int) -> UInt64 {
        var units: UInt64 = 1
        for _ in 0..<height { units *= UInt64(entriesPerNode) }
        return units * UInt64(sectorsPerUnit)
    }

    public static func height(sectors: UInt64) -> Int {
        var height = 1
        while height < maximumHeight, coverage(height: height) < sectors { height += 1 }
        return height
    }
}

/// An entry of a map: a unit of data in a leaf, or the next node.
public struct MapEntry: Equatable {
    /// The unit; 0 if there is none.
    public var unit: UInt32
    /// The epoch in which the unit was allocated. The unit belongs to one disk alone if the epoch is above that of the
    /// disk's last snapshot.
    public var birth: UInt32
    /// The sectors of a unit of data that hold data; the others read as zero.
    public var valid: UInt32
    /// The checksum of a node, or of a unit of data on a disk with checksums.
    public var check: UInt32

    public init(unit: UInt32, birth: UInt32, valid: UInt32 = 0, check: UInt32 = 0) {
        (self.unit, self.birth, self.valid, self.check) = (unit, birth, valid, check)
    }
    public static var none: MapEntry { MapEntry(unit: 0, birth: 0) }
    public var isNone: Bool { unit == 0 }
}

/// Memory in 32-bit words: the buffers of the pool.
public protocol PoolMemory {
    /// Loads the word at `offset` bytes, a multiple of 4.
    func load(_ offset: Int) -> UInt32
    mutating func store(_ offset: Int, _ word: UInt32)
    /// Returns the CRC-32C of `count` bytes from `offset` on, both multiples of 4.
    func checksum(_ offset: Int, count: Int) -> UInt32
    /// Copies within the memory.
    mutating func copy(from: Int, to: Int, count: Int)
    mutating func clear(_ offset: Int, count: Int)
    /// Clears a part of a client's window.
    mutating func clear(window: Int, _ offset: Int, count: Int)
    mutating func copy(window: Int, _ offset: Int, to: Int, count: Int)
    mutating func copy(_ from: Int, toWindow window: Int, _ offset: Int, count: Int)
}

/// CRC-32C (Castagnoli), the polynomial of iSCSI (RFC 3720, 12.1), reflected.
public struct CRC32C: Sendable {
    private var table: [UInt32]

    public init() {
        table = [UInt32](repeating: 0, count: 1024)
        for byte in 0..<256 {
            var value = UInt32(byte)
            for _ in 0..<8 { value = value & 1 != 0 ? value >> 1 ^ 0x82F6_3B78 : value >> 1 }
            table[byte] = value
        }
        for byte in 0..<256 {
            for step in 1..<4 {
                let before = table[(step - 1) * 256 + byte]
                table[step * 256 + byte] = before >> 8 ^ table[Int(before & 0xFF)]
            }
        }
    }

    /// Adds four bytes, in the order of memory, to a remainder.
    @inline(__always)
    public func add(_ word: UInt32, to remainder: UInt32) -> UInt32 {
        let value = remainder ^ word
        return table[768 + Int(value & 0xFF)] ^ table[512 + Int(value >> 8 & 0xFF)]
            ^ table[256 + Int(value >> 16 & 0xFF)] ^ table[Int(value >> 24)]
    }
}
