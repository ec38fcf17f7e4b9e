import ABI

// Links through cores: a tenant keeps less urgent tenants off a core if nothing bounds its time.
extension HarmRules {
    /// The time of one of a tenant's threads or virtual CPUs.
    private struct Time {
        var tenant: Int
        var core: Int
        var priority: Int
        var allowance: TimeAllowance
        var edge: Int

        var share: Double { allowance == .unlimited ? 0 : Double(allowance.budget) / Double(allowance.period) }
    }

    mutating func addTime() {
        relations = HarmRelations(plan, calls: calls, wakes: wakes)
        let times = plan.edges.indices.compactMap { index -> Time? in
            guard case .time(let time, let core, let priority, let allowance) = plan.edges[index].action,
                let tenant = owner(time)
            else { return nil }
            return Time(tenant: tenant, core: core, priority: priority, allowance: allowance, edge: index)
        }
        addRoot(times)
        for victim in victimsOfTime {
            for core in Set(times.lazy.filter { $0.tenant == victim }.map(\.core)).sorted() {
                let own = times.filter { $0.tenant == victim && $0.core == core }
                guard let least = own.min(by: { $0.priority < $1.priority }) else { continue }
                addTime(Need(victim: victim, time: least), times)
                // While it serves a less urgent caller, it has only that caller's time.
                let callers = relations.callers[victim]
                addSpentBudgets(victim, callers.filter { plan.tenants[$0].cores.contains(core) })
                for time in times
                where time.core == core && time.priority < least.priority && callers.contains(time.tenant) {
                    addTime(Need(victim: victim, time: time), times)
                }
            }
        }
    }

    /// Time that a victim needs: its own, or that of a caller that it serves.
    private struct Need {
        var victim: Int
        var time: Time

        var lender: Int? { time.tenant == victim ? nil : time.tenant }
    }

    private mutating func addTime(_ need: Need, _ times: [Time]) {
        let urgent = times.filter {
            ![need.victim, need.time.tenant].contains($0.tenant) && $0.core == need.time.core
                && $0.priority >= need.time.priority
        }
        for time in mostUrgent(urgent.filter { $0.allowance == .unlimited }) {
            add(need, time, .core(time.core, time.priority, need.time.priority))
        }
        addLimited(need, urgent.filter { $0.allowance != .unlimited })
    }

    /// Returns the most urgent time of each tenant, because the others would add nothing.
    private func mostUrgent(_ times: [Time]) -> [Time] {
        Dictionary(grouping: times, by: \.tenant).values.compactMap { $0.max { $0.priority < $1.priority } }
            .sorted { $0.tenant < $1.tenant }
    }

    /// Adds the offenders that can use this time without end: its tenant, and all that make that tenant use it.
    private mutating func add(_ need: Need, _ time: Time, _ cause: HarmLink.Cause) {
        let isBudgeted = time.allowance != .unlimited
        for (offender, means) in users(of: time) {
            let cause: HarmLink.Cause =
                switch means {
                case .itself: cause
                case .service: .lentTime(of: time.tenant, time.core, time.priority, need.time.priority)
                case .wake: .wakes(time.tenant, time.core, time.priority, need.time.priority)
                }
            add(
                .stall, of: need.victim, by: offender, cause, [time.edge, need.time.edge], lender: need.lender,
                isBudgeted: isBudgeted)
        }
    }

    /// Returns the tenant of this time, the servers that run on it, and the tenants that can wake its tenant.
    private func users(of time: Time) -> [(offender: Int, means: HarmLink.Means)] {
        [(time.tenant, .itself)] + relations.servers[time.tenant].map { ($0, .service) }
            + relations.wakers[time.tenant].map { ($0, .wake) }
    }

    /// Adds that root restarts nothing while tenants more urgent than root have all of root's core.
    private mutating func addRoot(_ times: [Time]) {
        let urgent = times.filter { $0.core == RootTime.core && $0.priority > RootTime.priority }
        let limited = urgent.filter { $0.allowance != .unlimited }
        let keepers = mostUrgent(urgent.filter { $0.allowance == .unlimited }) + (takesAll(limited) ? limited : [])
        for time in keepers {
            for (offender, means) in users(of: time) {
                let keeper = HarmLink.RootKeeper(
                    keeper: time.tenant, priority: time.priority, isBudgeted: time.allowance != .unlimited,
                    means: means)
                for victim in victimsOfTime where victim != time.tenant {
                    add(.stall, of: victim, by: offender, .root(keeper), [time.edge])
                }
            }
        }
    }

    /// Returns true if nothing of a core is left beside budgets, and beside a share that is spoken for.
    private func takesAll(_ limited: [Time], beside share: Double = 0) -> Bool {
        limited.reduce(share) { $0 + $1.share } >= 1 - 1e-9
    }

    /// Adds bounds for tenants with budgets, or stalls if all budgets together take the whole core.
    private mutating func addLimited(_ need: Need, _ urgent: [Time]) {
        let core = need.time.core
        let isBelowRoot = core == RootTime.core && need.time.priority <= RootTime.priority
        let takesAll = takesAll(urgent, beside: isBelowRoot ? RootTime.share : 0)
        for time in urgent {
            if takesAll {
                add(need, time, .budgets(core))
            } else {
                let (budget, period) = (
                    TimeSpan(nanoseconds: time.allowance.budget), TimeSpan(nanoseconds: time.allowance.period)
                )
                addBound(need.victim, time.tenant, "takes at most \(budget) of each \(period) of core \(core)")
            }
        }
        if !takesAll, isLong(urgent.map(\.allowance) + (isBelowRoot ? [RootTime.allowance] : [])) {
            for time in urgent { addDelays(need, time) }
        }
        if isBelowRoot {
            let (budget, period) = (
                TimeSpan(nanoseconds: RootTime.budget), TimeSpan(nanoseconds: RootTime.period)
            )
            addBound(need.victim, nil, "takes at most \(budget) of each \(period) of core \(core)")
        }
    }

    /// The delay in nanoseconds from which on a watchdog may end a machine, as docs/caveats.md says. The guest chooses
    /// the time of its watchdog, which is not in the plan.
    static let longDelay = 1_000_000_000.0

    /// Returns true if budgets can keep others off a core for `longDelay`. They take less than the whole core.
    ///
    /// An allowance can be used up to once more than periods begin meanwhile, because the delay may begin at the end
    /// of a period. The sum grows until no further budget falls into the delay.
    private func isLong(_ allowances: [TimeAllowance]) -> Bool {
        var delay = 0.0
        while delay < Self.longDelay {
            let longer = allowances.reduce(0.0) { sum, allowance in
                sum + Double(allowance.budget) * (1 + max(1, (delay / Double(allowance.period)).rounded(.up)))
            }
            guard longer > delay else { return false }
            delay = longer
        }
        return true
    }

    /// Adds the offenders that can use a budget which is part of a long delay.
    private mutating func addDelays(_ need: Need, _ time: Time) {
        for (offender, means) in users(of: time) {
            add(
                .stall, of: need.victim, by: offender, .delay(of: time.tenant, need.time.core, means),
                [time.edge, need.time.edge], lender: need.lender, isBudgeted: true)
        }
    }

    /// Adds bounds for a server without a budget, which has only the budgets of its callers while it serves them.
    private mutating func addSpentBudgets(_ server: Int, _ callers: [Int]) {
        guard plan.tenants[server].allowance == .unlimited else { return }
        for caller in callers where plan.tenants[caller].allowance != .unlimited {
            let allowance = plan.tenants[caller].allowance
            let rest = TimeSpan(nanoseconds: allowance.period - allowance.budget)
            addBound(
                server, caller,
                "may use up its budget in a call, which then waits at most \(rest) for the next period, "
                    + "unless somebody else calls")
        }
    }

    private mutating func addBound(_ victim: Int, _ offender: Int?, _ text: String) {
        let bound = HarmBound(victim: victim, offender: offender, text: text)
        if !bounds.contains(bound) { bounds.append(bound) }
    }
}

extension RootTime {
    /// The part of its core that root may use after the tenants have started (docs/caveats.md, "Supervision").
    static let share = Double(budget) / Double(period)
    static let allowance = TimeAllowance(budget: budget, period: period)
}
