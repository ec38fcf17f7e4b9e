import ABI

// Memory that two tenants share, each a machine or a component (`shared-memory`). Each life of either end gets a
// mapping of its own, and no capability to the memory, so that neither end can take it from the other. Each end can
// ring the other.
extension PlanBuilder {
    mutating func addSharedMemory() throws(Failure) {
        for (number, region) in sharedMemory.enumerated() {
            let ends = region.ends.compactMap { name in
                tenants.firstIndex { $0.name == name && $0.kind != .consoleDriver }
            }
            guard ends.count == 2, ends[0] != ends[1], SharedMemoryDescription.sizes.contains(region.size),
                region.size.isMultiple(ofSize: 4096), number < SharedMemoryDescription.maximum
            else {
                throw Failure(
                    "the shared memory '\(region.name)' has no two ends, or a size that is not possible",
                    remedy: "name two machines or components, and 4KiB to 16MiB")
            }
            add(region, number, ends[0], ends[1])
        }
    }

    private mutating func add(_ region: SharedMemoryDescription, _ number: Int, _ first: Int, _ second: Int) {
        // This alignment lets large page-table entries map a large region.
        let extent = add(
            Plan.Node(
                name: "root/shared-\(region.name)", kind: .extent, owner: .system, lasts: true, parameter: region.size,
                alignment: region.size >= 1 << 21 ? 1 << 21 : 4096))
        let lines = [first, second].map { addLine(of: region, number, to: $0) }
        for (end, peer, line) in [(first, second, lines[1]), (second, first, lines[0])] {
            let address = addMapping(of: region, number, extent, into: end)
            let slot = addBell(number, from: end, to: peer, line)
            if tenants[end].machine != nil { continue }
            add(
                NamedResource(
                    name: region.name, kind: .sharedMemory, slot: slot, address: address, size: region.size,
                    number: event(number)), of: end)
        }
    }

    private func event(_ number: Int) -> UInt64 { 1 << (SharedRegions.firstEvent + UInt64(number)) }

    private mutating func addMapping(
        of region: SharedMemoryDescription, _ number: Int, _ extent: Plan.NodeID, into end: Int
    ) -> UInt64 {
        let parts = plan.tenants[end].parts
        let address =
            parts.machineSpace == nil
            ? address(of: end, size: region.size, residue: region.size >= 1 << 21 ? 0 : nil)
            : SharedRegions.machineAddress(number)
        add(
            .map(
                extent, space: parts.machineSpace ?? parts.space, address: address, offset: 0, size: region.size,
                .readWrite),
            .sharedMemory, of: end)
        return address
    }

    /// Adds the line that tells a machine of the region: a notification that outlives the machine, bound to one of
    /// its interrupts.
    private mutating func addLine(of region: SharedMemoryDescription, _ number: Int, to end: Int) -> Plan.NodeID? {
        guard let first = plan.tenants[end].parts.virtualCPUs.first else { return nil }
        let line = add(.notification, "line-\(region.name)", of: end, lasts: true)
        add(.virtualInterrupt(line, virtualCPU: first, SharedRegions.interrupt(number)), .sharedMemory, of: end)
        return line
    }

    /// Lets one end ring the other. Returns the slot of a component's capability, or 0 for a machine, which stores to
    /// a doorbell.
    private mutating func addBell(_ number: Int, from end: Int, to peer: Int, _ line: Plan.NodeID?) -> UInt32 {
        let target = line ?? plan.tenants[peer].parts.notification
        let bits = line == nil ? event(number) : 1
        if let space = plan.tenants[end].parts.machineSpace {
            usage[end].doorbells |= 1 << UInt64(number)
            add(
                .doorbell(space: space, address: SharedRegions.doorbell(number), target, bits: bits), .sharedMemory,
                of: end, with: line == nil ? peer : nil)
            return 0
        }
        let slot = slot(of: end)
        // The kernel raises the badge, for any bits that the component names.
        add(
            .capability(target, table: plan.tenants[end].parts.table, slot: slot, .write, badge: bits), .sharedMemory,
            of: end, with: line == nil ? peer : nil)
        return slot
    }
}
