import ABI

/// Finds the links between tenants, each from facts of the plan. Each file holds the rules of one subject.
struct HarmRules {
    let plan: Plan
    private(set) var links: [HarmLink] = []
    var bounds: [HarmBound] = []
    /// The pairs of tenants of which one calls the other, by `uses` or by a fault.
    var calls: [(client: Int, server: Int)] = []
    /// The pairs of tenants of which one can wake the other.
    var wakes: [(sender: Int, receiver: Int)] = []
    /// The consequences of `calls` and `wakes`, once both are complete.
    var relations = HarmRelations()
    /// The tenants for which the rules of time find links.
    let victimsOfTime: [Int]

    /// - Parameter victim: the only tenant for which the rules of time find links, or nil for all. Of a large system on
    ///   one core, these links are as many as the triples of a victim, a more urgent tenant, and one that wakes it.
    init(_ plan: Plan, timeOf victim: Int? = nil) {
        self.plan = plan
        victimsOfTime = victim.map { [$0] } ?? Array(plan.tenants.indices)
    }

    mutating func apply() {
        for (index, edge) in plan.edges.enumerated() { apply(edge, index) }
        addSharedMemory()
        addDevices()
        addCommands()
        addSupervision()
        addTime()
    }

    mutating func add(
        _ effect: HarmEffect, of victim: Int, by offender: Int, _ cause: HarmLink.Cause, _ edges: [Int],
        lender: Int? = nil, isBudgeted: Bool = false
    ) {
        guard victim != offender else { return }
        links.append(
            HarmLink(
                victim: victim, offender: offender, effect: effect, cause: cause, edges: edges, lender: lender,
                isBudgeted: isBudgeted))
    }

    /// Adds that the offender can do everything to the victim, and everything that the victim can do.
    mutating func addControl(of victim: Int, by offender: Int, _ cause: HarmLink.Cause, _ edges: [Int]) {
        for effect in HarmEffect.allCases { add(effect, of: victim, by: offender, cause, edges) }
    }

    /// Returns the tenant to which a node belongs, or nil if the node belongs to the system.
    func owner(_ node: Plan.NodeID) -> Int? {
        if case .tenant(let index) = plan.nodes[node].owner { index } else { nil }
    }

    /// Returns the tenant whose thread serves a portal.
    func server(of portal: Plan.NodeID) -> Int? {
        for edge in plan.edges {
            if case .portal(portal, let thread) = edge.action { return owner(thread) }
        }
        return owner(portal)
    }

    /// Returns the tenants that wait for a notification.
    func receivers(of notification: Plan.NodeID) -> Set<Int> {
        var receivers: Set<Int> = []
        for edge in plan.edges {
            switch edge.action {
            case .thread(notification, let thread): receivers.formUnion([owner(thread)].compactMap(\.self))
            case .virtualInterrupt(notification, let virtualCPU, _):
                receivers.formUnion([owner(virtualCPU)].compactMap(\.self))
            default: break
            }
        }
        return receivers.isEmpty ? Set([owner(notification)].compactMap(\.self)) : receivers
    }

    // MARK: Capabilities, faults and doorbells

    private mutating func apply(_ edge: Plan.Edge, _ index: Int) {
        switch edge.action {
        case .capability(let source, let table, _, let rights, let badge, _):
            guard let holder = owner(table) else { return }
            apply(source, holder, rights, badge, edge, index)
        case .configure(let context, _, _, let slot, _, _):
            guard let client = owner(context), let handler = plan.handler(inSlot: slot),
                let server = server(of: handler.portal), server != client
            else { return }
            calls.append((client, server))
            add(.stall, of: client, by: server, .fault, [index])
            add(.end, of: client, by: server, .fault, [index])
            add(.change, of: client, by: server, .fault, [index])
            addOrphan(server, client, index)
        case .doorbell(let space, _, let notification, _, _):
            guard let sender = owner(space) else { return }
            ring(from: sender, notification, edge.feature, index)
        default: break
        }
    }

    private mutating func apply(
        _ source: Plan.NodeID, _ holder: Int, _ rights: Rights, _ badge: UInt64, _ edge: Plan.Edge, _ index: Int
    ) {
        switch plan.nodes[source].kind {
        case .portal:
            guard let server = server(of: source), server != holder else { return }
            calls.append((holder, server))
            add(.stall, of: holder, by: server, .call(connection(of: holder, edge)), [index])
            addOrphan(server, holder, index)
            // The interface of the connection is not in the plan. Its messages may carry capabilities for signals.
            wakes += [(holder, server), (server, holder)]
            addSignals(holder, server, sharesMemory(holder, edge) ? .bell : .signal, index)
            add(.change, of: holder, by: server, .lease, [index])
            add(.read, of: holder, by: server, .lease, [index])
            if rights.contains(.manage) {
                addControl(of: server, by: holder, .capability(plan.nodes[source].name), [index])
            }
        case .notification:
            ring(from: holder, source, edge.feature, index)
            guard rights.contains(.manage), let owner = owner(source) else { return }
            addControl(of: owner, by: holder, .capability(plan.nodes[source].name), [index])
        case .extent:
            // Another rule handles memory: it counts everything that a tenant can map as mapped.
            break
        case .addressSpace, .thread, .virtualCPU, .capabilityTable, .region, .schedulingContext, .interrupt:
            guard let owner = owner(source), !rights.intersection([.write, .manage]).isEmpty else { return }
            addControl(of: owner, by: holder, .capability(plan.nodes[source].name), [index])
        case .none, .system, .mapping: break
        }
    }

    /// Adds that a server without a budget has no time of its own for a call or a fault whose caller has gone.
    private mutating func addOrphan(_ server: Int, _ client: Int, _ index: Int) {
        guard plan.tenants[server].allowance == .unlimited else { return }
        add(.stall, of: server, by: client, .orphan, [index])
    }

    /// Returns true if a connection has memory for rings. Capabilities for its signals travel with messages, and are
    /// not in the plan.
    private func sharesMemory(_ client: Int, _ edge: Plan.Edge) -> Bool {
        guard case .capability(_, _, let slot, _, _, _) = edge.action else { return false }
        return plan.tenants[client].resources.contains { $0.kind == .portal && $0.slot == slot && $0.size > 0 }
    }

    /// Adds the signals in the messages of a connection, in both directions.
    private mutating func addSignals(_ one: Int, _ other: Int, _ cause: HarmLink.Cause, _ index: Int) {
        for (sender, receiver) in [(one, other), (other, one)] { add(.stall, of: receiver, by: sender, cause, [index]) }
    }

    private func connection(of client: Int, _ edge: Plan.Edge) -> String {
        guard case .capability(_, _, let slot, _, _, _) = edge.action else { return "" }
        return plan.tenants[client].resources.first { $0.kind == .portal && $0.slot == slot }?.name ?? ""
    }

    /// Adds a sender that can wake receivers as often as it likes, and for whose signals they may wait.
    private mutating func ring(from sender: Int, _ notification: Plan.NodeID, _ feature: Plan.Feature, _ index: Int) {
        for receiver in receivers(of: notification) where receiver != sender {
            wakes.append((sender, receiver))
            // No component has to wait for its console, because the kit drops output after a while. A guest may wait
            // for ever, because its PL011 says that it is full.
            if feature != .console {
                add(.stall, of: receiver, by: sender, .bell, [index])
            } else if plan.tenants[receiver].kind == .machine {
                add(.stall, of: receiver, by: sender, .console, [index])
            } else if plan.tenants[receiver].kind == .component {
                bounds.append(
                    HarmBound(
                        victim: receiver, offender: sender,
                        text:
                            "takes no output for at most the \(ConsoleQueue.patience) yields after which the component "
                            + "drops it (the kit's default)"))
            }
        }
    }
}
