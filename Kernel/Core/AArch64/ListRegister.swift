/// ICH_LR<n>_EL2 (IHI 0069H, 12.4.5): an interrupt that hardware delivers to the virtual CPU.
public struct ListRegister: Equatable {
    public var bits: UInt64
    @inline(__always) public init(bits: UInt64) { self.bits = bits }

    @inline(__always)
    public init(pending interrupt: UInt32, priority: UInt8, hardware: Bool, signalsEnd: Bool) {
        bits = UInt64(interrupt) | UInt64(priority) << 48 | 1 << 60 | Self.pendingBit
        if hardware {
            bits |= 1 << 61 | UInt64(interrupt) << 32
        } else if signalsEnd {
            bits |= Self.endBit
        }
    }

    static let pendingBit: UInt64 = 1 << 62
    static let activeBit: UInt64 = 1 << 63
    /// The request for a maintenance interrupt at the end of an interrupt that is not hardware's.
    private static let endBit: UInt64 = 1 << 41
    /// The bits of a hardware interrupt, with the number of the physical interrupt.
    private static let hardwareBits: UInt64 = 1 << 61 | 0x1FFF << 32

    public static var empty: ListRegister { ListRegister(bits: 0) }
    @inline(__always) public var interrupt: UInt32 { UInt32(truncatingIfNeeded: bits) }
    @inline(__always) public var priority: UInt8 { UInt8(truncatingIfNeeded: bits >> 48) }
    @inline(__always) public var isPending: Bool { bits & Self.pendingBit != 0 }
    @inline(__always) public var isActive: Bool { bits & Self.activeBit != 0 }
    @inline(__always) public var isFree: Bool { bits >> 62 == 0 }
    @inline(__always) public var isHardware: Bool { bits & 1 << 61 != 0 }
    /// True if the guest's end of the interrupt brings a maintenance interrupt. The end of a hardware interrupt ends
    /// the physical one instead.
    @inline(__always) public var signalsEnd: Bool { bits & Self.endBit != 0 }
    /// Makes the guest's end of the interrupt bring a maintenance interrupt. The end no longer reaches a physical
    /// interrupt.
    @inline(__always) mutating func signalEnd() { bits = bits & ~Self.hardwareBits | Self.endBit }
}
