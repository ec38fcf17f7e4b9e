/// The places of a pool's structures in its memory, in bytes. The device reads and writes each of them, except `busy`.
public struct PoolBuffers: Sendable {
    public let units: UInt32
    public let mapBlocks: Int
    public let records: Int
    /// The number of nodes that memory holds.
    public let slots: Int

    public init(units: UInt32, records: Int, slots: Int) {
        self.units = units
        mapBlocks = PoolLayout.mapBlockCount(units: units)
        self.records = records
        self.slots = slots
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
}
