extension VirtualInterrupts {
    /// The interrupt of the virtual timer, and that of the physical timer (BSA's PPIs of QEMU `virt`).
    static let virtualTimer: UInt32 = 27
    static let physicalTimer: UInt32 = 30
    /// The timers' interrupts, which end in hardware.
    public static let hardwareMask: UInt64 = 1 << 27 | 1 << 30
}
