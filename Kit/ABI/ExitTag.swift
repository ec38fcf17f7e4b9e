/// The first word (`x2`) of a message that the kernel sends to an exit or fault portal. Bits 56…63 hold the kind, and
/// bits 0…31 the syndrome (ESR_EL2, ISS and EC).
public struct ExitTag {
    public var bits: UInt64

    @inline(__always) public init(bits: UInt64) { self.bits = bits }
    @inline(__always) public init(_ kind: ExitKind, syndrome: UInt64) {
        bits = kind.rawValue << 56 | syndrome & 0xFFFF_FFFF
    }
    @inline(__always) public var kind: ExitKind? { ExitKind(rawValue: bits >> 56) }
    /// The value of ESR_EL2 as the hardware gave it (Arm ARM, D17.2.37).
    @inline(__always) public var syndrome: UInt64 { bits & 0xFFFF_FFFF }

    // The fields of a data abort's syndrome.
    @inline(__always) public var hasValidAccess: Bool { bits & 1 << 24 != 0 }
    /// Returns true for a store to an address at which nothing is mapped, or memory that the machine may only read.
    /// The syndrome of such a store is valid, and neither cache maintenance nor the guest's own table walk caused it.
    @inline(__always) public var isPlainStore: Bool {
        hasValidAccess && bits & (1 << 6 | 1 << 7 | 1 << 8) == 1 << 6 && isOfMapping
    }
    /// True if the abort is a translation fault or a permission fault of stage 2 (DFSC 0b0001xx, 0b0011xx).
    @inline(__always) public var isOfMapping: Bool { bits & 0x34 == 4 }
    @inline(__always) public var isWrite: Bool { bits & 1 << 6 != 0 }
    /// The size of the access in bytes: 1, 2, 4 or 8.
    @inline(__always) public var accessSize: UInt64 { 1 << (bits >> 22 & 3) }
    @inline(__always) public var signExtends: Bool { bits & 1 << 21 != 0 }
    /// True if the destination register is 64 bits wide.
    @inline(__always) public var isWideRegister: Bool { bits & 1 << 15 != 0 }
    @inline(__always) public var register: UInt32 { UInt32(truncatingIfNeeded: bits >> 16 & 31) }
}

/// The reason for which a virtual CPU left its machine, or a thread its program. Each case gives the words `x3…x7`.
public enum ExitKind: UInt64 {
    /// A stage-2 data abort, at unmapped memory or by a store to read-only memory: `x3` is the guest-physical address
    /// of the byte, `x4` the register's value for a store,
    /// and `x5` the program counter.
    case memoryAccess = 1
    /// An HVC or SMC that the kernel does not answer: `x3…x6` are the guest's `x0…x3`, and `x7` is the program
    /// counter.
    case hypercall = 2
    /// A system-register access that the kernel does not answer: `x4` is the register's value, `x5` the program
    /// counter.
    case systemRegister = 3
    /// A fetch from unmapped memory: `x3` is the guest-physical address, `x5` the program counter.
    case instructionFetch = 4
    /// Any other fault: `x3` is the fault address (FAR_EL2), `x5` the program counter.
    case fault = 5
}
