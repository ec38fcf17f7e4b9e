import ABI

// The sizes of a tenant's objects, and the slots of root's table, which are known after all edges are there.
extension PlanBuilder {
    /// The number of slots of a tenant's table that the tenant may fill itself.
    private static let spareSlots: UInt32 = 32

    mutating func setSizes(_ index: Int) {
        let parts = plan.tenants[index].parts
        plan.nodes[parts.memory].parameter = usage[index].privateSize
        plan.nodes[parts.table].parameter = UInt64(usage[index].nextSlot + Self.spareSlots)
        for space in [parts.space, parts.machineSpace].compactMap(\.self) {
            plan.nodes[space].parameter =
                pageTables(of: space) | (hasDoorbells(space) ? KernelLimits.doorbellTable : 0)
        }
        // The header of the region itself comes first.
        for (region, first) in [(parts.pages, ObjectSize.page), (parts.objects, ObjectSize.region)] {
            let size = plan.nodes.lazy.filter { $0.region == region }.reduce(first) { $0 + $1.bytes }
            plan.nodes[region].parameter = size.aligned(to: ObjectSize.page)
        }
    }

    mutating func assignRootSlots() throws(Failure) {
        // The first slot holds the mapping by which root sees memory that it prepares.
        var next = RootSlot.firstFree + 1
        func take() -> UInt32 {
            defer { next += 1 }
            return next
        }
        for id in plan.nodes.indices where plan.nodes[id].lasts && !plan.nodes[id].isGiven {
            plan.nodes[id].slot = take()
        }
        assignMappings(of: .system, take)
        for index in tenants.indices {
            let first = next
            for id in plan.nodes.indices where !plan.nodes[id].lasts && plan.nodes[id].owner == .tenant(index) {
                plan.nodes[id].slot = take()
            }
            assignMappings(of: .tenant(index), take)
            plan.tenants[index].slots = first..<next
        }
        plan.firstUnusedSlot = next
        guard next + RootTable.spare <= RootTable.maximum else {
            // The first tenant that finds no room stands for all that come after it.
            let last = tenants.indices.first {
                plan.tenants[$0].slots.upperBound + RootTable.spare > RootTable.maximum
            }
            throw Failure(
                "the system needs \(next + RootTable.spare) capabilities of root's, but at most \(RootTable.maximum) are possible",
                remedy: "remove machines or components", at: last.flatMap { tenants[$0].place })
        }
    }

    /// Gives slots of root to an owner's mappings, and to its capabilities in root's own table.
    private mutating func assignMappings(of owner: Plan.Owner, _ take: () -> UInt32) {
        var known: [UInt32: UInt32] = [:]
        func slot(_ provisional: UInt32) -> UInt32 {
            guard provisional >= Self.provisional else { return provisional }
            if known[provisional] == nil { known[provisional] = take() }
            return known[provisional] ?? 0
        }
        for index in plan.edges.indices where plan.edges[index].owner == owner {
            switch plan.edges[index].action {
            case .map(let extent, let space, let address, let offset, let size, let rights, _):
                plan.edges[index].action = .map(
                    extent, space: space, address: address, offset: offset, size: size, rights, slot: take())
            case .capability(let source, let table, let number, let rights, let badge, let size):
                plan.edges[index].action = .capability(
                    source, table: table, slot: slot(number), rights, badge: badge, size: size)
            case .configure(let context, let space, let table, let portal, let time, let core):
                plan.edges[index].action = .configure(
                    context, space: space, table: table, portal: slot(portal), time: time, core: core)
            default: break
            }
        }
    }
}

/// The limits of root's table.
enum RootTable {
    /// The number of slots, at most, because the kernel's tables are not larger.
    static let maximum = UInt32(KernelLimits.slots)
    /// The number of slots for the regions into which root divides the remaining memory.
    static let spare: UInt32 = 200
}

extension Plan.Node {
    /// The bytes that the kernel takes for the object from a region, without those that alignment costs.
    var bytes: UInt64 {
        switch kind {
        case .region, .extent: parameter
        case .capabilityTable: ObjectSize.table + parameter * ObjectSize.capability
        case .addressSpace:
            ObjectSize.addressSpace + pageTables * ObjectSize.page + (hasDoorbells ? ObjectSize.doorbellTable : 0)
        case .thread: ObjectSize.thread
        case .virtualCPU: ObjectSize.virtualCPU
        case .portal: ObjectSize.portal
        case .schedulingContext: ObjectSize.schedulingContext
        case .notification: ObjectSize.notification
        case .interrupt: ObjectSize.interrupt
        case .none, .system, .mapping: 0
        }
    }

    /// The page tables of a space, apart from its root table.
    var pageTables: UInt64 { parameter & ~KernelLimits.doorbellTable }
    /// True if a space has a table of doorbells.
    var hasDoorbells: Bool { parameter & KernelLimits.doorbellTable != 0 }
}

extension PlanBuilder {
    /// Returns the number of page tables that a space needs. It is an upper bound, because a larger entry may be
    /// possible.
    func pageTables(of space: Plan.NodeID) -> UInt64 {
        var count = PageTableCount()
        for edge in plan.edges {
            guard case .map(let extent, let target, let address, let offset, let size, _, _) = edge.action,
                target == space
            else { continue }
            count.add(MappedRange(address: address, size: size, residue: residue(of: extent, offset)))
        }
        for range in reservations[space] ?? [] { count.add(range) }
        // One table more costs 4 KiB, and a space needs at least one.
        return max(count.count, 1)
    }

    private func hasDoorbells(_ space: Plan.NodeID) -> Bool {
        plan.edges.contains { edge in
            if case .doorbell(space, _, _, _, _) = edge.action { true } else { false }
        }
    }

    private func residue(of extent: Plan.NodeID, _ offset: UInt64) -> UInt64? {
        let large: UInt64 = 1 << 21
        if extent == root.image { return (imageResidue + offset) % large }
        if extent == root.devices { return (board.devices.base + offset) % large }
        return plan.nodes[extent].alignment >= large ? offset % large : nil
    }
}
