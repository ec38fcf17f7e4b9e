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
        let times = plan.edges.indices.compactMap { index -> Time? in
            guard case .time(let time, let core, let priority, let allowance) = plan.edges[index].action,
                let tenant = owner(time)
            else { return nil }
            return Time(tenant: tenant, core: core, priority: priority, allowance: allowance, edge: index)
        }
        addRoot(times)
        for victim in plan.tenants.indices {
            for core in Set(times.lazy.filter { $0.tenant == victim }.map(\.core)).sorted() {
                addTime(victim, core, times)
            }
        }
    }

    private mutating func addTime(_ victim: Int, _ core: Int, _ times: [Time]) {
        let own = times.filter { $0.tenant == victim && $0.core == core }
        guard let least = own.min(by: { $0.priority < $1.priority }) else { return }
        let urgent = times.filter { $0.tenant != victim && $0.core == core && $0.priority >= least.priority }
        addUnlimited(victim, core, least, mostUrgent(urgent.filter { $0.allowance == .unlimited }))
        addLimited(victim, core, least, urgent.filter { $0.allowance != .unlimited })
    }

    /// Returns the most urgent time of each tenant, because the others would add nothing.
    private func mostUrgent(_ times: [Time]) -> [Time] {
        Dictionary(grouping: times, by: \.tenant).values.compactMap { $0.max { $0.priority < $1.priority } }
            .sorted { $0.tenant < $1.tenant }
    }

    private mutating func addUnlimited(_ victim: Int, _ core: Int, _ least: Time, _ urgent: [Time]) {
        for time in urgent {
            let edges = [time.edge, least.edge]
            add(.stall, of: victim, by: time.tenant, .core(core, time.priority, least.priority), edges)
            for server in servers(of: time.tenant) {
                add(
                    .stall, of: victim, by: server, .lentTime(of: time.tenant, core, time.priority, least.priority),
                    edges)
            }
            for sender in wakers(of: time.tenant) {
                add(.stall, of: victim, by: sender, .wakes(time.tenant, core, time.priority, least.priority), edges)
            }
        }
    }

    /// Returns the tenants that can wake this one, directly, or through tenants that they ring or call.
    private func wakers(of receiver: Int) -> [Int] {
        var wakers: Set<Int> = []
        var rest = wakes.filter { $0.receiver == receiver }.map(\.sender)
        while let next = rest.popLast() {
            guard next != receiver, wakers.insert(next).inserted else { continue }
            // The console driver wakes its clients only when it looks, at most once in a millisecond.
            if plan.tenants[next].kind == .consoleDriver { continue }
            rest += wakes.filter { $0.receiver == next }.map(\.sender)
            rest += calls.filter { $0.server == next }.map(\.client)
        }
        return wakers.sorted()
    }

    /// Adds that root restarts nothing while a tenant more urgent than root has root's core.
    private mutating func addRoot(_ times: [Time]) {
        let urgent = times.filter {
            $0.core == RootTime.core && $0.priority > RootTime.priority && $0.allowance == .unlimited
        }
        for time in mostUrgent(urgent) {
            for offender in [time.tenant] + servers(of: time.tenant) {
                for victim in plan.tenants.indices {
                    add(.stall, of: victim, by: offender, .root(time.priority), [time.edge])
                }
            }
        }
    }

    /// Returns the tenants that run on the time of this one, because it calls them, directly or through others.
    private func servers(of client: Int) -> [Int] {
        var servers: Set<Int> = []
        var rest = [client]
        while let next = rest.popLast() {
            for call in calls where call.client == next && servers.insert(call.server).inserted {
                rest.append(call.server)
            }
        }
        return servers.subtracting([client]).sorted()
    }

    /// Adds bounds for tenants with budgets, or stalls if all budgets together take the whole core.
    private mutating func addLimited(_ victim: Int, _ core: Int, _ least: Time, _ urgent: [Time]) {
        let isBelowRoot = core == RootTime.core && least.priority <= RootTime.priority
        let sum = urgent.reduce(isBelowRoot ? RootTime.share : 0) { $0 + $1.share }
        for time in urgent {
            if sum >= 1 {
                for offender in [time.tenant] + servers(of: time.tenant) {
                    add(.stall, of: victim, by: offender, .budgets(core), [time.edge, least.edge])
                }
            } else {
                let (budget, period) = (
                    TimeSpan(nanoseconds: time.allowance.budget), TimeSpan(nanoseconds: time.allowance.period)
                )
                bounds.append(
                    HarmBound(
                        victim: victim, offender: time.tenant,
                        text: "takes at most \(budget) of each \(period) of core \(core)"))
            }
        }
        guard isBelowRoot else { return }
        bounds.append(HarmBound(victim: victim, offender: nil, text: "takes at most a quarter of core \(core)"))
    }
}

extension RootTime {
    /// The part of its core that root may use after the tenants have started (docs/caveats.md, "Supervision").
    static let share = Double(budget) / Double(period)
}
