import AArch64Support
import KernelCore

/// The values that a machine reads from the identification registers. They are those of the core, without extensions
/// whose state the kernel does not keep or does not pass on: EL2 and EL3, SVE, SME, MTE, pointer authentication, PMU,
/// trace, RAS, statistical profiling, activity monitors, limited ordering, fine-grained traps, scxtnum.
enum IdentificationRegisters {
    /// Returns the register with Op0 3, Op1 0, CRn 0. Unallocated ones read as zero (DDI 0487, D19.2).
    static func value(crm: UInt64, op2: UInt64) -> UInt64 {
        switch crm {
        case 1, 2, 3: aarch32(crm, op2)
        case 4: processorFeatures(op2)
        case 5: op2 == 0 ? AArch64.debugFeatures.ofMachine : 0
        case 6: instructionSet(op2)
        case 7: memoryModel(op2)
        default: 0
        }
    }

    /// Keeps the 4-bit fields whose lowest bits are listed.
    private static func keep(_ value: UInt64, _ fields: UInt64) -> UInt64 { value & (fields &* 15) }

    private static func field(_ bit: UInt64) -> UInt64 { 1 << bit }

    private static func processorFeatures(_ op2: UInt64) -> UInt64 {
        switch op2 {
        case 0:
            let value = read_ID_AA64PFR0_EL1()
            // Passes on EL0, FP, AdvSIMD, DIT and CSV3 unchanged; EL1 in AArch64 only; GICv3 system registers; CSV2
            // without scxtnum.
            let speculation = min(value >> 56 & 15, 1) << 56
            return keep(value, field(0) | field(16) | field(20) | field(48) | field(60)) | 1 << 4 | 1 << 24
                | speculation
        case 1: return keep(read_ID_AA64PFR1_EL1(), field(0) | field(4))  // BT, SSBS
        default: return 0
        }
    }

    private static func instructionSet(_ op2: UInt64) -> UInt64 {
        switch op2 {
        case 0: read_ID_AA64ISAR0_EL1() & ~(15 << 24)  // no transactional memory
        // Hides pointer authentication (APA, API, GPA, GPI) and LS64.
        case 1: read_ID_AA64ISAR1_EL1() & ~(0xFF << 4 | 0xFF << 24 | 15 << 60)
        case 2: keep(read_ID_AA64ISAR2_EL1(), field(4) | field(20) | field(24))  // RPRES, BC, PAC_frac
        default: 0
        }
    }

    private static func memoryModel(_ op2: UInt64) -> UInt64 {
        switch op2 {
        case 0:
            // Announces 36 bits of physical address regardless of the core, and endianness and granules unchanged.
            (read_ID_AA64MMFR0_EL1() & 0xFFFF_FFF0 & ~(15 << 12)) | 1
        // Passes on HAFDBS, HPDS and PAN.
        case 1: keep(read_ID_AA64MMFR1_EL1(), field(0) | field(12) | field(20))
        // Passes on CnP, UAO, LSM, CCIDX, ST, AT, TTL and E0PD.
        case 2:
            keep(
                read_ID_AA64MMFR2_EL1(),
                field(0) | field(4) | field(8) | field(20) | field(28) | field(32) | field(48) | field(60))
        default: 0
        }
    }

    private static func aarch32(_ crm: UInt64, _ op2: UInt64) -> UInt64 {
        switch (crm, op2) {
        case (1, 0): read_ID_PFR0_EL1() & ~(15 << 28)  // no RAS
        case (1, 1): read_ID_PFR1_EL1() & ~(15 << 12 | 15 << 4)  // no virtualization, no security extension
        case (1, 2): AArch64.debugFeatures.ofMachine & 0xF  // no PMU, no trace
        case (1, 4): read_ID_MMFR0_EL1()
        case (1, 5): read_ID_MMFR1_EL1()
        case (1, 6): read_ID_MMFR2_EL1()
        case (1, 7): read_ID_MMFR3_EL1()
        case (2, 0): read_ID_ISAR0_EL1()
        case (2, 1): read_ID_ISAR1_EL1()
        case (2, 2): read_ID_ISAR2_EL1()
        case (2, 3): read_ID_ISAR3_EL1()
        case (2, 4): read_ID_ISAR4_EL1()
        case (2, 5): read_ID_ISAR5_EL1()
        case (2, 6): read_ID_MMFR4_EL1()
        case (2, 7): read_ID_ISAR6_EL1()
        case (3, 0): read_MVFR0_EL1()
        case (3, 1): read_MVFR1_EL1()
        case (3, 2): read_MVFR2_EL1()
        default: 0
        }
    }
}
