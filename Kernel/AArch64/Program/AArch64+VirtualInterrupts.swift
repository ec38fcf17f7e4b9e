import ABI
import AArch64Support
import KernelCore

// The virtual CPU interface: list registers and their control (IHI 0069H, chapter 12.4).
// Kernel/Core/Interrupts/VirtualInterrupts+Delivery.swift decides what they hold.

extension AArch64 {
    static var listRegisterCount: Int {
        // ICH_VTR_EL2.ListRegs announces 1 to 16. The kernel uses at most four.
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

    /// Bits of ICH_HCR_EL2: En, NPIE (no list register is pending), LRENPIE (an end without a list register).
    /// EOIcount is kept.
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

    /// Sets a private interrupt of this core active.
    static func setActive(_ interrupt: UInt32) { PhysicalInterrupts.setActive(core, interrupt) }

    // MARK: Loading and unloading

    static func loadVirtualInterface(_ guest: Ref<VirtualCPU>) {
        write_ICH_VMCR_EL2(guest.pointee.interfaceControl)
        write_ICH_AP0R0_EL2(guest.pointee.activePriorities[0])
        write_ICH_AP1R0_EL2(guest.pointee.activePriorities[1])
        let type = read_ICH_VTR_EL2()
        if GenericInterruptController.hasMoreActivePriorities(type: type) { loadActivePriorities(guest, type) }
        var rest = guest.pointee.usedListRegisters[0]
        while rest != 0 {
            let index = rest.trailingZeroBitCount & 15
            rest &= rest &- 1
            let register = ListRegister(bits: guest.pointee.savedListRegisters[index])
            setListRegister(index, register)
            // The guest's end of a timer's interrupt ends the physical interrupt, which must be active for that.
            if register.isHardware, !register.isFree { setActive(register.interrupt) }
        }
        write_ICH_HCR_EL2(guest.pointee.maintenance | enable)
    }

    /// Saves the virtual interface and empties it. List registers that are not in use are empty already.
    static func unloadVirtualInterface(_ guest: Ref<VirtualCPU>) {
        var rest = guest.pointee.usedListRegisters[0]
        while rest != 0 {
            let index = rest.trailingZeroBitCount & 15
            rest &= rest &- 1
            let register = listRegister(index)
            guest.pointee.savedListRegisters[index] = register.bits
            setListRegister(index, .empty)
        }
        // Deactivates the timers without a look at the words, because a monitor can change those at any time. The
        // next machine would get no interrupt of a timer that is still active.
        deactivate(27)
        deactivate(30)
        if guest.pointee.level[0].relaxedLoad() & VirtualInterrupts.hardwareMask != 0 {
            guest.pointee.level[0].clear(VirtualInterrupts.hardwareMask)
        }
        guest.pointee.interfaceControl = read_ICH_VMCR_EL2()
        guest.pointee.activePriorities[0] = read_ICH_AP0R0_EL2()
        guest.pointee.activePriorities[1] = read_ICH_AP1R0_EL2()
        let type = read_ICH_VTR_EL2()
        if GenericInterruptController.hasMoreActivePriorities(type: type) { unloadActivePriorities(guest, type) }
        guest.pointee.maintenance = read_ICH_HCR_EL2()
        write_ICH_HCR_EL2(0)
    }

    // MARK: Active priorities beyond 32

    // The following functions move the registers of each group beside the first: none with 5 bits of preemption, one
    // with 6, three with 7. Others are UNDEFINED.

    @inline(never)
    private static func loadActivePriorities(_ guest: Ref<VirtualCPU>, _ type: UInt64) {
        write_ICH_AP0R1_EL2(guest.pointee.activePriorities[2])
        write_ICH_AP1R1_EL2(guest.pointee.activePriorities[3])
        guard GenericInterruptController.activePriorityRegisters(type: type) > 2 else { return }
        write_ICH_AP0R2_EL2(guest.pointee.activePriorities[4])
        write_ICH_AP1R2_EL2(guest.pointee.activePriorities[5])
        write_ICH_AP0R3_EL2(guest.pointee.activePriorities[6])
        write_ICH_AP1R3_EL2(guest.pointee.activePriorities[7])
    }

    @inline(never)
    private static func unloadActivePriorities(_ guest: Ref<VirtualCPU>, _ type: UInt64) {
        guest.pointee.activePriorities[2] = read_ICH_AP0R1_EL2()
        guest.pointee.activePriorities[3] = read_ICH_AP1R1_EL2()
        guard GenericInterruptController.activePriorityRegisters(type: type) > 2 else { return }
        guest.pointee.activePriorities[4] = read_ICH_AP0R2_EL2()
        guest.pointee.activePriorities[5] = read_ICH_AP1R2_EL2()
        guest.pointee.activePriorities[6] = read_ICH_AP0R3_EL2()
        guest.pointee.activePriorities[7] = read_ICH_AP1R3_EL2()
    }

    // MARK: Setting up

    /// Empties every list register of this core, unused ones included. At reset they are UNKNOWN (IHI 0069H, 12.4.5),
    /// and their contents would be delivered to the first machine.
    static func clearListRegisters() {
        for index in 0...Int(read_ICH_VTR_EL2() & 31) { clearListRegister(index) }
    }

    private static func clearListRegister(_ index: Int) {
        switch index {
        case 4: write_ICH_LR4_EL2(0)
        case 5: write_ICH_LR5_EL2(0)
        case 6: write_ICH_LR6_EL2(0)
        case 7: write_ICH_LR7_EL2(0)
        case 8: write_ICH_LR8_EL2(0)
        case 9: write_ICH_LR9_EL2(0)
        case 10: write_ICH_LR10_EL2(0)
        case 11: write_ICH_LR11_EL2(0)
        case 12: write_ICH_LR12_EL2(0)
        case 13: write_ICH_LR13_EL2(0)
        case 14: write_ICH_LR14_EL2(0)
        case 15: write_ICH_LR15_EL2(0)
        default: setListRegister(index, .empty)
        }
    }
}
