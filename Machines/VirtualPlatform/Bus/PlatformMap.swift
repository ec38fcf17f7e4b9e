import ABI

/// The guest-physical addresses and the interrupts of the devices of QEMU's `virt` board.
public enum PlatformMap {
    public static let distributor: UInt64 = 0x0800_0000
    public static let distributorSize: UInt64 = 0x1_0000
    /// The base of the redistributors. The two frames of 64 KiB of virtual CPU N begin at `redistributors + N *
    /// redistributorStride`.
    public static let redistributors: UInt64 = 0x080A_0000
    public static let redistributorStride: UInt64 = 0x2_0000
    public static let serial: UInt64 = 0x0900_0000
    public static let serialSize: UInt64 = 0x1000
    /// The PL011's combined interrupt (SPI 1), level-sensitive.
    public static let serialInterrupt = InterruptID(33)
    public static let clock: UInt64 = 0x0901_0000
    public static let clockSize: UInt64 = 0x1000
    /// The PL031's alarm (SPI 2), level-sensitive.
    public static let clockInterrupt = InterruptID(34)

    /// The timers' private interrupts, 27 and 30. The kernel knows the levels of their lines.
    public static let timers: UInt32 = 1 << 27 | 1 << 30

    /// The number of virtual CPUs of a machine, at most. The state of the devices has room for eight.
    public static let maximumVirtualCPUs = MachineConfiguration.maximumVirtualCPUs
    /// The number of interrupts, INTIDs 0…127. The kernel keeps as many for each virtual CPU.
    public static let interruptCount = 128
}

/// An interrupt number (INTID): 0…15 software-generated, 16…31 private peripherals, 32…127 shared peripherals.
public struct InterruptID: Equatable, Sendable {
    public let number: Int

    @inline(__always) public init(_ number: Int) { self.number = number }
    /// The word of the distributor's bit registers that contains the interrupt.
    @inline(__always) public var word: Int { number >> 5 }
    /// The interrupt's bit in that word.
    @inline(__always) public var bit: UInt32 { 1 << UInt32(truncatingIfNeeded: number & 31) }
    /// The interrupt's index among the 32 of its word.
    @inline(__always) public var place: Int { number & 31 }
}
