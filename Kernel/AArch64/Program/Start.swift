import ABI
import AArch64Support
import KernelCore

// Start-up: from the first Swift instruction to the first instruction of root. Boot.S calls `kernelMain` on the boot
// core and `kernelSecondaryMain` on the others; RootTenant.swift makes root.

/// Starts the kernel on the boot core, with the MMU on and the device tree's address. Returns the context to run:
/// root.
@c(kernel_main)
func kernelMain(_ deviceTree: UInt64) -> UInt64 {
    let seed = BootSeed.read(deviceTree: deviceTree)
    let board = AArch64.board
    let count = BootImage.header.pointee.board.coreCount
    board.pointee.coreCount = UInt8(count)
    for index in 0..<Int(count) {
        let core = AArch64.core(CoreID(UInt8(index)))
        core.pointee.id = CoreID(UInt8(index))
        core.pointee.deadline = .never
        board.pointee.cores[index] = core
    }
    PhysicalInterrupts.initialiseDistributor()
    initialiseCore(CoreID(0))
    board.pointee.millisecond = Ticks(read_CNTFRQ_EL0() / 1000)
    EntenteKernel.enter(AArch64.core)
    startCores(count)
    RootTenant.create(on: AArch64.core, seed: seed)
    return finish(AArch64.core)
}

/// Starts the kernel on a further core, with the MMU on. Returns the context to run, once there is one.
@c(kernel_secondary_main)
func kernelSecondaryMain(_ number: UInt64) -> UInt64 {
    initialiseCore(CoreID(UInt8(truncatingIfNeeded: number)))
    EntenteKernel.enter(AArch64.core)
    // Handles the items that arrived before this core could take an interrupt.
    EntenteKernel.drainInbox(AArch64.core)
    return finish(AArch64.core)
}

/// Sets the registers that every core sets once: traps, translation, timer, interrupts.
private func initialiseCore(_ core: CoreID) {
    write_VBAR_EL2(address_of_kernel_vectors())
    // Stage 2 is never on without a table. Until the first tenant runs it is the empty one, of VMID 0, which no space
    // gets.
    write_VTTBR_EL2(address_of_kernel_empty_table())
    write_HSTR_EL2(0)
    // Traps debug, PMU, profiling and trace registers (TDRA, TDOSA, TDA, TPM, TPMCR, TPMS, TTRF) and keeps HPMN.
    // Debug exceptions of a machine go to the machine (TDE is 0).
    write_MDCR_EL2(read_MDCR_EL2() & 0x1F | 1 << 11 | 1 << 10 | 1 << 9 | 1 << 6 | 1 << 5 | 1 << 14 | 1 << 19)
    AArch64.initialiseDebugging()
    initialiseOptionalTraps()
    let physicalRange = min(read_ID_AA64MMFR0_EL1() & 15, 5)
    // 39 bits from level 1, 4 KiB, inner shareable, write-back (DDI 0487, D19.2.153).
    write_VTCR_EL2(1 << 31 | physicalRange << 16 | 3 << 12 | 1 << 10 | 1 << 8 | 1 << 6 | 25)
    write_CNTHCTL_EL2(3)
    write_CNTVOFF_EL2(0)
    write_CNTHP_CTL_EL2(0)
    write_CNTV_CTL_EL0(0)
    write_CNTP_CTL_EL0(0)
    write_VPIDR_EL2(read_MIDR_EL1())
    AArch64.core.pointee.floatingPointTraps = true
    AArch64.setFloatingPointTrap(true)
    AArch64.enterComponentRegime()
    barrier_isb()
    tlbi_alle1is()
    barrier_dsb_ish()
    instruction_cache_invalidate_all()
    PhysicalInterrupts.initialiseCore(core)
}

/// Sets traps and state of extensions that the core may have, because they are UNKNOWN at reset (DDI 0487, D19.2).
private func initialiseOptionalTraps() {
    if read_ID_AA64MMFR1_EL1() >> 40 & 15 != 0 { write_HCRX_EL2(0) }
    let fineGrained = read_ID_AA64MMFR0_EL1() >> 56 & 15
    if fineGrained != 0 { initialiseFineGrainedTraps(hasSecond: fineGrained > 1) }
    let features = read_ID_AA64PFR0_EL1()
    if features >> 40 & 15 != 0 || read_ID_AA64PFR1_EL1() >> 16 & 15 != 0 { initialisePartitioning() }
    // Clears the values that a machine finds in DISR_EL1, which is VDISR_EL2 for it, and in ESR_EL1 after a virtual
    // SError.
    if features >> 28 & 15 != 0 {
        write_VDISR_EL2(0)
        write_VSESR_EL2(0)
        write_DISR_EL1(0)
    }
}

/// Sets the fine-grained traps to zero. Zero means no trap for a bit that requests one, and a trap for a bit whose
/// name begins with n and which allows the access (D19.2.67 and on). The latter are the registers of extensions whose
/// state the kernel does not switch: TPIDR2, PIR, POR, GCS, BRBE, ACCDATA and more. Other registers that must trap do
/// so by HCR_EL2, CPTR_EL2 or MDCR_EL2.
private func initialiseFineGrainedTraps(hasSecond: Bool) {
    write_HFGRTR_EL2(0)
    write_HFGWTR_EL2(0)
    write_HFGITR_EL2(0)
    write_HDFGRTR_EL2(0)
    write_HDFGWTR_EL2(0)
    if read_ID_AA64PFR0_EL1() >> 44 & 15 != 0 { write_HAFGRTR_EL2(0) }
    guard hasSecond else { return }
    write_HFGRTR2_EL2(0)
    write_HFGWTR2_EL2(0)
    write_HFGITR2_EL2(0)
    write_HDFGRTR2_EL2(0)
    write_HDFGWTR2_EL2(0)
}

/// Makes everything run in partition 0, and EL1's registers of FEAT_MPAM trap (TRAPMPAM0EL1, TRAPMPAM1EL1,
/// TRAP_MPAMIDR_EL1).
private func initialisePartitioning() {
    write_MPAM2_EL2(1 << 49 | 1 << 48)
    if read_MPAMIDR_EL1() & 1 << 17 != 0 { write_MPAMHCR_EL2(1 << 31) }
    write_MPAM1_EL1(0)
    write_MPAM0_EL1(0)
}

/// Starts each further core by PSCI CPU_ON. Panics if a core does not start, because a tenant on it would silently
/// never run.
private func startCores(_ count: UInt64) {
    for index in 1..<max(count, 1) {
        let affinity = BootImage.header.pointee.board.cores[Int(index)]
        let status = psci_call(0xC400_0003, affinity, address_of_kernel_secondary_start(), index)
        if status != 0 { panic("core does not start; PSCI says", status) }
    }
}
