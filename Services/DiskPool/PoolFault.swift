/// A fault of a pool's structures, as `PoolCheck` reports it.
public struct PoolFault: Equatable, Sendable {
    public enum Kind: UInt32, Equatable, Sendable {
        case superblockCopy, mapBlock, record, node, deadList, data
        /// The device could not read the unit.
        case unreadable
        /// The space map says that a unit in use is free.
        case usedUnitIsFree
        /// The space map says that a unit is in use, and nothing refers to it.
        case lostUnit
        /// Two owners refer to a unit.
        case sharedUnit
        /// A structure refers to a place outside the pool, or to a fixed structure.
        case outside
        /// A unit is younger than the node that refers to it.
        case younger
        /// A record counts another number of units than its disk uses.
        case count
    }

    /// The way back to a sound pool.
    public enum Remedy: Equatable, Sendable {
        /// The next two commits write the copy anew.
        case goesAway
        /// `Pool.repair` corrects it without loss.
        case repair
        /// The data is lost. Deleting the disk or snapshot and restoring it from a copy remains.
        case restoreDisk
        /// Copying the other disks to a new pool remains.
        case restorePool
    }

    public var kind: Kind
    /// The disk or snapshot, or -1.
    public var record = -1
    /// The unit of the device, or the number of the copy, the block or the record.
    public var unit: UInt32
    /// The first virtual unit that the fault concerns.
    public var place: UInt64 = 0

    public var remedy: Remedy {
        switch kind {
        case .superblockCopy: .goesAway
        case .mapBlock, .usedUnitIsFree, .lostUnit, .count: .repair
        case .node, .data, .unreadable, .deadList: .restoreDisk
        case .record, .sharedUnit, .outside, .younger: .restorePool
        }
    }

    #if !hasFeature(Embedded)
        public var text: String {
            let disk = record < 0 ? "" : "disk \(record), virtual unit \(place): "
            return "\(disk)\(kind), unit \(unit): \(remedyText)"
        }

        private var remedyText: String {
            switch remedy {
            case .goesAway: "the next commits write it anew"
            case .repair: "`disk check --repair` corrects it"
            case .restoreDisk: "the data is lost; delete the disk and restore it from a copy"
            case .restorePool: "copy the other disks to a new pool"
            }
        }
    #endif
}
