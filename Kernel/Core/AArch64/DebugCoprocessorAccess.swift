// Access of an AArch32 process to debug registers by coprocessor 14. Such a process has only a few of them, and its
// writes have no effect on any (DDI 0487, G8.3).

/// The trap of an MRC, MCR or MRRC instruction (EC 0x05 and 0x0C; D19.2.37).
public struct DebugCoprocessorAccess {
    private let syndrome: UInt64
    /// The process's PSTATE, as SPSR_EL2 holds it.
    private let state: UInt64

    public init(syndrome: UInt64, state: UInt64) {
        self.syndrome = syndrome
        self.state = state
    }

    private var isPair: Bool { syndrome >> 26 == 0x0C }
    /// The register that receives the answer, or its lower half.
    public var first: Int { Int(syndrome >> 5 & 31) }
    /// The register that receives the upper half, which is 0.
    public var second: Int? { isPair ? Int(syndrome >> 10 & 31) : nil }

    /// True if the instruction's condition holds. A core may trap an instruction whose condition fails.
    public var isExecuted: Bool { AArch32Condition(syndrome: syndrome, state: state).holds }

    /// Returns the value that is read; nil if the process takes an undefined instruction. That is the case if there
    /// is no such register, and for writes, because the only register that a process may write is a debugger's
    /// communication channel.
    public func answer(_ features: DebugFeatures) -> UInt64? {
        guard syndrome & 1 != 0 else { return nil }
        let crm = syndrome >> 1 & 15
        // DBGDRAR and DBGDSAR.
        if isPair { return syndrome >> 16 & 15 == 0 && (crm == 1 || crm == 2) ? 0 : nil }
        let opc2 = syndrome >> 17 & 7, opc1 = syndrome >> 14 & 7, crn = syndrome >> 10 & 15
        guard opc1 == 0, opc2 == 0 else { return nil }
        switch (crn, crm) {
        case (0, 0): return features.ofProcess
        // DBGDSCRint, DBGDTRRXint, DBGDRAR and DBGDSAR.
        case (0, 1), (0, 5), (1, 0), (2, 0): return 0
        default: return nil
        }
    }
}

/// The condition under which a trapped AArch32 instruction executes.
struct AArch32Condition {
    private let condition: UInt64
    private let state: UInt64

    init(syndrome: UInt64, state: UInt64) {
        self.state = state
        if syndrome & 1 << 24 != 0 {
            condition = syndrome >> 20 & 15
        } else {
            // The syndrome holds no condition (CV is 0), so it is that of the IT block if the instruction is in one.
            let block = RegisterFrame.block(of: state)
            condition = block == 0 ? 14 : block >> 4
        }
    }

    var holds: Bool {
        let n = state >> 31 & 1, z = state >> 30 & 1, c = state >> 29 & 1, v = state >> 28 & 1
        let base =
            switch condition >> 1 {
            case 0: z == 1
            case 1: c == 1
            case 2: n == 1
            case 3: v == 1
            case 4: c == 1 && z == 0
            case 5: n == v
            case 6: n == v && z == 0
            default: true
            }
        return condition & 1 != 0 && condition != 15 ? !base : base
    }
}
