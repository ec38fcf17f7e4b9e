import ABI
import Foundation

/// The plan as records, in root's order: lasting things, then each tenant's part, then things that two tenants share.
struct PlanRecords {
    private(set) var data = Data()
    private(set) var header: PlanHeader

    /// Encodes a plan.
    ///
    /// - Parameter offset: the offset of the records in the image; a multiple of 8.
    init(_ plan: Plan, at offset: UInt64, imageResidue: UInt64, furtherRootSlots: UInt32) {
        var records = PlanSorter(plan)
        records.sort()
        header = PlanHeader(
            nodes: PlanTable(count: 0, offset: 0), lastingNodes: UInt64(records.lastingNodes),
            edges: PlanTable(count: 0, offset: 0), systemEdges: UInt64(records.systemEdges),
            firstSharedEdge: UInt64(records.firstSharedEdge), tenants: PlanTable(count: 0, offset: 0),
            groups: PlanTable(count: 0, offset: 0), traps: PlanTable(count: 0, offset: 0),
            rootSlots: UInt64(plan.firstUnusedSlot + RootTable.spare + furtherRootSlots),
            firstUnusedSlot: UInt64(plan.firstUnusedSlot), imageResidue: imageResidue,
            onFailure: plan.onFailure.rawValue)
        header.nodes = append(records.nodes.map { PlanNode(plan.nodes[$0], in: plan) }, at: offset)
        header.edges = append(records.edges.map { PlanEdge(plan.edges[$0], in: plan) }, at: offset)
        header.tenants = append(
            plan.tenants.indices.map { index in
                let (nodes, edges) = (records.tenantNodes[index], records.tenantEdges[index])
                return TenantRecord(plan, index, nodes: nodes, edges: edges)
            }, at: offset)
        header.groups = append(
            plan.groups.map { group in
                GroupRecord(
                    name: InlineArray(text: group.name),
                    supervision: SupervisionRecord(
                        group.restart, parent: plan.groups.firstIndex { $0.members.contains(group.name) }))
            }, at: offset)
        header.traps = append(
            plan.tenants.enumerated().flatMap { index, tenant in
                tenant.traps.map { trap in
                    TrapRecord(
                        owner: PlanOwner.tenant(index), immediate: trap.immediate, text: InlineArray(text: trap.text))
                }
            }, at: offset)
    }

    private mutating func append<Record>(_ records: [Record], at offset: UInt64) -> PlanTable {
        let table = PlanTable(count: UInt64(records.count), offset: offset + UInt64(data.count))
        for record in records { data.append(record: record) }
        return table
    }
}

/// The order of the records.
private struct PlanSorter {
    private let plan: Plan
    private(set) var nodes: [Int] = []
    private(set) var edges: [Int] = []
    private(set) var lastingNodes = 0
    private(set) var systemEdges = 0
    private(set) var firstSharedEdge = 0
    private(set) var tenantNodes: [Range<Int>] = []
    private(set) var tenantEdges: [Range<Int>] = []

    init(_ plan: Plan) { self.plan = plan }

    mutating func sort() {
        nodes = plan.nodes.indices.filter { plan.nodes[$0].lasts && !plan.nodes[$0].isGiven }
        lastingNodes = nodes.count
        edges = plan.edges.indices.filter { plan.edges[$0].peer == nil && plan.edges[$0].owner == .system }
        systemEdges = edges.count
        for tenant in plan.tenants.indices {
            let (firstNode, firstEdge) = (nodes.count, edges.count)
            nodes += plan.nodes.indices.filter { !plan.nodes[$0].lasts && plan.nodes[$0].owner == .tenant(tenant) }
            edges += plan.edges.indices.filter { plan.edges[$0].peer == nil && plan.edges[$0].owner == .tenant(tenant) }
            tenantNodes.append(firstNode..<nodes.count)
            tenantEdges.append(firstEdge..<edges.count)
        }
        firstSharedEdge = edges.count
        edges += plan.edges.indices.filter { plan.edges[$0].peer != nil }
    }
}

extension Plan.Owner {
    fileprivate var record: UInt64 {
        switch self {
        case .system: PlanOwner.system
        case .tenant(let index): PlanOwner.tenant(index)
        }
    }
}

extension Plan.Node {
    /// The name of a context within its tenant; empty for any other node.
    var contextName: String { time == nil ? "" : String(name.drop { $0 != "/" }.dropFirst()) }
}

extension PlanNode {
    fileprivate init(_ node: Plan.Node, in plan: Plan) {
        func slot(_ node: Plan.NodeID?) -> UInt64 { node.map { UInt64(plan.nodes[$0].slot) } ?? 0 }
        self.init(
            kind: UInt64(node.kind.rawValue), owner: node.owner.record, slot: UInt64(node.slot),
            region: slot(node.region),
            parameter: node.parameter, alignment: node.alignment,
            isCleared: node.kind == .extent && node.isCleared ? 1 : 0, time: slot(node.time),
            name: InlineArray(text: node.contextName), stack: node.stack, guardBase: node.guardBase)
    }
}

extension PlanEdge {
    fileprivate init(_ edge: Plan.Edge, in plan: Plan) {
        let (kind, words) = edge.action.record(plan)
        self.init(
            kind: kind, owner: edge.owner.record, peer: (edge.peer ?? edge.owner).record,
            words: InlineArray(words: words))
    }
}

extension Plan.Action {
    /// Returns the edge as a record of `PlanEdgeKind`.
    fileprivate func record(_ plan: Plan) -> (PlanEdgeKind, [UInt64]) {
        func slot(_ node: Plan.NodeID) -> UInt64 { UInt64(plan.nodes[node].slot) }
        switch self {
        case .capability(let source, let table, let number, let rights, let badge, let size):
            return (
                .capability,
                [slot(source), slot(table), UInt64(number), UInt64(rights.rawValue), badge, size]
            )
        case .map(let extent, let space, let address, let offset, let size, let rights, let mapping):
            return (
                .map,
                [slot(space), slot(extent), address, offset, size, UInt64(rights.rawValue), UInt64(mapping)]
            )
        case .configure(let context, let space, let table, let portal, let time, let core):
            return (
                .configure,
                [slot(context), slot(space), table.map(slot) ?? 0, UInt64(portal), slot(time), UInt64(core)]
            )
        case .time(let time, let core, let priority, let allowance):
            return (.time, [slot(time), UInt64(core), UInt64(priority), allowance.budget, allowance.period])
        case .stopped(let context, let notification, let bits):
            return (.stopped, [slot(context), slot(notification), bits])
        case .overrun(let time, let notification, let bits): return (.overrun, [slot(time), slot(notification), bits])
        case .portal(let portal, let thread): return (.portal, [slot(portal), slot(thread)])
        case .thread(let notification, let thread): return (.thread, [slot(notification), slot(thread)])
        case .virtualInterrupt(let notification, let virtualCPU, let number):
            return (.virtualInterrupt, [slot(notification), slot(virtualCPU), number])
        case .interrupt(let interrupt, let notification, let bits):
            return (.interrupt, [slot(interrupt), slot(notification), bits])
        case .doorbell(let space, let address, let notification, let bits, let match):
            return (.doorbell, [slot(space), address, slot(notification), bits, match.bits])
        case .messagePage(let thread, let extent, let offset):
            return (.messagePage, [slot(thread), slot(extent), offset])
        case .affinity(let virtualCPU, let number): return (.affinity, [slot(virtualCPU), number])
        case .registers(let context, let first, let one, let two):
            return (.registers, [slot(context), first, one, two])
        case .contents(let extent, let offset, let image, let size):
            return (.contents, [slot(extent), offset, image, size])
        case .lives(let extent, let offset, let atDeath): return (.lives, [slot(extent), offset, atDeath ? 1 : 0])
        case .seed(let extent, let offset): return (.seed, [slot(extent), offset])
        case .physicalAddress(let extent, let target, let offset):
            return (.physicalAddress, [slot(extent), slot(target), offset])
        case .start(let context): return (.start, [slot(context)])
        }
    }
}

extension TenantRecord {
    fileprivate init(_ plan: Plan, _ index: Int, nodes: Range<Int>, edges: Range<Int>) {
        let tenant = plan.tenants[index]
        self.init(
            name: InlineArray(text: tenant.name), supervision: SupervisionRecord(tenant.restart, parent: tenant.parent),
            firstNode: UInt64(nodes.lowerBound), nodeCount: UInt64(nodes.count), firstEdge: UInt64(edges.lowerBound),
            edgeCount: UInt64(edges.count), pages: UInt64(plan.nodes[tenant.parts.pages].slot),
            objects: UInt64(plan.nodes[tenant.parts.objects].slot), firstSlot: UInt64(tenant.slots.lowerBound),
            slotCount: UInt64(tenant.slots.count))
    }
}

extension SupervisionRecord {
    init(_ restart: RestartDescription, parent: Int?) {
        self.init(
            limit: UInt64(restart.limit), span: restart.span.milliseconds, backoff: restart.backoff.milliseconds,
            backoffLimit: restart.backoffLimit.milliseconds, onLimit: restart.onLimit.rawValue,
            parent: parent.map { UInt64($0) + 1 } ?? 0)
    }
}
