import ABI

// Budgets: a scheduling context may use so many ticks in each period; when they are used up it is off the core until
// the period ends. It pays for what its owner's servers do for the owner: a server never runs on more than somebody's
// time.

extension Kernel {
    /// Renews the budget of the scheduling context that gets the core if its period has ended, and sets `budgetEnd`.
    /// Without a budget there is no such end.
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

    /// Books ticks against the budget; one that is used up takes its scheduling context off until the period ends.
    static func chargeBudget(_ core: Ref<Core>, _ scheduling: Ref<SchedulingContext>, _ used: UInt64, _ now: Ticks) {
        let remaining = scheduling.pointee.remaining.value
        scheduling.pointee.remaining = Ticks(remaining &- min(used, remaining))
        guard used >= remaining, !scheduling.pointee.isExhausted else { return }
        scheduling.pointee.isExhausted = true
        let isNews = scheduling.pointee.countOverrun()
        core.pointee.budgetTimers.insert(scheduling, at: max(scheduling.pointee.periodEnd, now))
        if isNews, let told = look(scheduling.pointee.overrun) { raiseLater(core, told.notification, told.bits) }
    }

    /// The budget of who runs is used up.
    static func exhaust(_ core: Ref<Core>, _ now: Ticks) {
        guard core.pointee.budgetEnd <= now, core.pointee.scheduling != nil else { return }
        releaseCore(core)
    }

    /// Periods that have ended: whoever waited for a new budget goes on.
    static func renewBudgets(_ core: Ref<Core>, _ now: Ticks) {
        for _ in 0..<timerBatch {
            guard let scheduling = core.pointee.budgetTimers.removeExpired(now) else { return }
            renew(scheduling, from: scheduling.pointee.periodEnd)
            scheduling.pointee.isExhausted = false
            if let owner = scheduling.pointee.context, owner.pointee.usesOwnTime { makeReady(core, scheduling) }
        }
    }

    /// How many timers one entry serves; what is left interrupts again at once.
    static var timerBatch: Int { 8 }
}
