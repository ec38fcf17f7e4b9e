// The plan of a system as the image holds it: a graph with kernel objects and memory as nodes, and with capabilities,
// mappings and bindings as edges. The host tool computes and checks the plan, and root executes it. Slots belong to
// root's table unless a word says otherwise; the host tool has assigned them.

/// A kernel object or a piece of memory.
public struct PlanNode {
    /// The kind, as `ObjectKind`.
    public var kind: UInt64
    /// The owner, as `PlanOwner`.
    public var owner: UInt64
    /// The slot of root's capability.
    public var slot: UInt64
    /// The region of which root makes the object; 0 means the board's RAM.
    public var region: UInt64
    /// The parameter of `create`; for an interrupt, its INTID.
    public var parameter: UInt64
    /// The alignment of an extent, in bytes.
    public var alignment: UInt64
    /// 1 if root clears the extent when it makes it of RAM that nobody has used before; otherwise 0.
    public var isCleared: UInt64
    /// The scheduling context of a context; 0 for any other node.
    public var time: UInt64
    /// The name of a context within its tenant, in UTF-8 and padded with zeros.
    public var name: InlineArray<8, UInt8>
    /// The stack of a thread. Nothing is mapped below it, down to `guardBase`.
    public var stack: MemoryRange
    public var guardBase: UInt64

    public init(
        kind: UInt64, owner: UInt64, slot: UInt64, region: UInt64, parameter: UInt64, alignment: UInt64,
        isCleared: UInt64, time: UInt64, name: InlineArray<8, UInt8>, stack: MemoryRange, guardBase: UInt64
    ) {
        (self.kind, self.owner, self.slot, self.region) = (kind, owner, slot, region)
        (self.parameter, self.alignment, self.isCleared) = (parameter, alignment, isCleared)
        (self.time, self.name, self.stack, self.guardBase) = (time, name, stack, guardBase)
    }
}

/// The owner of a node or an edge: the system, which never dies, or a tenant.
public enum PlanOwner {
    public static let system: UInt64 = 0
    @inline(__always) public static func tenant(_ index: Int) -> UInt64 { UInt64(index) + 1 }
}

/// A relation between nodes.
public struct PlanEdge {
    /// The kind, as `PlanEdgeKind`.
    public var kind: UInt64
    /// The owner, with whose life the edge begins and ends.
    public var owner: UInt64
    /// The other end, to whose lives the edge is bound as well. It equals `owner` if there is no other end.
    public var peer: UInt64
    /// The words, in the order that `PlanEdgeKind` gives.
    public var words: InlineArray<8, UInt64>

    public init(kind: PlanEdgeKind, owner: UInt64, peer: UInt64, words: InlineArray<8, UInt64>) {
        (self.kind, self.owner, self.peer, self.words) = (kind.rawValue, owner, peer, words)
    }
}

/// The kinds of edges with their words. Root executes all but the last four by one operation of the kernel each.
public enum PlanEdgeKind: UInt64, Sendable {
    /// A capability in a tenant's table: source, table, slot in that table, rights, badge (for an extent: offset),
    /// size (for an extent).
    case capability = 1
    /// A mapping: space, extent, address, offset, size, rights, root's slot for the mapping.
    case map = 2
    /// The parts of a context: context, space, table, portal, scheduling context, core.
    case configure = 3
    /// The time of a scheduling context: scheduling context, core, priority, budget and period, both in nanoseconds.
    case time = 4
    /// The notification that reports a context's stop: context, notification, bits.
    case stopped = 5
    /// The notification that reports the end of a budget: scheduling context, notification, bits.
    case overrun = 6
    /// The thread to which a portal leads: portal, thread.
    case portal = 7
    /// The thread that a notification wakes: notification, thread.
    case thread = 8
    /// The interrupt that a notification raises in a machine: notification, virtual CPU, INTID.
    case virtualInterrupt = 9
    /// The notification that a device's interrupt raises: interrupt, notification, bits.
    case interrupt = 10
    /// A store that raises a notification: space, guest address, notification, bits, `DoorbellMatch`.
    case doorbell = 11
    /// The message page of a thread: thread, extent, offset in it.
    case messagePage = 12
    /// The number of a virtual CPU within its machine: virtual CPU, number.
    case affinity = 13
    /// Two registers: context, first register number, values.
    case registers = 14
    /// A copy of bytes of the image: extent, offset in it, offset in the image, size.
    case contents = 15
    /// The number of the owner's deaths, as a UInt64: extent, offset in it, 1 if root also writes it at each death.
    case lives = 16
    /// Random bytes, 32 of them and new ones each time: extent, offset in it.
    case seed = 17
    /// The physical address of an extent, as a UInt64: that extent, the extent into which root writes it, offset in
    /// it.
    case physicalAddress = 18
    /// The start of a context, after all other edges are in place.
    case start = 19
}

/// The places of the plan's parts in the image: counts, and offsets from the image's first byte in multiples of 8.
public struct PlanHeader {
    /// The `PlanNode`s: first those that live as long as the system, then those of each tenant's life. The first node
    /// is memory of root's own, at `ComponentLayout.heap`, in which root keeps the state of tenants and groups.
    public var nodes: PlanTable
    public var lastingNodes: UInt64
    /// The `PlanEdge`s: first those of the system, beginning with the mapping of that memory, then each tenant's
    /// edges that concern no other tenant, then all others.
    public var edges: PlanTable
    public var systemEdges: UInt64
    public var firstSharedEdge: UInt64
    /// The `TenantRecord`s.
    public var tenants: PlanTable
    /// The `GroupRecord`s.
    public var groups: PlanTable
    /// The `TrapRecord`s.
    public var traps: PlanTable
    /// The size of root's table in slots, and the number of the first slot that the plan does not use.
    public var rootSlots: UInt64
    public var firstUnusedSlot: UInt64
    /// The image's physical address modulo 2 MiB. The host tool chose addresses so that large page-table entries can
    /// map it.
    public var imageResidue: UInt64
    /// The board's action if a part fails whose parent is the board and which cannot be restarted, as `OnFailure`.
    public var onFailure: UInt64

    public init(
        nodes: PlanTable, lastingNodes: UInt64, edges: PlanTable, systemEdges: UInt64, firstSharedEdge: UInt64,
        tenants: PlanTable, groups: PlanTable, traps: PlanTable, rootSlots: UInt64, firstUnusedSlot: UInt64,
        imageResidue: UInt64, onFailure: UInt64
    ) {
        (self.nodes, self.lastingNodes, self.edges) = (nodes, lastingNodes, edges)
        (self.systemEdges, self.firstSharedEdge) = (systemEdges, firstSharedEdge)
        (self.tenants, self.groups, self.traps) = (tenants, groups, traps)
        (self.rootSlots, self.firstUnusedSlot) = (rootSlots, firstUnusedSlot)
        (self.imageResidue, self.onFailure) = (imageResidue, onFailure)
    }
}

public struct PlanTable {
    public var count: UInt64
    public var offset: UInt64
    public init(count: UInt64, offset: UInt64) { (self.count, self.offset) = (count, offset) }
}

/// A tenant as root supervises it. Tenant N has console channel N + 2.
public struct TenantRecord {
    /// The name in UTF-8, padded with zeros.
    public var name: InlineArray<32, UInt8>
    public var supervision: SupervisionRecord
    /// The first of the plan's nodes that belong to the tenant's life. The words behind it bound its nodes and edges.
    public var firstNode: UInt64
    public var nodeCount: UInt64
    public var firstEdge: UInt64
    public var edgeCount: UInt64
    /// The regions of which the objects of the tenant's life are made: one for whole pages, one for all others.
    public var pages: UInt64
    public var objects: UInt64
    /// The first of root's slots that the tenant's life fills.
    public var firstSlot: UInt64
    public var slotCount: UInt64

    public init(
        name: InlineArray<32, UInt8>, supervision: SupervisionRecord, firstNode: UInt64, nodeCount: UInt64,
        firstEdge: UInt64,
        edgeCount: UInt64, pages: UInt64, objects: UInt64, firstSlot: UInt64, slotCount: UInt64
    ) {
        (self.name, self.supervision) = (name, supervision)
        (self.firstNode, self.nodeCount, self.firstEdge, self.edgeCount) = (firstNode, nodeCount, firstEdge, edgeCount)
        (self.pages, self.objects, self.firstSlot, self.slotCount) = (pages, objects, firstSlot, slotCount)
    }
}

/// A reason for which a tenant ends itself. The tenant executes a BRK instruction with the immediate, and root prints
/// the text in its report of the fault.
public struct TrapRecord {
    /// The tenant, as `PlanOwner`.
    public var owner: UInt64
    public var immediate: UInt64
    /// The text in ASCII, padded with zeros.
    public var text: InlineArray<48, UInt8>

    public init(owner: UInt64, immediate: UInt64, text: InlineArray<48, UInt8>) {
        (self.owner, self.immediate, self.text) = (owner, immediate, text)
    }
}

/// The INTIDs that a driver can have.
public enum Interrupts {
    public static let ofDevices: Range<UInt64> = 32..<256
}

/// The bits of root's own notification.
public enum SupervisorSignal {
    /// A tenant's thread has stopped.
    public static let death: UInt64 = 1
    /// Root's console has input.
    public static let input: UInt64 = 2
    /// A restart is due, or the next look at the overruns.
    public static let due: UInt64 = 4
    /// A tenant has used up its budget.
    public static let overrun: UInt64 = 8
}

/// The number of bytes that the kernel takes from a region for each object (docs/abi.md, `create`).
public enum ObjectSize {
    public static let region: UInt64 = 64
    public static let capability: UInt64 = 64
    public static let table: UInt64 = 64
    public static let thread: UInt64 = 2048
    public static let virtualCPU: UInt64 = 4096
    public static let portal: UInt64 = 128
    public static let schedulingContext: UInt64 = 256
    public static let notification: UInt64 = 256
    public static let interrupt: UInt64 = 128
    /// The size of the object and its first page table. Further page tables and a table of doorbells come on top.
    public static let addressSpace: UInt64 = 8192
    public static let doorbellTable: UInt64 = 12288
    public static let page: UInt64 = 4096
}
