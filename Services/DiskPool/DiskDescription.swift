/// A disk or snapshot as a user sees it.
public struct DiskDescription: Equatable, Sendable {
    public var index: Int
    public var name: PoolName
    public var isSnapshot: Bool
    /// True for a snapshot without a name, which the pool keeps for clones.
    public var isHidden: Bool
    /// True while the pool gives its units back.
    public var isDeleting: Bool
    public var hasChecksums: Bool
    /// The size that its owner sees, in sectors.
    public var sectors: UInt64
    /// The units that are charged to it: its own, and those that only its snapshots contain. A snapshot has none while
    /// its disk exists.
    public var used: UInt32
    /// The most units that may be charged; 0 if there is no limit.
    public var quota: UInt32
    public var reserved: UInt32
    /// The name of the disk or snapshot from which it was made, at that time. It is empty if there was none.
    public var origin: PoolName
    /// The snapshot on which it depends: its own last one, or the one from which it was cloned.
    public var previous: Int?
    public var isClone: Bool
    /// The number of clones that keep a snapshot from being deleted.
    public var clones: Int

    public init(
        index: Int, name: PoolName, isSnapshot: Bool, isHidden: Bool, isDeleting: Bool, hasChecksums: Bool,
        sectors: UInt64, used: UInt32, quota: UInt32, reserved: UInt32, origin: PoolName, previous: Int?,
        isClone: Bool, clones: Int
    ) {
        (self.index, self.name, self.isSnapshot, self.isHidden) = (index, name, isSnapshot, isHidden)
        (self.isDeleting, self.hasChecksums, self.sectors) = (isDeleting, hasChecksums, sectors)
        (self.used, self.quota, self.reserved) = (used, quota, reserved)
        (self.origin, self.previous, self.isClone, self.clones) = (origin, previous, isClone, clones)
    }
}

extension Pool {
    /// Returns what a user sees of a record, or nil if the record is free.
    public func description(of index: Int) -> DiskDescription? {
        guard records.indices.contains(index), !records[index].isFree else { return nil }
        let record = records[index]
        return DiskDescription(
            index: index, name: record.name, isSnapshot: record.kind == .snapshot, isHidden: record.state == .hidden,
            isDeleting: record.state == .deleting, hasChecksums: record.hasChecksums, sectors: record.sectors,
            used: record.used, quota: record.quota, reserved: record.reserved, origin: record.origin,
            previous: record.previous == 0 ? nil : record.previousIndex, isClone: record.isClone,
            clones: clones(of: index))
    }

    /// Returns the disks and snapshots with names, in the order of their records.
    public func list() -> [DiskDescription] {
        records.indices.compactMap { records[$0].state == .live ? description(of: $0) : nil }
    }

    /// Returns whether the record is damaged, so that its disk cannot be used.
    public func isDamaged(_ index: Int) -> Bool { states[index].isDamaged }
}
