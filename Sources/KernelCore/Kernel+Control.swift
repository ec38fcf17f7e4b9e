import ABI

// Binding notifications, timers, scheduling contexts, interrupts, doorbells; and what only root may do.

extension Kernel {
    /// `notificationBind`: see `NotificationBind`.
    static func bind(_ caller: Ref<ExecutionContext>, _ selector: Selector) throws(Failure) {
        let notification = try find(caller, selector, .notification, .manage).pointee.target(Notification.self)
        let words = caller.pointee.frame
        guard words.x[2] <= UInt32.max else { throw .badCapability }
        let context = try findContext(caller, UInt32(words.x[2]))
        switch NotificationBind(rawValue: selector.form) {
        case .thread:
            guard !context.pointee.isVirtualCPU, context.pointee.isConfigured else { throw .badState }
            notification.pointee.sink = .thread(context)
            context.pointee.notification = notification
        case .virtualInterrupt:
            guard context.pointee.isVirtualCPU, context.pointee.isConfigured else { throw .badState }
            guard words.x[3] < UInt64(VirtualInterrupts.count) else { throw .badArgument }
            notification.pointee.sink = .virtualInterrupt(context, UInt32(words.x[3]))
        case nil: throw .unsupported
        }
    }

    /// `timer`: see `TimerForm`. A notification's timer stays on the core that set it first.
    static func timer(
        _ core: Ref<Core>, _ caller: Ref<ExecutionContext>, _ selector: Selector
    ) throws(Failure) {
        // Whoever only has the right to raise bits must not disturb the owner's timer.
        let notification = try find(caller, selector, .notification, .manage).pointee.target(Notification.self)
        guard let form = TimerForm(rawValue: selector.form) else { throw .unsupported }
        try claimTimer(core, notification)
        switch form {
        case .set:
            notification.pointee.timerBits = caller.pointee.frame.x[3]
            core.pointee.notificationTimers.insert(notification, at: Ticks(caller.pointee.frame.x[2]))
        case .cancel:
            core.pointee.notificationTimers.remove(notification)
            notification.pointee.timerOwner.store(0)
        }
        updateDeadline(core)
    }

    /// The timer is this core's, if it is nobody else's: only its owner touches the links of its list.
    private static func claimTimer(_ core: Ref<Core>, _ notification: Ref<Notification>) throws(Failure) {
        let mark = UInt64(core.pointee.id.number) &+ 1
        while true {
            let owner = notification.pointee.timerOwner.load()
            if owner == mark { return }
            guard owner == 0 else { throw .wrongCore }
            if notification.pointee.timerOwner.replace(0, by: mark) { return }
        }
    }

    /// `scheduleControl`: see `ScheduleControl`.
    static func scheduleControl(
        _ core: Ref<Core>, _ caller: Ref<ExecutionContext>, _ selector: Selector
    ) throws(Failure) {
        let form = ScheduleControl(rawValue: selector.form)
        if form == .yield { return rotate(core) }
        let scheduling = try find(caller, selector, .schedulingContext, .manage)
            .pointee.target(SchedulingContext.self)
        let words = caller.pointee.frame
        switch form {
        case .configure:
            guard scheduling.pointee.context == nil else { throw .badState }
            guard words.x[2] < UInt64(M.board.pointee.coreCount), words.x[3] < 32, words.x[4] > 0,
                words.x[4] < 1 << 62  // The end of a slice must lie in the future.
            else {
                throw .badArgument
            }
            scheduling.pointee.core = CoreID(UInt8(words.x[2]))
            scheduling.pointee.priority = UInt8(words.x[3])
            scheduling.pointee.slice = Ticks(words.x[4])
        case .timeUsed: caller.pointee.frame.x[2] = scheduling.pointee.used.value
        default: throw .unsupported
        }
    }

    /// `interruptControl`: see `InterruptControl` and `VirtualInterruptControl`.
    static func interruptControl(
        _ core: Ref<Core>, _ caller: Ref<ExecutionContext>, _ selector: Selector
    ) throws(Failure) {
        guard let capability = caller.pointee.table?.pointee.slot(selector.slot) else { throw .badCapability }
        if capability.pointee.kind == .virtualCPU {
            let target = try findContext(caller, selector.slot)
            return try virtualInterruptControl(core, caller, target, selector.form)
        }
        let interrupt = try find(caller, selector, .interrupt, .write).pointee.target(Interrupt.self)
        switch InterruptControl(rawValue: selector.form) {
        case .bind:
            let notification = try findSlot(caller, caller.pointee.frame.x[2], .notification, .manage)
            interrupt.pointee.notification = notification.pointee.target(Notification.self)
            interrupt.pointee.bits = caller.pointee.frame.x[3]
            M.enableInterrupt(interrupt.pointee.number, on: core.pointee.id)
        case .acknowledge: M.deactivate(interrupt.pointee.number)
        case nil: throw .unsupported
        }
    }

    /// A physical interrupt that is bound: tells its notification. It stays active until the driver acknowledges it.
    public static func boundInterrupt(_ core: Ref<Core>, _ number: UInt32) {
        guard number < M.interruptCount, let interrupt = M.board.pointee.interrupts[Int(number)],
            let notification = interrupt.pointee.notification
        else { return }
        raise(core, notification, interrupt.pointee.bits)
    }

    /// `doorbell`: `x1` space, `x2` guest address, `x3` notification, `x4` bits: a store there raises them from now on.
    static func bindDoorbell(_ caller: Ref<ExecutionContext>, _ selector: Selector) throws(Failure) {
        let space = try find(caller, selector, .addressSpace, .write).pointee.target(AddressSpace.self)
        let words = caller.pointee.frame
        let notification = try findSlot(caller, words.x[3], .notification, .manage)
        guard words.x[2] & 3 == 0 else { throw .badArgument }
        guard space.pointee.doorbellCount < space.pointee.doorbells.count else { throw .noMemory }
        space.pointee.doorbells[space.pointee.doorbellCount] = Doorbell(
            address: GuestAddress(words.x[2]), notification: notification.pointee.target(Notification.self),
            bits: words.x[4])
        space.pointee.doorbellCount &+= 1
    }

    /// A store of a virtual CPU to an unmapped address: true if it was a doorbell.
    @inline(__always)
    public static func ring(_ core: Ref<Core>, _ space: Ref<AddressSpace>, _ address: GuestAddress) -> Bool {
        for index in 0..<min(space.pointee.doorbellCount, space.pointee.doorbells.count)
        where space.pointee.doorbells[index].address == address {
            guard let notification = space.pointee.doorbells[index].notification else { return false }
            raise(core, notification, space.pointee.doorbells[index].bits)
            return true
        }
        return false
    }

    /// `system`: see `SystemForm`.
    static func system(
        _ core: Ref<Core>, _ caller: Ref<ExecutionContext>, _ selector: Selector
    ) throws(Failure) {
        _ = try find(caller, selector, .system, .manage)
        let words = caller.pointee.frame
        switch SystemForm(rawValue: selector.form) {
        case .powerOff: M.powerOff()
        case .reset: M.resetBoard()
        case .createInterrupt: try exclusively { () throws(Failure) in try createInterrupt(caller) }
        case .readCounter:
            guard words.x[2] < UInt64(M.board.pointee.coreCount),
                let target = M.board.pointee.cores[Int(words.x[2])], let counter = SystemCounter(rawValue: words.x[3])
            else { throw .badArgument }
            switch counter {
            case .entries: caller.pointee.frame.x[2] = target.pointee.entries
            case .switches: caller.pointee.frame.x[2] = target.pointee.switches
            }
        case .writeConsole:
            guard words.x[2] <= 40 else { throw .badArgument }
            for index in 0..<Int(words.x[2]) {
                M.writeConsole(UInt8(truncatingIfNeeded: words.x[3 &+ index >> 3] >> UInt64(index & 7 &* 8)))
            }
        case nil: throw .unsupported
        }
    }

    /// `x2` number, `x3` slot, `x4` region.
    private static func createInterrupt(_ caller: Ref<ExecutionContext>) throws(Failure) {
        let words = caller.pointee.frame
        guard words.x[2] >= 32, words.x[2] < UInt64(M.interruptCount) else { throw .badArgument }
        guard M.board.pointee.interrupts[Int(words.x[2])] == nil else { throw .badState }
        guard words.x[3] <= UInt32.max, let slot = caller.pointee.table?.pointee.slot(UInt32(words.x[3])) else {
            throw .badCapability
        }
        guard slot.pointee.kind == .none else { throw .occupied }
        let source = try findSlot(caller, words.x[4], .region, .manage)
        let region = source.pointee.target(Region.self)
        let address = PhysicalAddress((region.pointee.next.value &+ 63) & ~63)
        guard address <= region.pointee.end, Interrupt.size <= region.pointee.end.value &- address.value else {
            throw .noMemory
        }
        region.pointee.next = address + Interrupt.size
        M.zero(address, size: Interrupt.size)
        let interrupt = Ref<Interrupt>(at: address)
        interrupt.pointee.number = UInt32(words.x[2])
        M.board.pointee.interrupts[Int(words.x[2])] = interrupt
        publish(
            Capability(kind: .interrupt, rights: .all, isDevice: false, object: address, word: 0), in: slot, under: source)
    }
}
