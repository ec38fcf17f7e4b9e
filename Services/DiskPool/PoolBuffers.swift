/// The places of a pool's structures in its memory, in bytes. The device reads and writes each of them, except `busy`.
public struct PoolBuffers: Equatable, Sendable {
    public let units: UInt32
    public let mapBlocks: Int
    public let records: Int
    /// The number of nodes that memory holds.
    public let slots: Int
    /// The first unit of the device that belongs to no fixed structure.
    let firstUnit: UInt32

    public init(units: UInt32, records: Int, slots: Int) {
        self.units = units
        mapBlocks = PoolLayout.mapBlockCount(units: units)
        self.records = records
        self.slots = slots
        firstUnit = PoolLayout.firstFreeUnit(mapBlocks: mapBlocks, records: records)
    }

    public var superblock: Int { 0 }

    public func mapBlock(_ index: Int) -> Int { PoolLayout.unitSize * (1 + index) }

    /// The bits of the units that are free on the disk and must not be allocated yet. They have no copy on the disk.
    var busy: Int { mapBlock(mapBlocks) }

    public func record(_ index: Int) -> Int {
        busy + PoolLayout.unitSize * mapBlocks + PoolLayout.recordSize * index
    }

    public func slot(_ index: Int) -> Int {
        let size = (PoolLayout.recordSize * records + PoolLayout.unitSize - 1) & ~(PoolLayout.unitSize - 1)
        return record(0) + size + PoolLayout.unitSize * index
    }

    /// The size of the memory.
    public var size: Int { slot(slots) }

    /// Returns the sizes for a pool that is not larger, in the same memory.
    func smaller(units: UInt32, records: Int) -> PoolBuffers {
        let fixed = PoolBuffers(units: units, records: records, slots: 0)
        return PoolBuffers(units: units, records: records, slots: (size - fixed.size) / PoolLayout.unitSize)
    }

    /// Returns the sizes for the largest pool on a device of `units` for which `size` bytes suffice. Returns nil if
    /// they suffice for none.
    public static func fitting(_ size: Int, units: UInt32) -> PoolBuffers? {
        let forRecords = PoolLayout.maximumRecords * PoolLayout.recordSize / PoolLayout.unitSize
        let blocks = (size / PoolLayout.unitSize - 1 - forRecords - minimumSlots) / 2
        let limit = min(max(blocks, 0), PoolLayout.maximumMapBlocks) * PoolLayout.unitsPerMapBlock
        guard limit > 0 else { return nil }
        let units = min(units, UInt32(limit))
        let records = PoolLayout.recordCount(units: units)
        let fixed = PoolBuffers(units: units, records: records, slots: 0)
        return PoolBuffers(units: units, records: records, slots: (size - fixed.size) / PoolLayout.unitSize)
    }

    /// The fewest nodes that memory must hold.
    public static var minimumSlots: Int { 32 }
}
