import Entente

/// Controls the disks of the pools while the system runs. The storage component serves it.
///
/// A control operation takes several accesses of a disk, and a server must not keep its caller waiting for a device.
/// So each method that changes something returns a ticket at once, and `outcome` tells how far the operation is.
public protocol DiskControlInterface: Service {
    /// Makes an empty disk of this number of sectors on the disk `boardDisk` of the board. The pool keeps checksums of
    /// its data if `hasChecksums` is true.
    mutating func create(
        _ name: ShortText, _ sectors: UInt64, _ hasChecksums: Bool, _ boardDisk: UInt64
    ) throws(DiskControlError) -> UInt64
    /// Makes a snapshot of the disk `origin`.
    mutating func snapshot(_ name: ShortText, _ origin: ShortText, _ boardDisk: UInt64) throws(DiskControlError)
        -> UInt64
    /// Makes a disk with the contents of the disk or snapshot `origin`.
    mutating func clone(_ name: ShortText, _ origin: ShortText, _ boardDisk: UInt64) throws(DiskControlError) -> UInt64
    /// Deletes a disk or a snapshot that nobody uses.
    mutating func delete(_ name: ShortText, _ boardDisk: UInt64) throws(DiskControlError) -> UInt64
    /// Enlarges a disk to this number of sectors. Its user learns of the new size.
    mutating func grow(_ name: ShortText, _ sectors: UInt64, _ boardDisk: UInt64) throws(DiskControlError) -> UInt64
    /// Returns true if the operation of a ticket has ended, and false while it runs. Throws its error if it failed.
    mutating func isDone(_ ticket: UInt64) throws(DiskControlError) -> Bool
    /// Returns the next disk or snapshot at or behind `index` in the order of the pool's records. Throws `end` behind
    /// the last.
    mutating func next(_ index: UInt64, _ boardDisk: UInt64) throws(DiskControlError) -> DiskControlEntry
    /// Returns the size of a pool and its free space.
    mutating func pool(_ boardDisk: UInt64) throws(DiskControlError) -> DiskControlPool
}

public enum DiskControlError: UInt64, Error, Parameter {
    /// The pool is not open, or other operations run. Try again later.
    case busy = 1
    case noSuchDisk = 2
    case exists = 3
    case badName = 4
    /// A machine or a component uses the disk.
    case isInUse = 5
    /// A clone needs the snapshot.
    case neededByClone = 6
    case noSpace = 7
    /// The disk would be larger than the format allows.
    case tooLarge = 8
    /// The pool cannot be changed.
    case readOnly = 9
    /// The device failed.
    case device = 10
    case noSuchTicket = 11
    case end = 12
    /// The pool has no record for another disk.
    case noRecord = 13
    /// A snapshot cannot be changed, and has no snapshots.
    case isSnapshot = 14
    /// A disk cannot become smaller.
    case shrinks = 15
    /// A structure of the pool is damaged.
    case damaged = 16
}

/// A pool, in units of 16 KiB.
public struct DiskControlPool: Parameter {
    public var units: UInt64
    public var free: UInt64

    public init(units: UInt64, free: UInt64) { (self.units, self.free) = (units, free) }

    public func append(to message: inout OutgoingMessage) {
        units.append(to: &message)
        free.append(to: &message)
    }

    public static func take(from message: inout IncomingMessage) -> DiskControlPool? {
        guard let units = UInt64.take(from: &message), let free = UInt64.take(from: &message) else { return nil }
        return DiskControlPool(units: units, free: free)
    }
}

/// A disk or snapshot of a pool.
public struct DiskControlEntry: Parameter {
    /// The index of its record.
    public var index: UInt64
    public var kind: Kind
    public var hasChecksums: Bool
    /// True if its record is damaged, so that it cannot be used.
    public var isDamaged: Bool
    public var sectors: UInt64
    /// The number of units of 16 KiB that are charged to it.
    public var usedUnits: UInt64
    /// The most units that may be charged to it; 0 if there is no limit.
    public var quota: UInt64
    /// The units that are kept free for it.
    public var reserved: UInt64
    /// The number of its clones, if it is a snapshot.
    public var clones: UInt64
    public var name: ShortText
    /// The name of the disk or snapshot from which it was made; empty if there was none.
    public var origin: ShortText

    public enum Kind: UInt64, Parameter {
        case disk = 0
        case clone = 1
        case snapshot = 2
    }

    public init(index: UInt64, kind: Kind, sectors: UInt64, usedUnits: UInt64, name: ShortText, origin: ShortText) {
        (self.index, self.kind, self.sectors, self.usedUnits) = (index, kind, sectors, usedUnits)
        (self.name, self.origin) = (name, origin)
        (hasChecksums, isDamaged, quota, reserved, clones) = (false, false, 0, 0, 0)
    }

    public func append(to message: inout OutgoingMessage) {
        index.append(to: &message)
        kind.append(to: &message)
        hasChecksums.append(to: &message)
        isDamaged.append(to: &message)
        sectors.append(to: &message)
        usedUnits.append(to: &message)
        quota.append(to: &message)
        reserved.append(to: &message)
        clones.append(to: &message)
        name.append(to: &message)
        origin.append(to: &message)
    }

    public static func take(from message: inout IncomingMessage) -> DiskControlEntry? {
        guard let index = UInt64.take(from: &message), let kind = Kind.take(from: &message),
            let hasChecksums = Bool.take(from: &message), let isDamaged = Bool.take(from: &message),
            let sectors = UInt64.take(from: &message), let usedUnits = UInt64.take(from: &message),
            let quota = UInt64.take(from: &message), let reserved = UInt64.take(from: &message),
            let clones = UInt64.take(from: &message), let name = ShortText.take(from: &message),
            let origin = ShortText.take(from: &message)
        else { return nil }
        var entry = DiskControlEntry(
            index: index, kind: kind, sectors: sectors, usedUnits: usedUnits, name: name, origin: origin)
        (entry.hasChecksums, entry.isDamaged) = (hasChecksums, isDamaged)
        (entry.quota, entry.reserved, entry.clones) = (quota, reserved, clones)
        return entry
    }
}
