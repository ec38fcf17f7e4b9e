/// An entry of a map: a unit of data in a leaf, or the next node.
public struct MapEntry: Equatable, Sendable {
    /// The unit; 0 if there is none.
    public var unit: UInt32
    /// The epoch in which the unit was allocated. The unit belongs to one disk alone if the epoch is above that of the
    /// disk's last snapshot.
    public var birth: UInt32
    /// The sectors of a unit of data that hold data. The others read as zero.
    public var valid: UInt32
    /// The checksum of a node, or of a unit of data on a disk with checksums.
    public var check: UInt32

    public init(unit: UInt32, birth: UInt32, valid: UInt32 = 0, check: UInt32 = 0) {
        (self.unit, self.birth, self.valid, self.check) = (unit, birth, valid, check)
    }

    public static var none: MapEntry { MapEntry(unit: 0, birth: 0) }
    public var isNone: Bool { unit == 0 }
}

/// The layout of a node of a list of dead units: a header of eight words, then pairs of unit and birth.
enum DeadNode {
    static let count = 0, next = 4, nextCheck = 8, entries = 32
    static let capacity = (PoolLayout.unitSize - entries) / 8
}
