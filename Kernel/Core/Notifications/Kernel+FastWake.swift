import ABI

// The fast path of a wake-up: a signal or a doorbell of a more urgent thread that waits, and a wait with nothing
// pending, when neither a slice nor a budget is affected.
//
// As in Kernel+FastPath.swift, the first check that fails leaves for the general path with nothing changed. These
// functions do not set the hardware timer. It may be set for the slice of the context that ran before, and then
// interrupts without need. It is never too late, because the context that gets the core here has no budget and no
// others of its priority.

extension Kernel {
    /// Performs a signal that wakes a thread of this core which is more urgent than the running context. Returns that
    /// thread.
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

    /// Raises bits that wake a thread of this core which is more urgent than the running context. Returns that thread.
    @inline(__always)
    public static func wakeFast(_ core: Ref<Core>, _ bell: RungBell) -> Ref<ExecutionContext>? {
        let notification = bell.notification
        guard case .thread(let thread) = notification.pointee.hearer, thread.pointee.core == core.pointee.id,
            thread.pointee.state == .waiting, let home = thread.pointee.home, let running = core.pointee.scheduling,
            // The thread is more urgent than all others, and neither its time nor the running time has a budget.
            home.pointee.priority > running.pointee.priority,
            core.pointee.runQueue.highest < Int(home.pointee.priority),
            home.pointee.budget == Ticks(0), running.pointee.budget == Ticks(0),
            // Older bits need the general path, which delivers them together.
            notification.pointee.bits.relaxedLoad() == 0, core.pointee.untold == nil,
            // A signal without bits wakes no thread.
            bell.bits != 0
        else { return nil }
        answer(thread, .notified, tag: bell.bits)
        thread.pointee.state = .ready
        thread.pointee.usesOwnTime = true
        let now = M.now
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

    /// Performs a `replyWait` that only waits, with nothing pending. Returns the context that runs next.
    @inline(__always)
    public static func waitFast(_ core: Ref<Core>, _ server: Ref<ExecutionContext>) -> Ref<ExecutionContext>? {
        guard server.pointee.frame.x[1] == UInt64(ReplyForm.wait) << 32, server.pointee.caller == nil,
            canWaitSimply(server), !core.pointee.mustSchedule, let running = core.pointee.scheduling,
            running.pointee.budget == Ticks(0),
            let next = onlyMostUrgent(core), next.pointee.budget == Ticks(0),
            // The owner of the next time runs itself, and is a component's thread.
            let context = next.pointee.context, context.pointee.state == .ready, context.pointee.guest == nil
        else { return nil }
        let now = M.now
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

    /// Charges the time since a scheduling context without a budget got the core.
    @inline(__always)
    private static func book(_ running: Ref<SchedulingContext>, _ now: Ticks) {
        let used = now.value &- running.pointee.since.value
        running.pointee.used = running.pointee.used + Ticks(used)
        running.pointee.left = Ticks(running.pointee.left.value &- min(used, running.pointee.left.value))
    }

    /// Gives the core to a scheduling context without a budget. The previous one had none either, so `budgetEnd`
    /// stays `.never`.
    @inline(__always)
    private static func begin(_ core: Ref<Core>, _ scheduling: Ref<SchedulingContext>, _ now: Ticks) {
        core.pointee.scheduling = scheduling
        scheduling.pointee.since = now
        if scheduling.pointee.left == Ticks(0) { scheduling.pointee.left = scheduling.pointee.slice }
        core.pointee.sliceEnd = now + scheduling.pointee.left
    }
}
