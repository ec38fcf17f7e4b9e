import Entente

/// Controls the disks of the pools while the system runs. The storage component serves it.
///
/// A control operation takes several accesses of a disk, and a server must not keep its caller waiting for a device.
/// So each method that changes something returns a ticket at once, and `outcome` tells how far the operation is.
public protocol DiskControlInterface: Service {
    /// Makes an empty disk of this number of sectors on the disk `boardDisk` of the board.
    mutating func create(_ name: ShortText, _ sectors: UInt64, _ boardDisk: UInt64) throws(DiskControlError) -> UInt64
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
    /// The disk would be larger than the format allows, or smaller than it is.
    case badSize = 8
    /// The pool cannot be changed.
    case readOnly = 9
    /// The device failed, or a structure of the pool is damaged.
    case device = 10
    case noSuchTicket = 11
    case end = 12
}

/// A disk or snapshot of a pool.
public struct DiskControlEntry: Parameter {
    /// The index of its record.
    public var index: UInt64
    public var isSnapshot: Bool
    public var sectors: UInt64
    /// The number of units of 16 KiB that are charged to it.
    public var usedUnits: UInt64
    public var name: ShortText

    public init(index: UInt64, isSnapshot: Bool, sectors: UInt64, usedUnits: UInt64, name: ShortText) {
        (self.index, self.isSnapshot, self.sectors) = (index, isSnapshot, sectors)
        (self.usedUnits, self.name) = (usedUnits, name)
    }

    public func append(to message: inout OutgoingMessage) {
        index.append(to: &message)
        isSnapshot.append(to: &message)
        sectors.append(to: &message)
        usedUnits.append(to: &message)
        name.append(to: &message)
    }

    public static func take(from message: inout IncomingMessage) -> DiskControlEntry? {
        guard let index = UInt64.take(from: &message), let isSnapshot = Bool.take(from: &message),
            let sectors = UInt64.take(from: &message), let usedUnits = UInt64.take(from: &message),
            let name = ShortText.take(from: &message)
        else { return nil }
        return DiskControlEntry(
            index: index, isSnapshot: isSnapshot, sectors: sectors, usedUnits: usedUnits, name: name)
    }
}
