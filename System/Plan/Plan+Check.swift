import ABI

// The invariants on which root relies when it executes the plan. The host finds a rule that breaks one before the
// system runs.
extension Plan {
    /// Returns every fault of the plan, in words for the author of the rule.
    func faults(imageSize: UInt64) -> [String] {
        nameFaults + slotFaults + lifeFaults + peerFaults + numberFaults + doorbellFaults + tableFaults + mappingFaults
            + contentFaults(imageSize) + regionFaults + trapFaults
    }

    private var nameFaults: [String] {
        Dictionary(grouping: nodes, by: \.name).filter { $0.value.count > 1 }.map { "two nodes are named \($0.key)" }
            .sorted()
            + nodes.filter { $0.contextName.utf8.count > 8 }.map { "the name of \($0.name) is too long for root" }
    }

    /// The reasons of traps that root could not tell from each other or from those of Swift, or could not print.
    private var trapFaults: [String] {
        tenants.flatMap { tenant in
            tenant.traps.enumerated().compactMap { index, trap in
                let what = "the trap \(hex(trap.immediate)) of \(tenant.name)"
                if trap.immediate <= TrapReason.ofSwift || trap.immediate > 0xFFFF { return "\(what) is impossible" }
                if tenant.traps[..<index].contains(where: { $0.immediate == trap.immediate }) {
                    return "\(what) has two reasons"
                }
                let isPrintable = trap.text.utf8.allSatisfy { (0x20...0x7E).contains($0) }
                let fits = (1...TrapReason.maximumLength).contains(trap.text.utf8.count)
                return isPrintable && fits ? nil : "\(what) has a text that root cannot print"
            }
        }
    }

    /// The slots of root that hold more than one thing.
    private var slotFaults: [String] {
        var holders: [UInt32: String] = [:]
        var faults: [String] = []
        func take(_ slot: UInt32, _ what: String) {
            if slot == 0 || slot >= firstUnusedSlot { faults.append("\(what) has slot \(slot) of root's table") }
            if let other = holders.updateValue(what, forKey: slot) {
                faults.append("\(what) and \(other) share slot \(slot)")
            }
        }
        for node in nodes { take(node.slot, node.name) }
        for edge in edges {
            if case .capability(let source, let table, let slot, _, _, _) = edge.action, nodes[table].isGiven,
                slot > RootSlot.firstFree
            {
                take(slot, "a capability to \(nodes[source].name)")
            }
            if case .map(let extent, _, let address, _, _, _, let slot) = edge.action {
                take(slot, "the mapping of \(nodes[extent].name) at \(hex(address))")
            }
        }
        return faults
    }

    /// The edges that outlive one of their nodes.
    private var lifeFaults: [String] {
        edges.flatMap { edge in
            edge.action.nodes.compactMap { id in
                let node = nodes[id]
                if node.lasts || node.owner == edge.owner || node.owner == edge.peer { return nil }
                return
                    "an edge of \(name(of: edge.owner)) (\(edge.feature.rawValue)) touches \(node.name), which may die before it"
            }
        }
    }

    /// The edges that touch two lives and do not name both as owner and peer. Such an edge would outlive one of them,
    /// and root would execute it again beside itself.
    private var peerFaults: [String] {
        edges.filter { $0.peer != nil }.flatMap { edge in
            [edge.owner, edge.peer ?? edge.owner].compactMap { end in
                let isTouched = edge.action.nodes.contains {
                    nodes[$0].owner == end && (!nodes[$0].lasts || end == .system)
                }
                return isTouched ? nil : "an edge of \(name(of: edge.owner)) touches no life of \(name(of: end))"
            }
        }
    }

    /// The virtual interrupts that two notifications would raise.
    private var virtualInterruptFaults: [String] {
        let sources = Dictionary(
            grouping: edges.compactMap { edge -> [UInt64]? in
                guard case .virtualInterrupt(_, let virtualCPU, let number) = edge.action else { return nil }
                return [UInt64(virtualCPU), number]
            }, by: \.self)
        return sources.filter { $0.value.count > 1 }.keys
            .sorted { $0[0] < $1[0] || $0[0] == $1[0] && $0[1] < $1[1] }
            .map { "the virtual interrupt \($0[1]) of \(nodes[Int($0[0])].name) has two sources" }
    }

    /// The nodes beyond the kernel's limits, because an interrupt exists only once, and objects have sizes.
    private var numberFaults: [String] {
        let interrupts = Dictionary(grouping: nodes.filter { $0.kind == .interrupt }, by: \.parameter)
        let faults = interrupts.filter { $0.value.count > 1 || !Interrupts.ofDevices.contains($0.key) }.keys.sorted()
            .map { "the interrupt \($0) is impossible, or exists twice" }
        return faults + virtualInterruptFaults
            + nodes.filter { $0.kind == .addressSpace && !$0.isGiven && $0.pageTables > KernelLimits.pageTables }.map {
                "\($0.name) is too large"
            }
            + nodes.filter { $0.kind == .capabilityTable && !$0.isGiven && $0.parameter > KernelLimits.slots }.map {
                "\($0.name) is too large"
            }
    }

    /// The doorbells that the kernel would refuse.
    var doorbellFaults: [String] {
        var bound: [NodeID: [(address: UInt64, match: DoorbellMatch)]] = [:]
        return edges.compactMap { edge in
            guard case .doorbell(let space, let address, _, _, let match) = edge.action else { return nil }
            let name = nodes[space].name, others = bound[space, default: []]
            bound[space, default: []].append((address, match))
            if !nodes[space].hasDoorbells { return "\(name) has no table for its doorbells" }
            if others.count == KernelLimits.doorbells { return "\(name) has too many doorbells" }
            if address & 3 != 0 || !match.isPossible { return "a doorbell of \(name) at \(hex(address)) is impossible" }
            let isTaken = others.contains { $0.address == address && $0.match.overlaps(match) }
            return isTaken ? "\(name) has two doorbells for one store to \(hex(address))" : nil
        }
    }

    /// The capabilities whose slot is filled twice, or lies outside of the tenant's table.
    private var tableFaults: [String] {
        var filled: [NodeID: Set<UInt32>] = [:]
        return edges.compactMap { edge in
            guard case .capability(let source, let table, let slot, _, _, _) = edge.action else { return nil }
            let limit = nodes[table].isGiven ? UInt64(firstUnusedSlot) : nodes[table].parameter
            guard slot > 0, UInt64(slot) < limit else {
                return "\(nodes[source].name) goes to slot \(slot) of \(nodes[table].name)"
            }
            guard filled[table, default: []].insert(slot).inserted else {
                return "slot \(slot) of \(nodes[table].name) is filled twice"
            }
            return nil
        }
    }

    /// The mappings that overlap others, or reach beyond their memory.
    private var mappingFaults: [String] {
        var ranges: [NodeID: [Range<UInt64>]] = [:]
        var faults: [String] = []
        for edge in edges {
            guard case .map(let extent, let space, let address, let offset, let size, _, _) = edge.action else {
                continue
            }
            let what = "the mapping of \(nodes[extent].name) at \(hex(address))"
            if size == 0 || (address | offset | size) & 4095 != 0 || address + size > ComponentLayout.end {
                faults.append("\(what) has an impossible place")
                continue
            }
            if !nodes[extent].isGiven, offset + size > nodes[extent].parameter {
                faults.append("\(what) is beyond its memory")
            }
            ranges[space, default: []].append(address..<address + size)
        }
        for (space, ranges) in ranges {
            let sorted = ranges.sorted { $0.lowerBound < $1.lowerBound }
            for (lower, upper) in zip(sorted, sorted.dropFirst()) where upper.lowerBound < lower.upperBound {
                faults.append("two mappings meet at \(hex(upper.lowerBound)) of \(nodes[space].name)")
            }
        }
        return faults
    }

    private func contentFaults(_ imageSize: UInt64) -> [String] {
        edges.compactMap { edge in
            guard case .contents(let extent, let offset, let image, let size) = edge.action else { return nil }
            let fits =
                image + size <= imageSize && offset + size.aligned(to: 64) <= nodes[extent].parameter
                && offset & 4095 == 0
            return fits ? nil : "the contents of \(nodes[extent].name) at \(hex(offset)) do not fit"
        }
    }

    /// The regions that are not as large as all objects made of them.
    private var regionFaults: [String] {
        nodes.indices.filter { nodes[$0].kind == .region }.compactMap { region in
            var next = ObjectSize.region
            for node in nodes where node.region == region {
                let isPages = node.kind == .extent || node.kind == .addressSpace
                next = next.aligned(to: isPages ? ObjectSize.page : 64) + node.bytes
            }
            return next <= nodes[region].parameter ? nil : "\(nodes[region].name) is too small"
        }
    }
}

extension Plan.Action {
    /// The nodes that the edge touches.
    var nodes: [Plan.NodeID] {
        switch self {
        case .capability(let source, let table, _, _, _, _): [source, table]
        case .map(let extent, let space, _, _, _, _, _): [extent, space]
        case .configure(let context, let space, let table, _, let time, _):
            [context, space, time] + [table].compactMap(\.self)
        case .time(let time, _, _, _): [time]
        case .stopped(let one, let two, _), .overrun(let one, let two, _), .interrupt(let one, let two, _): [one, two]
        case .portal(let one, let two), .thread(let one, let two), .virtualInterrupt(let one, let two, _): [one, two]
        case .doorbell(let space, _, let notification, _, _): [space, notification]
        case .messagePage(let thread, let extent, _): [thread, extent]
        case .affinity(let context, _), .registers(let context, _, _, _), .start(let context): [context]
        case .contents(let extent, _, _, _), .lives(let extent, _, _), .seed(let extent, _): [extent]
        case .physicalAddress(let extent, let target, _): [extent, target]
        }
    }
}
