import ABI

// The operations that configure: they bind notifications and set timers, scheduling contexts and interrupts. Doorbells
// are in Notifications/Kernel+Doorbell.swift. The last section holds `system`, which needs a capability that root alone
// has at the start.
// `Kernel.operate` dispatches to all of them; none of them is on a fast path.

extension Kernel {
    /// Performs `notificationBind`; see `NotificationBind`.
    static func bind(
        _ core: Ref<Core>, _ caller: Ref<ExecutionContext>, _ selector: Selector
    ) throws(Failure) {
        let source = try findNode(caller, UInt64(selector.slot), .notification, .manage)
        let notification = source.pointee.target(Notification.self)
        let node = try findContextNode(caller, caller.pointee.frame.x[2])
        let context = node.pointee.target(ExecutionContext.self)
        let interrupt = caller.pointee.frame.x[3]
        guard let form = NotificationBind(rawValue: selector.form) else { throw .unsupported }
        guard context.pointee.isVirtualCPU == (form == .virtualInterrupt), context.pointee.isConfigured else {
            throw .badState
        }
        guard
            form == .thread || interrupt < UInt64(VirtualInterrupts.count) && !VirtualInterrupts.isTimer(interrupt)
        else {
            throw .badArgument
        }
        try mayGrow(source)
        try mayGrow(node)
        unbindSink(notification)
        if form == .thread, let other = context.pointee.notification { unbindSink(other) }
        Kernel.bind(notification.sinkBinding, .sink, in: notification.address, to: node)
        Kernel.bind(notification.sinkSourceBinding, .sinkSource, in: notification.address, to: source)
        switch form {
        case .thread:
            notification.pointee.sink.store(Hearer.sink(thread: context))
            context.pointee.notification = notification
        case .virtualInterrupt:
            notification.pointee.sink.store(Hearer.sink(virtualCPU: context, UInt32(interrupt)))
        }
        // Tells the sink of the bits that were raised before it was bound; see `raise`.
        if notification.pointee.bits.set(0) != 0 { tell(core, notification) }
    }

    /// Performs `timer`; see `TimerForm`. A notification's timer stays on the core that set it first, until it is
    /// cancelled.
    static func timer(
        _ core: Ref<Core>, _ caller: Ref<ExecutionContext>, _ selector: Selector
    ) throws(Failure) {
        // Requires `manage`, because a tenant that may only raise bits must not disturb the owner's timer.
        let notification = try find(caller, selector, .notification, .manage).target(Notification.self)
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

    /// Makes this core the owner of the timer, because only the owner may touch the links of its queue. Fails if
    /// another core owns it. Tries a few times, because other cores may claim the timer and release it meanwhile.
    private static func claimTimer(_ core: Ref<Core>, _ notification: Ref<Notification>) throws(Failure) {
        let mark = UInt64(core.pointee.id.number) &+ 1
        for _ in 0..<attempts {
            let owner = notification.pointee.timerOwner.load()
            if owner == mark { return }
            guard owner == 0 else { throw owner == Notification.timerEnded ? .badCapability : .wrongCore }
            if notification.pointee.timerOwner.replace(0, by: mark) { return }
        }
        throw .wrongCore
    }

    /// The number of attempts at a word that other cores may change repeatedly. Each of their changes costs them a
    /// kernel entry.
    static var attempts: Int { 8 }

    /// Performs `scheduleControl`; see `ScheduleControl`.
    static func scheduleControl(
        _ core: Ref<Core>, _ caller: Ref<ExecutionContext>, _ selector: Selector
    ) throws(Failure) {
        let form = ScheduleControl(rawValue: selector.form)
        if form == .yield { return rotate(core) }
        if form == .timeUsed {
            let scheduling = try find(caller, selector, .schedulingContext, .manage).target(SchedulingContext.self)
            caller.pointee.frame.x[2] = scheduling.pointee.used.value
            caller.pointee.frame.x[3] = scheduling.pointee.takeOverruns()
            return
        }
        try exclusively { () throws(Failure) in
            let scheduling = try find(caller, selector, .schedulingContext, .manage).target(SchedulingContext.self)
            switch form {
            case .configure: try configure(scheduling, caller)
            case .setBudget: try setBudget(core, scheduling, caller)
            case .bindOverrun: try bindOverrun(caller, scheduling)
            default: throw .unsupported
            }
        }
    }

    private static func configure(
        _ scheduling: Ref<SchedulingContext>, _ caller: Ref<ExecutionContext>
    ) throws(Failure) {
        guard scheduling.pointee.context == nil, scheduling.pointee.isAtRest else { throw .badState }
        let core = caller.pointee.frame.x[2], priority = caller.pointee.frame.x[3], slice = caller.pointee.frame.x[4]
        let budget = caller.pointee.frame.x[5], period = caller.pointee.frame.x[6]
        guard core < UInt64(M.board.pointee.coreCount), priority < 32, slice > 0, slice < 1 << 62,
            isBudget(budget, period)
        else { throw .badArgument }
        try mayGive(caller, core: core, priority: priority, slice: slice)
        scheduling.pointee.core = CoreID(UInt8(core))
        scheduling.pointee.priority = UInt8(priority)
        scheduling.pointee.slice = Ticks(slice)
        scheduling.pointee.budget = Ticks(budget)
        scheduling.pointee.period = Ticks(period)
        scheduling.pointee.remaining = Ticks(budget)
        scheduling.pointee.periodEnd = Ticks(0)
    }

    /// Sets a new budget for a scheduling context that may be in use. Runs on the context's own core, because only
    /// that core charges it. `x2` is the budget or 0, `x3` the period.
    private static func setBudget(
        _ core: Ref<Core>, _ scheduling: Ref<SchedulingContext>, _ caller: Ref<ExecutionContext>
    ) throws(Failure) {
        guard scheduling.pointee.core == core.pointee.id else { throw .wrongCore }
        guard !scheduling.pointee.isExhausted else { throw .badState }
        let budget = caller.pointee.frame.x[2], period = caller.pointee.frame.x[3]
        guard isBudget(budget, period) else { throw .badArgument }
        try mayGive(
            caller, core: UInt64(core.pointee.id.number), priority: UInt64(scheduling.pointee.priority),
            slice: scheduling.pointee.slice.value)
        let isRunning = core.pointee.scheduling == scheduling
        // Charges the time used so far to the old budget, which may be exhausted by it.
        if isRunning { releaseCore(core) }
        guard !scheduling.pointee.isExhausted else { throw .badState }
        scheduling.pointee.budget = Ticks(budget)
        scheduling.pointee.period = Ticks(period)
        scheduling.pointee.remaining = Ticks(budget)
        // The first period begins when the scheduling context gets the core, which may be at once.
        scheduling.pointee.periodEnd = Ticks(0)
        if isRunning { makeReady(core, scheduling) }
    }

    /// Returns whether the values are a valid budget and period. The ends of the slice and the period must lie in the
    /// future.
    private static func isBudget(_ budget: UInt64, _ period: UInt64) -> Bool {
        budget == 0 || (budget <= period && period < 1 << 62)
    }

    /// Throws unless the caller may give such time. A caller can grant only time that it has: same core, no higher
    /// priority, no longer slice. A caller with a budget can grant none, because otherwise it could grant its budget
    /// any number of times. Root begins with all time and may grant any.
    static func mayGive(_ caller: Ref<ExecutionContext>, core: UInt64, priority: UInt64, slice: UInt64) throws(Failure)
    {
        guard let home = caller.pointee.home else { throw .noRights }
        guard !home.pointee.isAllTime else { return }
        guard core == UInt64(home.pointee.core.number), priority <= UInt64(home.pointee.priority),
            slice <= home.pointee.slice.value,
            home.pointee.budget == Ticks(0)
        else { throw .noRights }
    }

    /// Returns the bits that may be raised through a capability: the badge of a badged one, else the bits asked for.
    static func bits(_ notification: Ref<Capability>, _ wanted: UInt64) -> UInt64 {
        notification.pointee.badge != 0 ? notification.pointee.badge : wanted
    }

    /// Binds the notification that overruns raise. `x2` is the notification or 0, `x3` the bits.
    private static func bindOverrun(
        _ caller: Ref<ExecutionContext>, _ scheduling: Ref<SchedulingContext>
    ) throws(Failure) {
        guard caller.pointee.frame.x[2] != 0 else {
            hang(scheduling.pointee.overrun, nil)
            return erase(scheduling.overrunBinding)
        }
        let notification = try findNode(caller, caller.pointee.frame.x[2], .notification, .write)
        try mayGrow(notification)
        erase(scheduling.overrunBinding)
        bind(scheduling.overrunBinding, .overrun, in: scheduling.address, to: notification)
        hang(
            scheduling.pointee.overrun, notification.pointee.target(Notification.self),
            bits(notification, caller.pointee.frame.x[3]))
        scheduling.pointee.armOverrun()
    }

    /// Performs `interruptControl`; see `InterruptControl` and `VirtualInterruptControl`.
    static func interruptControl(
        _ core: Ref<Core>, _ caller: Ref<ExecutionContext>, _ selector: Selector
    ) throws(Failure) {
        guard let capability = caller.pointee.table?.pointee.slot(selector.slot) else { throw .badCapability }
        if capability.pointee.kind == .virtualCPU {
            let target = try findContext(caller, selector.slot)
            return try virtualInterruptControl(core, caller, target, selector.form)
        }
        switch InterruptControl(rawValue: selector.form) {
        case .bind:
            try exclusively { () throws(Failure) in
                let interrupt = try find(caller, selector, .interrupt, .write).target(Interrupt.self)
                let notification = try findNode(caller, caller.pointee.frame.x[2], .notification, .manage)
                try mayGrow(notification)
                unbind(interrupt)
                erase(interrupt.binding)
                bind(interrupt.binding, .interrupt, in: interrupt.address, to: notification)
                hang(interrupt.pointee.bell, notification.pointee.target(Notification.self), caller.pointee.frame.x[3])
                M.enableInterrupt(interrupt.pointee.number, on: home(of: notification, else: core))
            }
        case .acknowledge:
            M.deactivate(try find(caller, selector, .interrupt, .write).target(Interrupt.self).pointee.number)
        case nil:
            _ = try find(caller, selector, .interrupt, .write)
            throw .unsupported
        }
    }

    /// Returns the core of the thread that is a notification's sink, so that its interrupt costs no other core time.
    /// Returns the caller's core if the sink is no thread.
    private static func home(of notification: Ref<Capability>, else core: Ref<Core>) -> CoreID {
        if case .thread(let thread) = notification.pointee.target(Notification.self).pointee.hearer {
            return thread.pointee.core
        }
        return core.pointee.id
    }

    /// Raises the bits of a bound physical interrupt. The interrupt stays active until its driver acknowledges it.
    public static func boundInterrupt(_ core: Ref<Core>, _ number: UInt32) {
        guard number < M.interruptCount, let interrupt = M.board.pointee.interrupts[Int(number)],
            let told = look(interrupt.pointee.bell)
        else { return M.deactivate(number) }
        raise(core, told.notification, told.bits)
    }

    /// Performs `system`; see `SystemForm`.
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
        case .extentAddress:
            let slot = Selector(slot: UInt32(truncatingIfNeeded: words.x[2]))
            caller.pointee.frame.x[2] = try find(caller, slot, .extent, .manage).object.value
        case nil: throw .unsupported
        }
    }

    /// Creates the object of a physical interrupt. `x2` is its number, `x3` the slot and `x4` the region.
    private static func createInterrupt(_ caller: Ref<ExecutionContext>) throws(Failure) {
        let number = caller.pointee.frame.x[2]
        guard number >= 32, number < UInt64(M.interruptCount) else { throw .badArgument }
        guard M.board.pointee.interrupts[Int(number)] == nil else { throw .badState }
        let slot = try freeSlot(caller.pointee.table, caller.pointee.frame.x[3])
        let source = try findNode(caller, caller.pointee.frame.x[4], .region, .manage)
        try mayGrow(source)
        let region = source.pointee.target(Region.self)
        let shape = Shape(Interrupt.size)
        let address = try place(region, shape)
        try clear(region, address, shape)
        region.pointee.next = address + Interrupt.size
        let interrupt = Ref<Interrupt>(at: address)
        interrupt.pointee.number = UInt32(number)
        M.board.pointee.interrupts[Int(number)] = interrupt
        publish(
            CapabilityValue(kind: .interrupt, rights: .all, isDevice: false, object: address, word: 0), in: slot,
            under: source, owner: true)
    }
}
