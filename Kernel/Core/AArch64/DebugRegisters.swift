// The debug registers of a virtual CPU, and the names by which its machine accesses them (DDI 0487, D2 and D19.3).
//
// Every access of a machine traps (MDCR_EL2.TDA, TDOSA, TDRA), because only a trap tells the kernel that a machine
// has begun to debug. So memory always holds the values that the machine wrote, and hardware holds at most a copy:
// nothing has to be saved when another virtual CPU runs. Kernel+Debug.swift decides when hardware gets the copy.

/// A virtual CPU's debug registers. Zero, with the OS lock set, is the state after a reset.
public struct DebugRegisters: ~Copyable {
    /// The breakpoints and watchpoints, by `DebugComparator.index`, followed by the words that `Word` names.
    private var words: InlineArray<72, UInt64>

    /// A multiple of 64, so that a reset clears all of it.
    static let size: UInt64 = 72 * 8

    private enum Word {
        static let control = 64
        static let armed = 65
        static let osUnlocked = 66
        static let doubleLock = 67
        static let claims = 68
        static let isInHardware = 69
    }

    @inline(__always)
    public internal(set) subscript(comparator: DebugComparator) -> UInt64 {
        get { words[comparator.index] }
        set { words[comparator.index] = newValue }
    }

    /// MDSCR_EL1 as the machine wrote it.
    public internal(set) var control: UInt64 {
        get { words[Word.control] }
        set { words[Word.control] = newValue }
    }
    /// The part of `control` that hardware obeys while the virtual CPU runs. If it is 0, only BRK causes debug
    /// exceptions.
    @inline(__always) public internal(set) var armed: UInt64 {
        get { words[Word.armed] }
        set { words[Word.armed] = newValue }
    }
    /// OSLSR_EL1.OSLK, which a reset sets.
    public internal(set) var isLocked: Bool {
        get { words[Word.osUnlocked] == 0 }
        set { words[Word.osUnlocked] = newValue ? 0 : 1 }
    }
    /// OSDLR_EL1.DLK.
    var isDoubleLocked: Bool {
        get { words[Word.doubleLock] != 0 }
        set { words[Word.doubleLock] = newValue ? 1 : 0 }
    }
    /// The claim tags of an external debugger, which are plain storage of eight bits to a machine.
    var claims: UInt64 {
        get { words[Word.claims] }
        set { words[Word.claims] = newValue & 0xFF }
    }
    /// True if the comparators were loaded since the last reset. They are in hardware if `Core.debugOwner` is this
    /// virtual CPU as well.
    var isInHardware: Bool {
        get { words[Word.isInHardware] != 0 }
        set { words[Word.isInHardware] = newValue ? 1 : 0 }
    }

    /// The bits that hardware must obey: SS, KDE and MDE, unless one of the locks forbids debug exceptions (D2.2.1).
    var wanted: UInt64 { isLocked || isDoubleLocked ? 0 : control & DebugControl.exceptions }
}

/// Bits of MDSCR_EL1 (D19.3.20).
public enum DebugControl {
    public static let softwareStep: UInt64 = 1 << 0
    public static let kernelEnable: UInt64 = 1 << 13
    public static let monitorEnable: UInt64 = 1 << 15
    static let exceptions = softwareStep | kernelEnable | monitorEnable
}

/// A register that determines the address of a breakpoint or watchpoint, or the condition under which it matches.
public struct DebugComparator: Equatable {
    /// The bank, by Op2 of the register's name, from 4 on.
    public enum Bank: UInt8 {
        case breakpointValue, breakpointControl, watchpointValue, watchpointControl
    }
    public let bank: Bank
    public let number: Int

    public init(_ bank: Bank, _ number: Int) {
        self.bank = bank
        self.number = number & 15
    }

    /// 0 to 63.
    @inline(__always) public var index: Int { Int(bank.rawValue) &* 16 &+ number }

    /// Returns the bits of `value` that a machine may set. Breakpoint types from 8 on (DBGBCR.BT, bit 23) compare
    /// with the VMID or with CONTEXTIDR_EL2, which belong to the kernel.
    func permitted(_ value: UInt64) -> UInt64 { bank == .breakpointControl ? value & ~(1 << 23) : value }
}

/// A register with Op0 2, as the machine's instruction names it.
public enum DebugRegister: Equatable {
    case comparator(DebugComparator)
    /// MDSCR_EL1.
    case control
    case osLockAccess, osLockStatus, osDoubleLock
    case claimSet, claimClear
    /// A register that reads as zero and ignores writes: the communication channel and the other registers for
    /// external debuggers.
    case empty

    /// Decodes the register's name. Nil if there is no such register, which makes the access an undefined
    /// instruction.
    public init?(op1: UInt64, crn: UInt64, crm: UInt64, op2: UInt64, _ features: DebugFeatures) {
        switch (op1, crn, op2) {
        case (0, 0, 4...7):
            guard let bank = DebugComparator.Bank(rawValue: UInt8(op2 & 3)), crm < features.count(bank) else {
                return nil
            }
            self = .comparator(DebugComparator(bank, Int(crm)))
        case (0, 0, 0), (0, 0, 2): self.init(control: crm, op2)
        case (0, 1, _): self.init(lock: crm, op2)
        case (0, 7, 6): self.init(claim: crm)
        // These are MDCCSR_EL0, DBGDTR_EL0, DBGDTRRX_EL0 and DBGDTRTX_EL0.
        case (3, 0, 0) where crm == 1 || crm == 4 || crm == 5: self = .empty
        default: return nil
        }
    }

    private init?(control crm: UInt64, _ op2: UInt64) {
        switch (crm, op2) {
        case (2, 2): self = .control
        // These are OSDTRRX_EL1, OSDTRTX_EL1, OSECCR_EL1 and MDCCINT_EL1.
        case (0, 2), (3, 2), (6, 2), (2, 0): self = .empty
        default: return nil
        }
    }

    private init?(lock crm: UInt64, _ op2: UInt64) {
        switch (crm, op2) {
        case (0, 4): self = .osLockAccess
        case (1, 4): self = .osLockStatus
        case (3, 4): self = .osDoubleLock
        // These are MDRAR_EL1 and DBGPRCR_EL1.
        case (0, 0), (4, 4): self = .empty
        default: return nil
        }
    }

    private init?(claim crm: UInt64) {
        switch crm {
        case 8: self = .claimSet
        case 9: self = .claimClear
        case 14: self = .empty  // DBGAUTHSTATUS_EL1
        default: return nil
        }
    }
}

/// The value of ID_AA64DFR0_EL1 of a core, and the values that a machine reads instead.
public struct DebugFeatures: Sendable {
    public let bits: UInt64
    @inline(__always) public init(bits: UInt64) { self.bits = bits }

    private func field(_ shift: UInt64) -> UInt64 { bits >> shift & 15 }
    public var breakpoints: UInt64 { field(12) + 1 }
    public var watchpoints: UInt64 { field(20) + 1 }
    /// True if the core has FEAT_DoubleLock: 0 means yes, 15 means no.
    var hasDoubleLock: Bool { field(36) == 0 }

    func count(_ bank: DebugComparator.Bank) -> UInt64 {
        switch bank {
        case .breakpointValue, .breakpointControl: breakpoints
        case .watchpointValue, .watchpointControl: watchpoints
        }
    }

    /// The version of the debug architecture. It is at most v8.4, because later versions have registers that the
    /// kernel does not switch, and it is never the one that announces EL2 with the host extensions.
    private var version: UInt64 { field(0) == 7 ? 6 : min(field(0), 9) }

    /// The register as a machine reads it: the core's breakpoints, watchpoints and double lock, but no PMU, trace or
    /// profiling.
    public var ofMachine: UInt64 { bits & (15 << 12 | 15 << 20 | 15 << 28 | 15 << 36) | version }

    /// DBGDIDR, which AArch32 processes can read (G8.3.10): the same numbers, v8.0, and SE_imp and nSUHD_imp, which a
    /// board's core has even if software cannot use EL3. The emulator's boards report this value regardless of their
    /// version.
    public var ofProcess: UInt64 {
        field(20) << 28 | field(12) << 24 | field(28) << 20 | 6 << 16 | 0xD000
    }
}
