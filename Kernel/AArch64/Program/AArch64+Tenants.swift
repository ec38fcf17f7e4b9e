import ABI
import AArch64Support
import KernelCore

// The state of a tenant in hardware beside its general registers: `leaveGuest` and `enterGuest` exchange the part
// that components could see, `load` and `unload` all of a virtual CPU's state. Scheduling/Kernel+Schedule.swift calls
// them.

/// The indices of registers in `VirtualCPU.system`.
enum SystemRegister {
    // These registers are neutralised while a component runs, because it could read them or feel their effect at EL0.
    static let sctlr = 0
    static let cpacr = 1
    static let cntkctl = 2
    static let tpidr0 = 3
    static let tpidrro = 4
    // These registers are exchanged when another virtual CPU runs.
    static let ttbr0 = 5
    static let ttbr1 = 6
    static let tcr = 7
    static let esr = 8
    static let afsr0 = 9
    static let afsr1 = 10
    static let far = 11
    static let mair = 12
    static let amair = 13
    static let vbar = 14
    static let contextidr = 15
    static let par = 16
    static let tpidr1 = 17
    static let sp1 = 18
    static let elr = 19
    static let spsr = 20
    static let csselr = 21
    static let cntvControl = 22
    static let cntvCompare = 23
    static let cntpControl = 24
    static let cntpCompare = 25
    /// FAR_EL2 of the exit that waits for its reply.
    static let exitFaultAddress = 40
    /// ESR_EL2 of that exit.
    static let exitSyndrome = 41
    /// HCR_EL2 while the machine runs: `HypervisorControl.guest`, and VSE while an asynchronous abort waits for it.
    /// Only `initialiseRegisters` writes it otherwise, before the first start and with each reset.
    static let hypervisorControl = 42

    /// SCTLR_EL1 for a component: RES1 bits, UCI and UCT and DZE (cache maintenance by address), nTWI, nTWE; little
    /// endian, no alignment checks. The settings of the guest that is loaded have no effect on it (D19.2.118).
    static let sctlrOfComponent: UInt64 = 0x30D0_0800 | 1 << 26 | 1 << 15 | 1 << 14 | 1 << 16 | 1 << 18
    static let sctlrReset: UInt64 = 0x30D0_0800
    /// CPACR_EL1 for a component: does not trap FP at EL0, because CPTR_EL2 decides.
    static let cpacrOfComponent: UInt64 = 3 << 20
    /// CNTKCTL_EL1 for a component: the virtual counter may be read, the physical one may not; no event stream.
    static let cntkctlOfComponent: UInt64 = 1 << 1
}

extension AArch64 {
    /// Saves two registers with neighbouring indices. The compiler uses one instruction, because both are read
    /// before.
    @inline(__always)
    private static func keep(_ guest: Ref<VirtualCPU>, _ place: Int, _ first: UInt64, _ second: UInt64) {
        guest.pointee.system[place] = first
        guest.pointee.system[place &+ 1] = second
    }

    @inline(__always)
    private static func kept(_ guest: Ref<VirtualCPU>, _ place: Int) -> (first: UInt64, second: UInt64) {
        (guest.pointee.system[place], guest.pointee.system[place &+ 1])
    }

    @inline(__always)
    static func leaveGuest(_ guest: Ref<VirtualCPU>) {
        // VSE is clear if the machine has taken the abort.
        guest.pointee.system[SystemRegister.hypervisorControl] = read_HCR_EL2()
        if take_error() != 0 {
            guest.pointee.system[SystemRegister.hypervisorControl] =
                HypervisorControl.guest | HypervisorControl.virtualError
        }
        keep(guest, SystemRegister.sctlr, read_SCTLR_EL1(), read_CPACR_EL1())
        keep(guest, SystemRegister.cntkctl, read_CNTKCTL_EL1(), read_TPIDR_EL0())
        guest.pointee.system[SystemRegister.tpidrro] = read_TPIDRRO_EL0()
        enterComponentRegime()
    }

    /// Sets the registers of EL1 that govern EL0 to the values for components.
    @inline(__always)
    static func enterComponentRegime() {
        write_SCTLR_EL1(SystemRegister.sctlrOfComponent)
        write_CPACR_EL1(SystemRegister.cpacrOfComponent)
        write_CNTKCTL_EL1(SystemRegister.cntkctlOfComponent)
        write_TPIDR_EL0(0)
        write_TPIDRRO_EL0(0)
        write_HCR_EL2(HypervisorControl.component)
    }

    @inline(__always)
    static func clearThreadRegister() { write_TPIDR_EL0(0) }

    @inline(__always)
    static func enterGuest(_ guest: Ref<VirtualCPU>) {
        let control = kept(guest, SystemRegister.sctlr)
        write_SCTLR_EL1(control.first)
        write_CPACR_EL1(control.second)
        let timer = kept(guest, SystemRegister.cntkctl)
        write_CNTKCTL_EL1(timer.first)
        write_TPIDR_EL0(timer.second)
        write_TPIDRRO_EL0(guest.pointee.system[SystemRegister.tpidrro])
        write_HCR_EL2(guest.pointee.system[SystemRegister.hypervisorControl])
    }

    /// Turns an asynchronous abort that arrived while the loaded virtual CPU ran into the machine's own, as on a
    /// board.
    static func raiseError() { write_HCR_EL2(read_HCR_EL2() | HypervisorControl.virtualError) }

    static func load(_ guest: Ref<VirtualCPU>) {
        write_VMPIDR_EL2(1 << 31 | UInt64(guest.pointee.affinity))
        loadSystemRegisters(guest)
        loadVirtualInterface(guest)
        // Sets the timers last, because their interrupts must find the virtual interface ready.
        write_CNTV_CVAL_EL0(guest.pointee.system[SystemRegister.cntvCompare])
        write_CNTP_CVAL_EL0(guest.pointee.system[SystemRegister.cntpCompare])
        write_CNTV_CTL_EL0(guest.pointee.system[SystemRegister.cntvControl])
        write_CNTP_CTL_EL0(guest.pointee.system[SystemRegister.cntpControl])
    }

    static func unload(_ guest: Ref<VirtualCPU>) {
        guest.pointee.system[SystemRegister.cntvControl] = read_CNTV_CTL_EL0()
        guest.pointee.system[SystemRegister.cntpControl] = read_CNTP_CTL_EL0()
        guest.pointee.system[SystemRegister.cntvCompare] = read_CNTV_CVAL_EL0()
        guest.pointee.system[SystemRegister.cntpCompare] = read_CNTP_CVAL_EL0()
        write_CNTV_CTL_EL0(0)
        write_CNTP_CTL_EL0(0)
        barrier_isb()
        unloadVirtualInterface(guest)
        unloadSystemRegisters(guest)
    }

    /// Loads the registers so that no table walk mixes one machine's stage 1 with another's stage 2. Walks are off
    /// (TCR_EL1.EPD0, EPD1) while the tables of both stages change. Otherwise cores with the errata 1165522 (A76,
    /// N1), 1319367 (A72), 1319537 (A57) and 1530923 (A55) keep the result of such a walk. It takes a speculated AT
    /// instruction as well, of which the kernel has one (`translate_load_el1`).
    private static func loadSystemRegisters(_ guest: Ref<VirtualCPU>) {
        write_TCR_EL1(guest.pointee.system[SystemRegister.tcr] | walksAreOff)
        barrier_isb()
        let context = Ref<ExecutionContext>(at: PhysicalAddress(guest.address.value &- VirtualCPU.offset))
        if let space = context.pointee.space { setTranslation(space.pointee.translation) }
        let tables = kept(guest, SystemRegister.ttbr0)
        write_TTBR0_EL1(tables.first)
        write_TTBR1_EL1(tables.second)
        barrier_isb()
        write_TCR_EL1(guest.pointee.system[SystemRegister.tcr])
        clearUnswitched()
        let fault = kept(guest, SystemRegister.esr)
        write_ESR_EL1(fault.first)
        write_AFSR0_EL1(fault.second)
        let address = kept(guest, SystemRegister.afsr1)
        write_AFSR1_EL1(address.first)
        write_FAR_EL1(address.second)
        let attributes = kept(guest, SystemRegister.mair)
        write_MAIR_EL1(attributes.first)
        write_AMAIR_EL1(attributes.second)
        let vectors = kept(guest, SystemRegister.vbar)
        write_VBAR_EL1(vectors.first)
        write_CONTEXTIDR_EL1(vectors.second)
        let thread = kept(guest, SystemRegister.par)
        write_PAR_EL1(thread.first)
        write_TPIDR_EL1(thread.second)
        let stack = kept(guest, SystemRegister.sp1)
        write_SP_EL1(stack.first)
        write_ELR_EL1(stack.second)
        let state = kept(guest, SystemRegister.spsr)
        write_SPSR_EL1(state.first)
        write_CSSELR_EL1(state.second)
    }

    /// Clears hidden registers that machines can reach because nothing traps the access. Otherwise a machine would
    /// find values that another one left.
    private static func clearUnswitched() {
        let features = read_ID_AA64PFR0_EL1()
        // DISR_EL1 is VDISR_EL2 for a machine, if the core has FEAT_RAS.
        if features >> 28 & 15 != 0 { write_VDISR_EL2(0) }
        // HFGRTR_EL2 traps TPIDR2_EL0 (FEAT_SME). Emulators have FEAT_SME without that register, and no EL3 that
        // could trap this write.
        if read_ID_AA64PFR1_EL1() >> 24 & 15 != 0, read_ID_AA64MMFR0_EL1() >> 56 & 15 == 0 { write_TPIDR2_EL0(0) }
    }

    static func unloadSystemRegisters(_ guest: Ref<VirtualCPU>) {
        keep(guest, SystemRegister.ttbr0, read_TTBR0_EL1(), read_TTBR1_EL1())
        guest.pointee.system[SystemRegister.tcr] = read_TCR_EL1()
        keep(guest, SystemRegister.esr, read_ESR_EL1(), read_AFSR0_EL1())
        keep(guest, SystemRegister.afsr1, read_AFSR1_EL1(), read_FAR_EL1())
        keep(guest, SystemRegister.mair, read_MAIR_EL1(), read_AMAIR_EL1())
        keep(guest, SystemRegister.vbar, read_VBAR_EL1(), read_CONTEXTIDR_EL1())
        keep(guest, SystemRegister.par, read_PAR_EL1(), read_TPIDR_EL1())
        keep(guest, SystemRegister.sp1, read_SP_EL1(), read_ELR_EL1())
        keep(guest, SystemRegister.spsr, read_SPSR_EL1(), read_CSSELR_EL1())
    }

    /// Returns `.never` for a timer that is off or masked.
    static func timerDeadline(_ guest: Ref<VirtualCPU>, _ interrupt: UInt32) -> Ticks {
        let isVirtual = interrupt == 27
        let control = isVirtual ? SystemRegister.cntvControl : SystemRegister.cntpControl
        let compare = isVirtual ? SystemRegister.cntvCompare : SystemRegister.cntpCompare
        guard guest.pointee.system[control] & 3 == 1 else { return .never }
        return Ticks(guest.pointee.system[compare])
    }

    static func initialiseRegisters(_ context: Ref<ExecutionContext>) {
        context.pointee.frame.processorState = context.pointee.isVirtualCPU ? 0x3C5 : 0
        guard let guest = context.pointee.guest else { return }
        guest.pointee.system[SystemRegister.sctlr] = SystemRegister.sctlrReset
        guest.pointee.system[SystemRegister.hypervisorControl] = HypervisorControl.guest
    }

    /// Permits EL0t for a thread, with no flag that changes how exceptions work, and EL1 or EL0 for a virtual CPU.
    static func isPermitted(processorState: UInt64, ofVirtualCPU: Bool) -> Bool {
        let flags: UInt64 = 0xF000_0000
        if !ofVirtualCPU { return processorState & ~flags == 0 }
        let mode = processorState & 0x1F
        return processorState & ~(flags | 0x3DF) == 0 && (mode == 0 || mode == 4 || mode == 5)
    }

    // MARK: Floating point

    static func saveFloatingPoint(_ context: Ref<ExecutionContext>) {
        setFloatingPointTrap(false)
        barrier_isb()
        floating_point_save(context.address.value &+ ExecutionContext.floatingPointOffset)
        setFloatingPointTrap(core.pointee.floatingPointTraps)
    }

    static func loadFloatingPoint(_ context: Ref<ExecutionContext>) {
        // Completes the change of the trap, which would hit the kernel as well.
        barrier_isb()
        floating_point_load(context.address.value &+ ExecutionContext.floatingPointOffset)
    }

    /// Writes CPTR_EL2 with E2H = 0: RES1 bits trap SVE and SME; TTA traps trace registers, TAM the activity
    /// monitors; TFP is bit 10.
    @inline(__always)
    static func setFloatingPointTrap(_ traps: Bool) {
        write_CPTR_EL2(0x33FF & ~(1 << 10) | 1 << 30 | 1 << 20 | (traps ? 1 << 10 : 0))
    }
}
