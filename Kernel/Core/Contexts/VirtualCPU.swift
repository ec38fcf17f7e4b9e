import ABI

/// The state of a virtual CPU beyond that of a thread: system registers, debug registers and virtual interrupts.
///
/// Virtual interrupts are the numbers 0…127, with one bit of each word of 32 per interrupt. A core that pends,
/// enables or changes a level may be another one than the virtual CPU's own. So those words are atomic, and `isDirty`
/// tells the virtual CPU's own core to look again. Only that core changes the state of list registers; others may
/// read it. Read on in Interrupts/VirtualInterrupts+Changes.swift (any core) and VirtualInterrupts+Delivery.swift
/// (the own core).
public struct VirtualCPU: ~Copyable {
    /// The system registers while they are not in hardware. The architecture assigns the indices.
    public var system: InlineArray<48, UInt64>
    public var debug: DebugRegisters
    /// The context to which this belongs.
    public var context: Ref<ExecutionContext>?
    /// The number by which other virtual CPUs of the machine address this one.
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
    /// The control of the virtual interface, and the active priorities, while they are not in hardware.
    public var interfaceControl: UInt64
    public var activePriorities: InlineArray<8, UInt64>
    /// The events that the virtual interface must report, while it is not in hardware.
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

    /// Returns whether only hardware makes the interrupt pending.
    static func isTimer(_ interrupt: UInt64) -> Bool { interrupt < 32 && hardwareMask & 1 << interrupt != 0 }
}
