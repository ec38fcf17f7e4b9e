import ABI

/// A device of the board as a manifest names it: by its node's name in the device tree, with or without the address.
public struct DeviceRequest: Sendable, Equatable {
    /// The program's name for it.
    public var name: String
    /// The name of the node: `pl031`, or `pl031@9010000`.
    public var node: String

    public init(name: String, node: String) { (self.name, self.node) = (name, node) }

    static let maximum = 8
}

/// A device of the board that a component drives.
public struct DeviceDescription: Sendable, Equatable {
    /// The component's name for it.
    public var name: String
    public var registers: MemoryRange
    /// The INTID of its interrupt, or nil if it has none.
    public var interrupt: UInt64?
    public init(name: String, registers: MemoryRange, interrupt: UInt64?) {
        (self.name, self.registers, self.interrupt) = (name, registers, interrupt)
    }
}

/// Memory that devices of the board may access.
public struct DMAMemoryDescription: Sendable, Equatable {
    public var name: String
    /// The size in bytes; a multiple of 4 KiB.
    public var size: UInt64
    public init(name: String, size: UInt64) { (self.name, self.size) = (name, size) }
}

extension DMAMemoryDescription {
    static let sizes: ClosedRange<UInt64> = 4096...(64 << 20)
}

extension MemoryRange {
    /// The numbers of the pages on which the range lies.
    var pages: ClosedRange<UInt64> { base >> 12...(base + max(size, 1) - 1) >> 12 }
}
