import ABI

// The choice of the next context: ready scheduling contexts by priority, those of equal priority in turn.
//
// The scheduling context that has the core is in no queue. `makeReady` queues one. `resume`, at the end of each
// entry, checks whether a more urgent one is ready or the core is free. Read on in Calls/Kernel+Helping.swift: the
// context that runs need not be the owner of the time.

extension Kernel {
    /// Ends a kernel entry: makes sure that the right context is in hardware, and returns it. Returns nil if no
    /// context can run.
    @inline(__always)
    public static func resume(_ core: Ref<Core>) -> Ref<ExecutionContext>? {
        if core.pointee.mustSchedule { schedule(core) }
        guard let current = core.pointee.current else { return nil }
        if let guest = current.pointee.guest, guest.pointee.isDirty.relaxedLoad() != 0 {
            synchronise(guest)
        }
        return current
    }

    /// Puts a scheduling context that is not parked into the queue, and makes the core choose again if it is more
    /// urgent than the one that has the core.
    static func makeReady(_ core: Ref<Core>, _ scheduling: Ref<SchedulingContext>) {
        guard !scheduling.pointee.isQueued, core.pointee.scheduling != scheduling, !scheduling.pointee.isExhausted
        else {
            return
        }
        core.pointee.runQueue.append(scheduling)
        guard let running = core.pointee.scheduling else { return core.pointee.mustSchedule = true }
        if scheduling.pointee.priority > running.pointee.priority {
            core.pointee.mustSchedule = true
        } else if scheduling.pointee.priority == running.pointee.priority {
            updateDeadline(core)
        }
    }

    /// Chooses the context that runs. The time that has the core keeps it if it leads to a context that can run and
    /// no queued time is more urgent. Otherwise it returns to the queue, ahead of its equals unless its slice is
    /// over.
    @inline(never)
    static func schedule(_ core: Ref<Core>) {
        core.pointee.mustSchedule = false
        if core.pointee.parked.due != 0 { lookAtParked(core) }
        if let running = core.pointee.scheduling {
            let beneficiary = beneficiary(of: running)
            if let beneficiary, core.pointee.runQueue.highest <= Int(running.pointee.priority) {
                if core.pointee.current != beneficiary { switchTo(core, beneficiary) }
                return
            }
            let now = M.now
            charge(core, now)
            if running.pointee.isExhausted {
                // It returns to the queue when its period ends.
            } else if beneficiary == nil {
                core.pointee.parked.append(running)
            } else if running.pointee.left == Ticks(0) {
                core.pointee.runQueue.append(running)
            } else {
                core.pointee.runQueue.prepend(running)
            }
            return takeNext(core, now)
        }
        takeNext(core, M.now)
    }

    /// Gives the free core to the most urgent time that leads to a context that can run.
    private static func takeNext(_ core: Ref<Core>, _ now: Ticks) {
        guard let next = core.pointee.runQueue.removeFirst(), let owner = next.pointee.context else {
            core.pointee.current = nil
            return updateDeadline(core)
        }
        // The owner of queued time uses its own time, so that an owner that is ready runs itself.
        guard owner.pointee.state == .ready else { return takeNextInChain(core, next, now) }
        give(core, to: next, owner, now)
    }

    /// Does the same when the owner of the most urgent time waits for a server. Parks time that leads to no context
    /// that can run. If there is much of it, the core interrupts itself to continue.
    @inline(never)
    private static func takeNextInChain(_ core: Ref<Core>, _ first: Ref<SchedulingContext>, _ now: Ticks) {
        var link: Ref<SchedulingContext>? = first
        for _ in 0..<parkBatch {
            guard let next = link else {
                core.pointee.current = nil
                return updateDeadline(core)
            }
            if let context = beneficiary(of: next) { return give(core, to: next, context, now) }
            core.pointee.parked.append(next)
            link = core.pointee.runQueue.removeFirst()
        }
        if let link { core.pointee.runQueue.prepend(link) }
        core.pointee.current = nil
        core.pointee.mustSchedule = true
        M.interrupt(core.pointee.id)
    }

    @inline(__always)
    private static func give(
        _ core: Ref<Core>, to time: Ref<SchedulingContext>, _ context: Ref<ExecutionContext>, _ now: Ticks
    ) {
        core.pointee.scheduling = time
        time.pointee.since = now
        if time.pointee.left == Ticks(0) { time.pointee.left = time.pointee.slice }
        core.pointee.sliceEnd = now + time.pointee.left
        beginBudget(core, time, now)
        updateDeadline(core)
        switchTo(core, context)
    }

    /// Charges the running scheduling context for the time since it got the core.
    private static func charge(_ core: Ref<Core>, _ now: Ticks) {
        guard let running = core.pointee.scheduling else { return }
        let used = now.value &- running.pointee.since.value
        running.pointee.left = Ticks(running.pointee.left.value &- min(used, running.pointee.left.value))
        book(core, running, now)
    }

    /// Does the same without reducing the rest of the slice.
    @inline(__always)
    private static func book(_ core: Ref<Core>, _ running: Ref<SchedulingContext>, _ now: Ticks) {
        let used = now.value &- running.pointee.since.value
        running.pointee.used = running.pointee.used + Ticks(used)
        running.pointee.since = now
        core.pointee.scheduling = nil
        if running.pointee.budget != Ticks(0) { chargeBudget(core, running, used, now) }
    }

    /// Takes the running time off the core. It is in no queue afterwards.
    static func releaseCore(_ core: Ref<Core>) {
        core.pointee.current = nil
        core.pointee.mustSchedule = true
        charge(core, M.now)
    }

    /// Ends a slice: the running time goes behind its equals.
    static func rotate(_ core: Ref<Core>) {
        guard let running = core.pointee.scheduling else { return }
        let now = M.now
        book(core, running, now)
        running.pointee.left = Ticks(0)
        if !running.pointee.isExhausted { core.pointee.runQueue.append(running) }
        takeNext(core, now)
    }

    /// Sets the hardware timer to the soonest event of this core:
    /// - the deadline of a notification's or context's timer
    /// - the renewal of a budget, or of a share for which an interrupt waits
    /// - the end of the running budget
    /// - the end of the slice, if a scheduling context of the same priority waits
    static func updateDeadline(_ core: Ref<Core>) {
        var deadline = min(core.pointee.notificationTimers.soonest, core.pointee.contextTimers.soonest)
        deadline = min(deadline, min(core.pointee.budgetTimers.soonest, postponedDeadline(core)))
        if let running = core.pointee.scheduling {
            deadline = min(deadline, core.pointee.budgetEnd)
            if core.pointee.runQueue.highest == Int(running.pointee.priority) {
                deadline = min(deadline, core.pointee.sliceEnd)
            }
        }
        guard deadline != core.pointee.deadline else { return }
        core.pointee.deadline = deadline
        M.setDeadline(deadline)
    }

    /// Handles the hardware timer's interrupt: raises the bits of expired timers, and ends a slice that is over.
    public static func timerExpired(_ core: Ref<Core>) {
        let now = M.now
        core.pointee.deadline = .never
        M.setDeadline(.never)
        sendPostponed(core, now)
        renewBudgets(core, now)
        for _ in 0..<timerBatch {
            guard let notification = core.pointee.notificationTimers.removeExpired(now) else { break }
            let bits = notification.pointee.timerBits
            notification.pointee.timerOwner.store(0)
            raise(core, notification, bits)
        }
        for _ in 0..<timerBatch {
            guard let context = core.pointee.contextTimers.removeExpired(now) else { break }
            // The virtual CPU is not loaded. Once it is, its own timer interrupts.
            if context.pointee.state == .waitingForInterrupt { wake(core, context) }
        }
        exhaust(core, now)
        if core.pointee.scheduling != nil, core.pointee.sliceEnd <= now,
            core.pointee.runQueue.highest == Int(core.pointee.scheduling!.pointee.priority)
        {
            rotate(core)
        }
        updateDeadline(core)
    }

    // MARK: Switching

    /// Makes `next` the context that runs, and sets the hardware up for it.
    @inline(__always)
    static func switchTo(_ core: Ref<Core>, _ next: Ref<ExecutionContext>) {
        if let guest = next.pointee.guest {
            if core.pointee.loaded != next { exchangeGuest(core, next, guest) }
            if !core.pointee.isInGuest {
                core.pointee.isInGuest = true
                M.enterGuest(guest)
            }
        } else if core.pointee.isInGuest {
            leaveGuest(core)
        } else {
            M.clearThreadRegister()
        }
        becomeCurrent(core, next)
    }

    /// The part of a switch that all contexts share: translation table, floating point trap and debug exceptions.
    @inline(__always)
    static func becomeCurrent(_ core: Ref<Core>, _ next: Ref<ExecutionContext>) {
        core.pointee.current = next
        core.pointee.switches = core.pointee.switches &+ 1
        if let space = next.pointee.space, space.pointee.translation != core.pointee.translation {
            core.pointee.translation = space.pointee.translation
            M.setTranslation(space.pointee.translation)
        }
        let traps: UInt8 = core.pointee.floatingPointOwner != next ? Laziness.floatingPointTraps : 0
        if traps != core.pointee.lazy { switchLazily(core, next, traps: traps) }
    }

    @inline(__always)
    static func leaveGuest(_ core: Ref<Core>) {
        core.pointee.isInGuest = false
        if let guest = core.pointee.loaded?.pointee.guest { M.leaveGuest(guest) }
    }

    /// Loads the system registers of another virtual CPU.
    @inline(never)
    private static func exchangeGuest(
        _ core: Ref<Core>, _ next: Ref<ExecutionContext>, _ guest: Ref<VirtualCPU>
    ) {
        if let old = core.pointee.loaded { unloadIfLoaded(core, old) }
        core.pointee.contextTimers.remove(next)
        core.pointee.loaded = next
        forgetSibling(core, next)
        M.load(guest)
        if guest.pointee.debug.armed != 0 { enterDebugging(core, next, guest) }
    }

    /// Invalidates this core's TLB entries if another virtual CPU of the same machine ran last here. Both have one
    /// translation identifier, so that each would hit the other's entries.
    private static func forgetSibling(_ core: Ref<Core>, _ next: Ref<ExecutionContext>) {
        guard let space = next.pointee.space else { return }
        let index = core.pointee.id.index & 7
        if let last = space.pointee.lastOnCore[index], last != next {
            M.invalidateLocally(space.pointee.translation)
            core.pointee.translation = space.pointee.translation
        }
        space.pointee.lastOnCore[index] = next
    }

    /// Takes a virtual CPU's state out of hardware. If it waits for an interrupt, the kernel watches its
    /// timer from now on.
    static func unloadIfLoaded(_ core: Ref<Core>, _ context: Ref<ExecutionContext>) {
        if core.pointee.floatingPointOwner == context, context.pointee.state == .stopped {
            M.saveFloatingPoint(context)
            core.pointee.floatingPointOwner = nil
        }
        guard core.pointee.loaded == context, let guest = context.pointee.guest else { return }
        if core.pointee.isInGuest { leaveGuest(core) }
        // Only the hardware knows which interrupts the guest has ended since the kernel last looked.
        if hasActiveOutside(guest) { deactivateLost(guest) }
        M.unload(guest)
        core.pointee.loaded = nil
        guard context.pointee.state == .waitingForInterrupt else { return }
        let deadline = min(
            M.timerDeadline(guest, VirtualInterrupts.virtualTimer),
            M.timerDeadline(guest, VirtualInterrupts.physicalTimer))
        if deadline != .never {
            core.pointee.contextTimers.insert(context, at: deadline)
            updateDeadline(core)
        }
    }

    /// Handles a tenant's use of floating point while the unit holds another context's registers.
    public static func floatingPointTrap(_ core: Ref<Core>, _ context: Ref<ExecutionContext>) {
        core.pointee.floatingPointTraps = false
        M.setFloatingPointTrap(false)
        if let owner = core.pointee.floatingPointOwner, owner != context { M.saveFloatingPoint(owner) }
        core.pointee.floatingPointOwner = context
        M.loadFloatingPoint(context)
    }

    /// Handles a virtual CPU that waits for an interrupt, and lets it sleep unless one is there. Not inlined, because
    /// otherwise the other exits of the calling function would save one more register.
    @inline(never)
    public static func waitForInterrupt(_ core: Ref<Core>, _ context: Ref<ExecutionContext>) {
        guard let guest = context.pointee.guest else { return }
        // The guest may have ended an interrupt since the kernel last looked. Its maintenance interrupt never comes
        // if another virtual CPU is loaded now. An interrupt that another core pends after this look wakes the
        // virtual CPU.
        if guest.pointee.isDirty.relaxedLoad() != 0 || mayHaveDeliverable(guest) || hasActiveOutside(guest) {
            synchronise(guest)
        }
        if hasPendingListed(guest) { return }
        context.pointee.state = .waitingForInterrupt
        // No context calls a virtual CPU, so it runs on its own time.
        context.pointee.usesOwnTime = false
        releaseCore(core)
    }

    /// Returns whether a list register holds an interrupt that the virtual CPU has not taken.
    static func hasPendingListed(_ guest: Ref<VirtualCPU>) -> Bool {
        var rest = guest.pointee.usedListRegisters[0]
        while rest != 0 {
            let index = rest.trailingZeroBitCount
            rest &= rest &- 1
            if M.listRegister(index).isPending { return true }
        }
        return false
    }
}
