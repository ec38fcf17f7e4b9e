import ABI
import Hardware
import KernelCore

// From the first Swift instruction to the first instruction of root.

/// On the boot core, MMU on. Returns the context to run: root.
@c(kernel_main)
func kernelMain() -> UInt64 {
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
    RootTenant.create(on: AArch64.core)
    return finish(AArch64.core)
}

/// On each further core, MMU on. Returns the context to run, when there is one.
@c(kernel_secondary_main)
func kernelSecondaryMain(_ number: UInt64) -> UInt64 {
    initialiseCore(CoreID(UInt8(truncatingIfNeeded: number)))
    EntenteKernel.enter(AArch64.core)
    // What came before this core could take an interrupt.
    EntenteKernel.drainInbox(AArch64.core)
    return finish(AArch64.core)
}

/// What every core sets once: traps, translation, timer, interrupts.
private func initialiseCore(_ core: CoreID) {
    write_VBAR_EL2(address_of_kernel_vectors())
    write_HSTR_EL2(0)
    // Debug, PMU, profiling and trace registers trap (TDRA, TDOSA, TDA, TPM, TPMCR, TPMS, TTRF); HPMN stays.
    write_MDCR_EL2(read_MDCR_EL2() & 0x1F | 1 << 11 | 1 << 10 | 1 << 9 | 1 << 6 | 1 << 5 | 1 << 14 | 1 << 19)
    write_MDSCR_EL1(0)
    if read_ID_AA64MMFR1_EL1() >> 40 & 15 != 0 { write_HCRX_EL2(0) }
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

/// PSCI CPU_ON for each further core. One that does not come is reported and left out of nothing: a tenant on it
/// simply never runs, so it is a panic.
private func startCores(_ count: UInt64) {
    for index in 1..<max(count, 1) {
        let affinity = BootImage.header.pointee.board.cores[Int(index)]
        let status = psci_call(0xC400_0003, affinity, address_of_kernel_secondary_start(), index)
        if status != 0 { panic("core does not start; PSCI says", status) }
    }
}
