import ABI

/// The state of a virtual CPU beyond that of a thread: EL1 registers and virtual interrupts.
///
/// Virtual interrupts are the numbers 0…127, with one bit of each word of 32 per interrupt. A core that pends,
/// enables or changes a level may be another one than the virtual CPU's own. So those words are atomic, and `isDirty`
/// tells the virtual CPU's own core to look again. Only that core changes the state of list registers; others may
/// read it. Read on in Interrupts/VirtualInterrupts+Changes.swift (any core) and VirtualInterrupts+Delivery.swift
/// (the own core).
public struct VirtualCPU: ~Copyable {
    /// The EL1 system registers while they are not in hardware. The architecture assigns the indices.
    public var system: InlineArray<48, UInt64>
    public var debug: DebugRegisters
    /// The context to which this belongs.
    public var context: Ref<ExecutionContext>?
    /// Aff0 of VMPIDR_EL2.
    public var affinity: UInt8
    /// The number of exits from the machine, by `ExitCounter`.
    public let exits: InlineArray<8, AtomicWord>

    // MARK: Virtual interrupts

    public let enabled: InlineArray<4, AtomicWord>
    /// Interrupts that are pending by an edge or a write to the distributor.
    public let pending: InlineArray<4, AtomicWord>
    /// Input lines that are high. For a timer: its physical interrupt is active, and in no list register.
    public let level: InlineArray<4, AtomicWord>
    public let edge: InlineArray<4, AtomicWord>
    /// Interrupts that are active and in no list register.
    public let active: InlineArray<4, AtomicWord>
    /// Interrupts that are in a list register.
    public var listed: SharedWords<4>
    /// The listed interrupts that are pending by themselves, not because their line is high.
    public var latched: SharedWords<4>
    public var priority: SharedBytes<128>
    public let forwarding: AtomicWord
    public let isDirty: AtomicWord
    /// Bit n: list register n is in use.
    public var usedListRegisters: SharedWords<1>
    /// The list registers while they are not in hardware.
    public var savedListRegisters: SharedWords<16>
    /// Virtual machine control (ICH_VMCR_EL2) and active priorities while they are not in hardware.
    public var interfaceControl: UInt64
    public var activePriorities: InlineArray<8, UInt64>
    /// The events that the virtual interface must report (ICH_HCR_EL2), while it is not in hardware.
    public var maintenance: UInt64

    /// The offset in the object, behind the context.
    public static let offset: UInt64 = ExecutionContext.size
    /// The size of the whole object.
    public static let size: UInt64 = 2 * ExecutionContext.size
    /// The size of `system` and `debug`, which come first.
    static let systemSize: UInt64 = 48 * 8 + DebugRegisters.size
}

/// The numbers of virtual interrupts.
public enum VirtualInterrupts {
    public static let count: UInt32 = 128
    public static let words = 4
    /// The timers' interrupts, which end in hardware: 27 virtual, 30 physical (BSA's PPIs of QEMU `virt`).
    public static let hardwareMask: UInt64 = 1 << 27 | 1 << 30

    /// Returns whether only hardware makes the interrupt pending.
    static func isTimer(_ interrupt: UInt64) -> Bool { interrupt < 32 && hardwareMask & 1 << interrupt != 0 }
}

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
