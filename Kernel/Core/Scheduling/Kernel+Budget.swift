import ABI

// Budgets: a scheduling context with a budget may use that many ticks in each period. When the budget is used up, the
// scheduling context is off the core until the period ends. It pays for the work of servers for its owner, because a
// server always runs on the time of one scheduling context.
//
// `Kernel+Schedule.swift` calls these functions when time gets or leaves the core, and when the timer interrupts.

extension Kernel {
    /// Renews the budget of the scheduling context that gets the core if its period has ended, and sets `budgetEnd`.
    /// The end is `.never` without a budget.
    @inline(__always)
    static func beginBudget(_ core: Ref<Core>, _ scheduling: Ref<SchedulingContext>, _ now: Ticks) {
        guard scheduling.pointee.budget != Ticks(0) else {
            core.pointee.budgetEnd = .never
            return
        }
        if scheduling.pointee.periodEnd <= now { renew(scheduling, from: now) }
        core.pointee.budgetEnd = now + scheduling.pointee.remaining
    }

    private static func renew(_ scheduling: Ref<SchedulingContext>, from start: Ticks) {
        scheduling.pointee.remaining = scheduling.pointee.budget
        scheduling.pointee.periodEnd = start + scheduling.pointee.period
    }

    /// Charges ticks to the budget. If the budget is used up, the scheduling context is off the core until the period
    /// ends.
    static func chargeBudget(_ core: Ref<Core>, _ scheduling: Ref<SchedulingContext>, _ used: UInt64, _ now: Ticks) {
        let remaining = scheduling.pointee.remaining.value
        scheduling.pointee.remaining = Ticks(remaining &- min(used, remaining))
        guard used >= remaining, !scheduling.pointee.isExhausted else { return }
        scheduling.pointee.isExhausted = true
        let isNews = scheduling.pointee.countOverrun()
        core.pointee.budgetTimers.insert(scheduling, at: max(scheduling.pointee.periodEnd, now))
        if isNews, let told = look(scheduling.pointee.overrun) { raiseLater(core, told.notification, told.bits) }
    }

    /// Takes the running scheduling context off the core if its budget is used up.
    static func exhaust(_ core: Ref<Core>, _ now: Ticks) {
        guard core.pointee.budgetEnd <= now, core.pointee.scheduling != nil else { return }
        releaseCore(core)
    }

    /// Renews the budgets whose periods have ended, so that their owners can run again.
    static func renewBudgets(_ core: Ref<Core>, _ now: Ticks) {
        for _ in 0..<timerBatch {
            guard let scheduling = core.pointee.budgetTimers.removeExpired(now) else { return }
            renew(scheduling, from: scheduling.pointee.periodEnd)
            scheduling.pointee.isExhausted = false
            if let owner = scheduling.pointee.context, owner.pointee.usesOwnTime { makeReady(core, scheduling) }
        }
    }

    /// The number of timers that one entry serves. If more have expired, the timer interrupts again at once.
    static var timerBatch: Int { 8 }
}
