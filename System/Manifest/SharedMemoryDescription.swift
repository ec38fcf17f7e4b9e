import ABI

/// Memory between two machines or components, with a doorbell in each direction.
public struct SharedMemoryDescription: Sendable, Equatable {
    public var name: String
    /// The size in bytes; a multiple of 4 KiB.
    public var size: UInt64
    /// The names of both ends.
    public var ends: [String]

    public init(name: String, size: UInt64, ends: [String]) {
        (self.name, self.size, self.ends) = (name, size, ends)
    }

    public static let maximum = SharedRegions.maximum
    static let sizes: ClosedRange<UInt64> = 4096...SharedRegions.maximumSize
}

/// A shared region as one machine has it, for the machine's device tree.
public struct SharedMemoryEnd: Sendable, Equatable {
    public var name: String
    /// The number of the region in the system.
    public var number: Int
    public var size: UInt64

    public init(name: String, number: Int, size: UInt64) {
        (self.name, self.number, self.size) = (name, number, size)
    }
}
