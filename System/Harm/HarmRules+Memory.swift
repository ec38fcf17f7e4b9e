import ABI

// Links through memory that two tenants have, and through devices that reach all memory.
extension HarmRules {
    /// A piece of an extent that a tenant has mapped, or may map.
    private struct Share {
        var tenant: Int
        var range: Range<UInt64>
        var rights: Rights
        var edge: Int
    }

    mutating func addSharedMemory() {
        var shares: [Plan.NodeID: [Share]] = [:]
        for (index, edge) in plan.edges.enumerated() {
            switch edge.action {
            case .map(let extent, let space, _, let offset, let size, let rights, _):
                guard let tenant = owner(space) else { continue }
                shares[extent, default: []].append(
                    Share(tenant: tenant, range: offset..<offset + size, rights: rights, edge: index))
            case .capability(let extent, let table, _, let rights, let offset, let size):
                guard plan.nodes[extent].kind == .extent, let tenant = owner(table) else { continue }
                let end = size == 0 ? plan.nodes[extent].parameter : offset + size
                shares[extent, default: []].append(
                    Share(tenant: tenant, range: offset..<max(offset, end), rights: rights, edge: index))
            default: break
            }
        }
        for (extent, shares) in shares.sorted(by: { $0.key < $1.key }) { addPairs(shares, extent) }
    }

    private mutating func addPairs(_ shares: [Share], _ extent: Plan.NodeID) {
        // The manifest's own name for a region that two tenants share.
        let name = plan.nodes[extent].name.replacing("root/shared-", with: "")
        for share in shares where share.rights.contains(.write) {
            for other in shares where other.tenant != share.tenant && other.range.overlaps(share.range) {
                add(.change, of: other.tenant, by: share.tenant, .memory(name), [share.edge, other.edge])
                add(.read, of: share.tenant, by: other.tenant, .memory(name), [share.edge, other.edge])
            }
        }
    }

    /// Gives each driver control of everything, because the plan does not say which devices access memory. It leaves
    /// out the console driver, because the board's PL011 accesses no memory.
    mutating func addDevices() {
        for (index, edge) in plan.edges.enumerated() {
            guard case .map(let extent, let space, _, _, _, let rights, _) = edge.action, let driver = owner(space),
                plan.tenants[driver].kind != .consoleDriver
            else { continue }
            let isRegisters = plan.nodes[extent].isGiven && !plan.isImage(extent) && rights.contains(.write)
            guard isRegisters || edge.feature == .dma else { continue }
            for victim in plan.tenants.indices { addControl(of: victim, by: driver, .device, [index]) }
        }
    }
}
