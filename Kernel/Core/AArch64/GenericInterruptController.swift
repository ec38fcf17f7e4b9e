// The meaning of a GICv3's registers (IHI 0069H), apart from the access to them, so that tests on the host can try
// values that the emulator's GIC never has.

public enum GenericInterruptController {
    /// Returns the distance between redistributors in memory: 128 KiB, or 256 KiB if they have frames for virtual
    /// LPIs (GICv4).
    ///
    /// - Parameter type: GICR_TYPER (12.11.41), of which VLPIS is bit 1.
    @inline(__always)
    public static func redistributorStride(type: UInt64) -> UInt64 { type & 2 != 0 ? 0x4_0000 : 0x2_0000 }

    /// Returns the number of active priorities registers of each group, each for 32 levels of preemption.
    ///
    /// - Parameter type: ICH_VTR_EL2 (12.4.7), of which PREbits, the bits of preemption less one, is in bits 26 to 28.
    @inline(__always)
    public static func activePriorityRegisters(type: UInt64) -> Int {
        switch type >> 26 & 7 {
        case 6...: 4
        case 5: 2
        default: 1
        }
    }

    /// Returns whether there is more than one of them. PREbits is 4 or more, and 4 means one.
    @inline(__always)
    public static func hasMoreActivePriorities(type: UInt64) -> Bool { type >> 26 & 3 != 0 }

    /// Returns the value of ICC_SGI1R_EL1 for one core (12.2.20): Aff1 to Aff3, a range of 16 values of Aff0 (RS),
    /// and one bit of the list for that range.
    ///
    /// - Parameter affinity: as in MPIDR_EL1.
    @inline(__always)
    public static func softwareInterrupt(to affinity: UInt64, _ number: UInt64) -> UInt64 {
        (affinity >> 32 & 0xFF) << 48 | (affinity >> 4 & 0xF) << 44 | (affinity >> 16 & 0xFF) << 32 | number << 24
            | (affinity >> 8 & 0xFF) << 16 | 1 << (affinity & 15)
    }

    /// Returns the virtual CPUs that a machine's write of ICC_SGI1R_EL1 addresses, a bit for each Aff0. A machine has
    /// those of range 0, cluster 0.0.0.
    @inline(__always)
    public static func targets(of command: UInt64, sender: UInt8) -> UInt64 {
        // IRM addresses all but the sender.
        if command & 1 << 40 != 0 { return 0xFFFF & ~(1 << UInt64(sender & 15)) }
        let elsewhere: UInt64 = 0xFF << 48 | 0xF << 44 | 0xFF << 32 | 0xFF << 16
        return command & elsewhere == 0 ? command & 0xFFFF : 0
    }
}
