import ABI
import Hardware
import KernelCore

// The virtual CPU interface: list registers and what goes with them (IHI 0069H, chapter 12.4).

extension AArch64 {
    static var listRegisterCount: Int {
        // Every core of the emulator has four; more are not used.
        min(Int(read_ICH_VTR_EL2() & 31) &+ 1, 4)
    }

    @inline(__always)
    static func listRegister(_ index: Int) -> ListRegister {
        switch index {
        case 0: ListRegister(bits: read_ICH_LR0_EL2())
        case 1: ListRegister(bits: read_ICH_LR1_EL2())
        case 2: ListRegister(bits: read_ICH_LR2_EL2())
        default: ListRegister(bits: read_ICH_LR3_EL2())
        }
    }

    @inline(__always)
    static func setListRegister(_ index: Int, _ value: ListRegister) {
        switch index {
        case 0: write_ICH_LR0_EL2(value.bits)
        case 1: write_ICH_LR1_EL2(value.bits)
        case 2: write_ICH_LR2_EL2(value.bits)
        default: write_ICH_LR3_EL2(value.bits)
        }
    }

    /// ICH_HCR_EL2: En, NPIE (no list register is pending), LRENPIE (an end without a list register); EOIcount is kept.
    private static let enable: UInt64 = 1
    private static let nonePendingInterrupt: UInt64 = 1 << 3
    private static let lostEndInterrupt: UInt64 = 1 << 2

    static func setMaintenance(nonePending: Bool, lostEnd: Bool) {
        write_ICH_HCR_EL2(
            enable | (nonePending ? nonePendingInterrupt : 0) | (lostEnd ? lostEndInterrupt : 0))
    }

    static func takeLostEnds() -> Int {
        let value = read_ICH_HCR_EL2()
        write_ICH_HCR_EL2(value & 0x07FF_FFFF)
        return Int(value >> 27 & 31)
    }

    static func isTimerAsserted(_ interrupt: UInt32) -> Bool {
        let control = interrupt == 27 ? read_CNTV_CTL_EL0() : read_CNTP_CTL_EL0()
        return control & 7 == 5  // ENABLE, not IMASK, ISTATUS
    }

    @inline(__always)
    static func deactivate(_ interrupt: UInt32) { write_ICC_DIR_EL1(UInt64(interrupt)) }

    /// Private interrupts of this core only.
    static func setActive(_ interrupt: UInt32) { PhysicalInterrupts.setActive(core, interrupt) }

    // MARK: Another virtual CPU

    static func loadVirtualInterface(_ guest: Ref<VirtualCPU>) {
        write_ICH_VMCR_EL2(guest.pointee.interfaceControl)
        write_ICH_AP0R0_EL2(guest.pointee.activePriorities[0])
        write_ICH_AP1R0_EL2(guest.pointee.activePriorities[1])
        var rest = guest.pointee.usedListRegisters[0]
        while rest != 0 {
            let index = rest.trailingZeroBitCount & 15
            rest &= rest &- 1
            let register = ListRegister(bits: guest.pointee.savedListRegisters[index])
            setListRegister(index, register)
            // The timer's end goes to the physical interrupt, which must be active for that.
            if register.isHardware, !register.isFree { setActive(register.interrupt) }
        }
        write_ICH_HCR_EL2(guest.pointee.maintenance | enable)
    }

    /// List registers that are not in use are empty already.
    static func unloadVirtualInterface(_ guest: Ref<VirtualCPU>) {
        var rest = guest.pointee.usedListRegisters[0]
        while rest != 0 {
            let index = rest.trailingZeroBitCount & 15
            rest &= rest &- 1
            let register = listRegister(index)
            guest.pointee.savedListRegisters[index] = register.bits
            setListRegister(index, .empty)
            if register.isHardware, !register.isFree { deactivate(register.interrupt) }
        }
        if guest.pointee.pending[0].relaxedLoad() & VirtualInterrupts.hardwareMask != 0 { releaseTimers(guest) }
        guest.pointee.interfaceControl = read_ICH_VMCR_EL2()
        guest.pointee.activePriorities[0] = read_ICH_AP0R0_EL2()
        guest.pointee.activePriorities[1] = read_ICH_AP1R0_EL2()
        guest.pointee.maintenance = read_ICH_HCR_EL2()
        write_ICH_HCR_EL2(0)
    }

    /// A timer interrupt that is not in a list register is still asserted when the virtual CPU returns.
    @inline(never)
    private static func releaseTimers(_ guest: Ref<VirtualCPU>) {
        let outside = guest.pointee.pending[0].clear(VirtualInterrupts.hardwareMask)
        if outside & 1 << 27 != 0 { deactivate(27) }
        if outside & 1 << 30 != 0 { deactivate(30) }
    }
}
