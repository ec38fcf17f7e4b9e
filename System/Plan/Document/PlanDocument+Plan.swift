import ABI

// The parts of a plan as entries with named values.
extension PlanDocument {
    public init(_ plan: Plan, system: String) {
        self.init(system: system)
        add(
            ["on-failure": .text(BoardDescription.onFailures.first { $0.value == plan.onFailure }?.name ?? "")],
            to: .board)
        for tenant in plan.tenants {
            add(plan.values(of: tenant), to: .tenants)
            for trap in tenant.traps { add(trap.values(of: tenant.name), to: .traps) }
            for resource in tenant.resources { add(resource.values(of: tenant.name), to: .resources) }
        }
        for group in plan.groups { add(plan.values(of: group), to: .groups) }
        for node in plan.nodes { add(plan.values(of: node), to: .nodes) }
        for edge in plan.edges { add(plan.values(of: edge), to: .edges) }
        sort()
    }
}

extension Plan {
    /// Returns an edge as the document shows it.
    func text(ofEdge index: Int) -> String {
        PlanDocument.Entry(values: values(of: edges[index]).compactMapValues(\.self)).text
    }

    fileprivate func values(of edge: Edge) -> Values {
        var values = values(of: edge.action)
        values["owner"] = .text(name(of: edge.owner))
        values["peer"] = edge.peer.map { .text(name(of: $0)) }
        values["feature"] = .text(edge.feature.rawValue)
        return values
    }
}

extension Plan {
    typealias Values = [String: PlanDocument.Value?]

    fileprivate func values(of tenant: TenantPlan) -> Values {
        var values: Values = [
            "name": .text(tenant.name), "kind": .text(tenant.kind.rawValue.replacing(" ", with: "-")),
            "priority": .number(UInt64(tenant.priority)),
            "cores": .text(tenant.cores.map(String.init).joined(separator: ",")), "restart": .text("\(tenant.restart)"),
            "group": tenant.parent.map { .text(groups[$0].name) },
        ]
        values.merge(tenant.allowance.values) { $1 }
        return values
    }

    fileprivate func values(of group: GroupDescription) -> Values {
        [
            "name": .text(group.name), "members": .text(group.members.joined(separator: ",")),
            "restart": .text("\(group.restart)"),
            "group": groups.first { $0.members.contains(group.name) }.map { .text($0.name) },
        ]
    }

    fileprivate func values(of node: Node) -> Values {
        var values: Values = [
            "name": .text(node.name), "kind": .text("\(node.kind)"), "owner": .text(name(of: node.owner)),
            "lasts": .text(node.lasts ? "yes" : "no"), "time": node.time.map { .text(nodes[$0].name) },
        ]
        switch node.kind {
        case .region, .extent:
            guard !node.isGiven else { break }
            values["size"] = .number(node.parameter)
            guard node.kind == .extent else { break }
            values["alignment"] = .number(node.alignment)
            values["cleared"] = .text(node.isCleared ? "yes" : "no")
        case .capabilityTable: values["slots"] = node.isGiven ? nil : .number(node.parameter)
        case .addressSpace:
            guard !node.isGiven else { break }
            values["tables"] = .number(node.pageTables)
            values["doorbells"] = node.hasDoorbells ? .text("yes") : nil
        case .interrupt: values["interrupt"] = .number(node.parameter)
        case .thread:
            guard node.stack.size > 0 else { break }
            values["address"] = .hex(node.stack.base)
            values["size"] = .number(node.stack.size)
        default: break
        }
        return values
    }

    fileprivate func values(of action: Action) -> Values {
        func name(_ node: NodeID) -> PlanDocument.Value { .text(nodes[node].name) }
        switch action {
        case .capability(let source, let table, let slot, let rights, let badge, let size):
            let isExtent = nodes[source].kind == .extent
            return [
                "kind": .text("capability"), "object": name(source), "table": name(table),
                "slot": nodes[table].owner == .system ? nil : .number(UInt64(slot)), "rights": .text(rights.letters),
                "badge": isExtent ? nil : .hex(badge), "offset": isExtent ? .number(badge) : nil,
                "size": isExtent ? .number(size) : nil,
            ]
        case .map(let extent, let space, let address, let offset, let size, let rights, _):
            return [
                "kind": .text("map"), "object": name(extent), "space": name(space), "address": .hex(address),
                "offset": isImage(extent) ? nil : .number(offset), "size": .number(size),
                "rights": .text(rights.letters),
            ]
        case .configure(let context, let space, let table, let portal, let time, let core):
            let handler = handler(inSlot: portal)
            return [
                "kind": .text("configure"), "object": name(context), "space": name(space), "table": table.map(name),
                "handler": handler.map { name($0.portal) }, "handler-badge": handler.map { .hex($0.badge) },
                "time": name(time), "core": .number(UInt64(core)),
            ]
        case .time(let time, let core, let priority, let allowance):
            var values: Values = [
                "kind": .text("time"), "object": name(time), "core": .number(UInt64(core)),
                "priority": .number(UInt64(priority)),
            ]
            values.merge(allowance.values) { $1 }
            return values
        case .stopped(let context, let notification, let bits): return binding("stopped", context, notification, bits)
        case .overrun(let time, let notification, let bits): return binding("overrun", time, notification, bits)
        case .interrupt(let interrupt, let notification, let bits):
            return binding("interrupt", interrupt, notification, bits)
        case .portal(let portal, let thread):
            return ["kind": .text("portal"), "object": name(portal), "thread": name(thread)]
        case .thread(let notification, let thread):
            return ["kind": .text("thread"), "object": name(notification), "thread": name(thread)]
        case .virtualInterrupt(let notification, let virtualCPU, let number):
            return [
                "kind": .text("virtual-interrupt"), "object": name(notification), "virtual-cpu": name(virtualCPU),
                "interrupt": .number(number),
            ]
        case .doorbell(let space, let address, let notification, let bits, let match):
            return [
                "kind": .text("doorbell"), "space": name(space), "address": .hex(address),
                "notification": name(notification),
                "bits": .hex(bits),
                "value": match == .every ? nil : .hex(match.value),
                "width": match == .every ? nil : .number(match.width),
            ]
        case .start(let context): return ["kind": .text("start"), "object": name(context)]
        default: return memoryValues(of: action)
        }
    }

    /// Returns the values of an edge that writes into memory or registers.
    private func memoryValues(of action: Action) -> Values {
        func name(_ node: NodeID) -> PlanDocument.Value { .text(nodes[node].name) }
        switch action {
        case .messagePage(let thread, let extent, let offset):
            return [
                "kind": .text("message-page"), "object": name(thread), "memory": name(extent),
                "offset": .number(offset),
            ]
        case .affinity(let virtualCPU, let number):
            return ["kind": .text("affinity"), "object": name(virtualCPU), "number": .number(number)]
        case .registers(let context, let first, let one, let two):
            return [
                "kind": .text("registers"), "object": name(context), "first": .number(first),
                "values": .text("0x\(String(one, radix: 16)),0x\(String(two, radix: 16))"),
            ]
        case .contents(let extent, let offset, _, let size):
            return [
                "kind": .text("contents"), "object": name(extent), "offset": .number(offset), "size": .number(size),
            ]
        case .lives(let extent, let offset, let atDeath):
            return [
                "kind": .text("lives"), "object": name(extent), "offset": .number(offset),
                "at-death": .text(atDeath ? "yes" : "no"),
            ]
        case .seed(let extent, let offset):
            return ["kind": .text("seed"), "object": name(extent), "offset": .number(offset)]
        case .physicalAddress(let extent, let target, let offset):
            return [
                "kind": .text("physical-address"), "object": name(extent), "memory": name(target),
                "offset": .number(offset),
            ]
        default: return [:]
        }
    }

    private func binding(_ kind: String, _ object: NodeID, _ notification: NodeID, _ bits: UInt64) -> Values {
        [
            "kind": .text(kind), "object": .text(nodes[object].name), "notification": .text(nodes[notification].name),
            "bits": .hex(bits),
        ]
    }

    /// Returns true if a node is the image, whose places depend on everything that lies in it.
    func isImage(_ node: NodeID) -> Bool { nodes[node].isGiven && nodes[node].slot == RootSlot.image }

    /// Returns the portal that a slot of root's table names, with its badge.
    func handler(inSlot number: UInt32) -> (portal: NodeID, badge: UInt64)? {
        guard number != 0 else { return nil }
        for edge in edges {
            guard case .capability(let source, let table, let slot, _, let badge, _) = edge.action, slot == number,
                nodes[table].owner == .system, nodes[source].kind == .portal
            else { continue }
            return (source, badge)
        }
        return nil
    }
}

extension NamedResource {
    fileprivate func values(of tenant: String) -> Plan.Values {
        [
            "tenant": .text(tenant), "kind": .text("\(kind)"), "name": name.isEmpty ? nil : .text(name),
            "slot": slot == 0 ? nil : .number(UInt64(slot)), "address": size == 0 && address == 0 ? nil : .hex(address),
            "size": size == 0 ? nil : .number(size), "number": number == 0 ? nil : .hex(number),
            "detail": detail == 0 ? nil : .hex(detail),
        ]
    }
}

extension TrapReason {
    fileprivate func values(of tenant: String) -> Plan.Values {
        ["tenant": .text(tenant), "immediate": .hex(immediate), "text": .text(text)]
    }
}

extension TimeAllowance {
    fileprivate var values: Plan.Values {
        guard self != .unlimited else { return ["budget": .text("none")] }
        return [
            "budget": .text("\(TimeSpan(nanoseconds: budget))"), "period": .text("\(TimeSpan(nanoseconds: period))"),
        ]
    }
}

extension RestartDescription: CustomStringConvertible {
    public var description: String {
        "\(limit)-within-\(span)-after-\(backoff)-to-\(backoffLimit)-then-\(onLimit)"
    }
}

extension Rights {
    /// The letters `r`, `w`, `x` and `m` (manage) of the rights that are set.
    var letters: String {
        let letters: [(Rights, String)] = [(.read, "r"), (.write, "w"), (.execute, "x"), (.manage, "m")]
        return letters.filter { contains($0.0) }.map(\.1).joined()
    }
}
