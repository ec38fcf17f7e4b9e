import KernelCore

extension ModelHardware {
    public static var listRegisterCount: Int { core.virtualInterface.listRegisters.count }
    public static func listRegister(_ index: Int) -> ListRegister { core.virtualInterface.listRegisters[index] }

    public static func setListRegister(_ index: Int, _ value: ListRegister) {
        if !core.virtualInterface.set(index, value) { core.board.report(.listedTwice(interrupt: value.interrupt)) }
    }

    /// Sets the requests. Clears EOIcount as well, because a write of ICH_HCR_EL2 writes it.
    public static func setMaintenance(nonePending: Bool, lostEnd: Bool) {
        core.virtualInterface.asksForNonePending = nonePending
        core.virtualInterface.asksForLostEnds = lostEnd
        core.virtualInterface.lostEnds = 0
    }

    public static func takeLostEnds() -> Int {
        defer { core.virtualInterface.lostEnds = 0 }
        return core.virtualInterface.lostEnds
    }

    public static func isTimerAsserted(_ interrupt: UInt32) -> Bool {
        core.beforeTimerIsRead?()
        return core.timers.isAsserted(interrupt, now)
    }

    public static func deactivate(_ interrupt: UInt32) {
        if interrupt < 32 {
            core.activeInterrupts &= ~(1 << UInt64(interrupt))
        } else {
            for core in core.board.cores { core.activeDevices.remove(interrupt) }
        }
    }

    public static func setActive(_ interrupt: UInt32) { core.activeInterrupts |= 1 << UInt64(interrupt) }

    // MARK: Loading and unloading

    /// Loads the virtual interface. The end of a timer's interrupt ends the physical interrupt, which must be active
    /// for that.
    static func loadVirtualInterface(_ guest: Ref<VirtualCPU>) {
        core.virtualInterface = VirtualInterface(listRegisters: listRegisterCount)
        core.virtualInterface.isEnabled = true
        core.virtualInterface.activePriorities = guest.pointee.activePriorities[1]
        core.virtualInterface.control = guest.pointee.maintenance
        core.virtualInterface.guestControl = guest.pointee.interfaceControl
        for index in 0..<listRegisterCount where guest.pointee.usedListRegisters[0] & 1 << UInt64(index) != 0 {
            let register = ListRegister(bits: guest.pointee.savedListRegisters[index])
            setListRegister(index, register)
            if register.isHardware, !register.isFree { setActive(register.interrupt) }
        }
    }

    static func unloadVirtualInterface(_ guest: Ref<VirtualCPU>) {
        // Unused list registers keep the values that were saved last, as on the board.
        for index in 0..<listRegisterCount where guest.pointee.usedListRegisters[0] & 1 << UInt64(index) != 0 {
            guest.pointee.savedListRegisters[index] = listRegister(index).bits
        }
        for number in [27, 30] as [UInt32] { deactivate(number) }
        guest.pointee.level[0].clear(VirtualInterrupts.hardwareMask)
        guest.pointee.activePriorities[1] = core.virtualInterface.activePriorities
        guest.pointee.maintenance = core.virtualInterface.control
        guest.pointee.interfaceControl = core.virtualInterface.guestControl
        core.virtualInterface = VirtualInterface(listRegisters: listRegisterCount)
        // The timers are off, so a timer's interrupt that is still active would never occur again.
        for number in [27, 30] as [UInt32] where core.activeInterrupts & 1 << UInt64(number) != 0 {
            core.board.report(.interruptStuck(number))
        }
    }
}
