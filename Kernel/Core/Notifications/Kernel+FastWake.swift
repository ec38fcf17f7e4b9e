import ABI

// The fast path of a wake-up: a signal or a doorbell of a thread that waits, and a wait with nothing pending, when no
// budget ends.
//
// As in Kernel+FastPath.swift, the first check that fails leaves for the general path with nothing changed. These
// functions set the hardware timer to an earlier moment, but never to a later one. It may be set for the slice or the
// budget of the context that ran before, and then interrupts without need.

extension Kernel {
    /// Performs a signal that wakes a thread of this core. Returns the context that runs next: the thread if it is more
    /// urgent, and otherwise the caller.
    @inline(__always)
    public static func wakeFast(_ core: Ref<Core>, _ caller: Ref<ExecutionContext>) -> Ref<ExecutionContext>? {
        let selector = Selector(bits: caller.pointee.frame.x[1])
        let found: Found
        do throws(Failure) { found = try find(caller, selector, .notification, .write) } catch { return nil }
        let bits = found.badge != 0 ? found.badge : caller.pointee.frame.x[2]
        let next = wakeFast(core, RungBell(notification: found.target(Notification.self), bits: bits))
        if next != nil { caller.pointee.frame.x[0] = Status.ok.rawValue }
        return next
    }

    /// Raises bits that wake a thread of this core. Returns the context that runs next: the thread if it is more urgent
    /// than the running time, and otherwise the present context.
    @inline(__always)
    public static func wakeFast(_ core: Ref<Core>, _ bell: RungBell) -> Ref<ExecutionContext>? {
        let notification = bell.notification
        guard case .thread(let thread) = notification.pointee.hearer, thread.pointee.core == core.pointee.id,
            thread.pointee.state == .waiting, let home = thread.pointee.home, let running = core.pointee.scheduling,
            // A budget that is used up keeps the thread off the core.
            !home.pointee.isExhausted,
            // Older bits need the general path, which delivers them together.
            notification.pointee.bits.relaxedLoad() == 0, core.pointee.untold == nil,
            // A signal without bits wakes no thread.
            bell.bits != 0
        else { return nil }
        guard home.pointee.priority > running.pointee.priority else {
            return queueFast(core, running, thread, home, bell.bits)
        }
        let now = M.now
        // The thread is more urgent than all others.
        guard core.pointee.runQueue.highest < Int(home.pointee.priority), hasBudget(running, now) else { return nil }
        answer(thread, .notified, tag: bell.bits)
        thread.pointee.state = .ready
        thread.pointee.usesOwnTime = true
        book(running, now)
        if running.pointee.left == Ticks(0) {
            core.pointee.runQueue.append(running)
        } else {
            core.pointee.runQueue.prepend(running)
        }
        begin(core, home, now)
        switchToThread(core, thread)
        return thread
    }

    /// Wakes a thread that is no more urgent than the running time. Returns the present context, which continues.
    @inline(__always)
    private static func queueFast(
        _ core: Ref<Core>, _ running: Ref<SchedulingContext>, _ thread: Ref<ExecutionContext>,
        _ home: Ref<SchedulingContext>, _ bits: UInt64
    ) -> Ref<ExecutionContext>? {
        guard !core.pointee.mustSchedule, let current = core.pointee.current else { return nil }
        // The general path looks at the interrupts of a virtual CPU before it continues.
        if let guest = current.pointee.guest, guest.pointee.isDirty.relaxedLoad() != 0 { return nil }
        answer(thread, .notified, tag: bits)
        thread.pointee.state = .ready
        thread.pointee.usesOwnTime = true
        core.pointee.runQueue.append(home)
        // The present slice has an end from now on.
        if home.pointee.priority == running.pointee.priority { setTimer(core, noLaterThan: core.pointee.sliceEnd) }
        return current
    }

    /// Performs a `replyWait` that only waits, with nothing pending. Returns the context that runs next.
    @inline(__always)
    public static func waitFast(_ core: Ref<Core>, _ server: Ref<ExecutionContext>) -> Ref<ExecutionContext>? {
        guard server.pointee.frame.x[1] == UInt64(ReplyForm.wait) << 32, server.pointee.caller == nil,
            canWaitSimply(server), !core.pointee.mustSchedule, let running = core.pointee.scheduling,
            let next = onlyMostUrgent(core),
            // The owner of the next time runs itself, and is a component's thread.
            let context = next.pointee.context, context.pointee.state == .ready, context.pointee.guest == nil
        else { return nil }
        let now = M.now
        guard hasBudget(running, now) else { return nil }
        book(running, now)
        server.pointee.state = .waiting
        server.pointee.usesOwnTime = false
        server.pointee.depth = 0
        core.pointee.runQueue.remove(next)
        begin(core, next, now)
        switchToThread(core, context)
        return context
    }

    /// Returns the most urgent scheduling context of the queue, if no other one has its priority.
    @inline(__always)
    private static func onlyMostUrgent(_ core: Ref<Core>) -> Ref<SchedulingContext>? {
        let priority = core.pointee.runQueue.highest
        guard priority >= 0, let head = core.pointee.runQueue.heads[priority & 31], head.pointee.next == nil else {
            return nil
        }
        return head
    }

    /// Returns whether the budget of the running time lasts longer than until now, or there is none.
    @inline(__always)
    private static func hasBudget(_ running: Ref<SchedulingContext>, _ now: Ticks) -> Bool {
        running.pointee.budget == Ticks(0)
            || now.value &- running.pointee.since.value < running.pointee.remaining.value
    }

    /// Charges the time since a scheduling context got the core. Its budget, if there is one, is not used up.
    @inline(__always)
    private static func book(_ running: Ref<SchedulingContext>, _ now: Ticks) {
        let used = now.value &- running.pointee.since.value
        running.pointee.used = running.pointee.used + Ticks(used)
        running.pointee.left = Ticks(running.pointee.left.value &- min(used, running.pointee.left.value))
        if running.pointee.budget != Ticks(0) {
            running.pointee.remaining = Ticks(running.pointee.remaining.value &- used)
        }
    }

    /// Gives the core to a scheduling context whose budget, if it has one, is not used up.
    @inline(__always)
    private static func begin(_ core: Ref<Core>, _ scheduling: Ref<SchedulingContext>, _ now: Ticks) {
        core.pointee.scheduling = scheduling
        scheduling.pointee.since = now
        if scheduling.pointee.left == Ticks(0) { scheduling.pointee.left = scheduling.pointee.slice }
        core.pointee.sliceEnd = now + scheduling.pointee.left
        beginBudget(core, scheduling, now)
        setTimer(core, noLaterThan: core.pointee.budgetEnd)
    }

    /// Lets the hardware timer interrupt at a moment or before it.
    @inline(__always)
    private static func setTimer(_ core: Ref<Core>, noLaterThan moment: Ticks) {
        guard moment < core.pointee.deadline else { return }
        core.pointee.deadline = moment
        M.setDeadline(moment)
    }
}
