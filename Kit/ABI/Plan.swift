// The plan of a system, as the image holds it: a graph whose nodes are kernel objects and memory, and whose edges say
// who has what and what is bound to what. The host tool computes and checks it; root executes it. Slots are those of
// root's table unless a word says otherwise; the host tool has assigned them.

/// A kernel object, a piece of memory included.
public struct PlanNode {
    /// `ObjectKind`.
    public var kind: UInt64
    /// `PlanOwner`.
    public var owner: UInt64
    /// Root's capability.
    public var slot: UInt64
    /// The region of which it is made; 0: the board's RAM.
    public var region: UInt64
    /// As `create` takes it; of an interrupt its INTID.
    public var parameter: UInt64
    /// Of an extent.
    public var alignment: UInt64
    /// 1: root clears an extent that is made of RAM which nobody has used before.
    public var isCleared: UInt64
    /// Of a context: its scheduling context.
    public var time: UInt64
    /// Of a thread: its stack, and below it nothing down to `guardBase`.
    public var stack: MemoryRange
    public var guardBase: UInt64

    public init(
        kind: UInt64, owner: UInt64, slot: UInt64, region: UInt64, parameter: UInt64, alignment: UInt64,
        isCleared: UInt64,
        time: UInt64, stack: MemoryRange, guardBase: UInt64
    ) {
        (self.kind, self.owner, self.slot, self.region) = (kind, owner, slot, region)
        (self.parameter, self.alignment, self.isCleared) = (parameter, alignment, isCleared)
        (self.time, self.stack, self.guardBase) = (time, stack, guardBase)
    }
}

/// Whose something is: the system's, which never dies, or a tenant's.
public enum PlanOwner {
    public static let system: UInt64 = 0
    @inline(__always) public static func tenant(_ index: Int) -> UInt64 { UInt64(index) + 1 }
}

/// Something between nodes.
public struct PlanEdge {
    /// `PlanEdgeKind`.
    public var kind: UInt64
    /// Its life begins and ends with this one's.
    public var owner: UInt64
    /// The other end, whose lives it is bound to as well; the same as `owner` if there is none.
    public var peer: UInt64
    /// `PlanEdgeKind` says what they are.
    public var words: InlineArray<8, UInt64>

    public init(kind: PlanEdgeKind, owner: UInt64, peer: UInt64, words: InlineArray<8, UInt64>) {
        (self.kind, self.owner, self.peer, self.words) = (kind.rawValue, owner, peer, words)
    }
}

/// The kinds of edges with their words. All but the last four are one operation of the kernel.
public enum PlanEdgeKind: UInt64, Sendable {
    /// A capability to an object in somebody's table: source, table, slot in that table, rights, badge (of an extent:
    /// offset), size (of an extent).
    case capability = 1
    /// Space, extent, address, offset, size, rights, root's slot of the mapping.
    case map = 2
    /// The parts of a context: context, space, table, portal, scheduling context, core.
    case configure = 3
    /// Scheduling context, core, priority, budget, period; both in nanoseconds.
    case time = 4
    /// The hearer of a context's stop: context, notification, bits.
    case stopped = 5
    /// The hearer of a budget's end: scheduling context, notification, bits.
    case overrun = 6
    /// The thread to which a portal leads: portal, thread.
    case portal = 7
    /// The thread that hears of a notification: notification, thread.
    case thread = 8
    /// The interrupt that a notification raises in a machine: notification, virtual CPU, INTID.
    case virtualInterrupt = 9
    /// The hearer of a device's interrupt: interrupt, notification, bits.
    case interrupt = 10
    /// A store that raises a notification: space, guest address, notification, bits.
    case doorbell = 11
    /// Thread, extent, offset in it.
    case messagePage = 12
    /// Virtual CPU, number within its machine.
    case affinity = 13
    /// Two registers: context, first register number, values.
    case registers = 14
    /// Bytes of the image: extent, offset in it, offset in the image, size.
    case contents = 15
    /// How often the owner has died, as a UInt64: extent, offset in it, 1 if it is also written at each death.
    case lives = 16
    /// 32 random bytes, others each time: extent, offset in it.
    case seed = 17
    /// The physical address of an extent, as a UInt64: that extent, the extent in which it is written, offset in it.
    case physicalAddress = 18
    /// Starts a context, when all other edges are there.
    case start = 19
}

/// The places of the plan's parts in the image: counts, and offsets from the image's first byte, multiples of 8.
public struct PlanHeader {
    /// `PlanNode`s: first those that live as long as the system, then those of each tenant's life. The very first is
    /// memory of root's own, at `ComponentLayout.heap`, for the state of tenants and groups.
    public var nodes: PlanTable
    public var lastingNodes: UInt64
    /// `PlanEdge`s: first those of the system, beginning with the mapping of that memory, then those of each tenant
    /// that touch nobody else, then all others.
    public var edges: PlanTable
    public var systemEdges: UInt64
    public var firstSharedEdge: UInt64
    /// `TenantRecord`s.
    public var tenants: PlanTable
    /// `GroupRecord`s.
    public var groups: PlanTable
    /// Slots of root's table, those from 0 on included; the first that the plan does not use.
    public var rootSlots: UInt64
    public var firstUnusedSlot: UInt64
    /// The image's physical address modulo 2 MiB, for which addresses were chosen so that large entries serve.
    public var imageResidue: UInt64
    /// `OnFailure`: what the board does when what is at the top of the supervision tree can be restarted no more.
    public var onFailure: UInt64

    public init(
        nodes: PlanTable, lastingNodes: UInt64, edges: PlanTable, systemEdges: UInt64, firstSharedEdge: UInt64,
        tenants: PlanTable, groups: PlanTable, rootSlots: UInt64, firstUnusedSlot: UInt64, imageResidue: UInt64,
        onFailure: UInt64
    ) {
        (self.nodes, self.lastingNodes, self.edges) = (nodes, lastingNodes, edges)
        (self.systemEdges, self.firstSharedEdge) = (systemEdges, firstSharedEdge)
        (self.tenants, self.groups) = (tenants, groups)
        (self.rootSlots, self.firstUnusedSlot) = (rootSlots, firstUnusedSlot)
        (self.imageResidue, self.onFailure) = (imageResidue, onFailure)
    }
}

public struct PlanTable {
    public var count: UInt64
    public var offset: UInt64
    public init(count: UInt64, offset: UInt64) { (self.count, self.offset) = (count, offset) }
}

/// A tenant, as root supervises it. Tenant N has console channel N + 2.
public struct TenantRecord {
    /// UTF-8, padded with zeros.
    public var name: InlineArray<32, UInt8>
    public var supervision: SupervisionRecord
    /// Of the plan's nodes and edges: those of its life.
    public var firstNode: UInt64
    public var nodeCount: UInt64
    public var firstEdge: UInt64
    public var edgeCount: UInt64
    /// The regions of which its life is made: whole pages, and all else.
    public var pages: UInt64
    public var objects: UInt64
    /// Root's slots that its life fills.
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

/// The numbers (INTIDs) of interrupts that a driver can have.
public enum Interrupts {
    public static let ofDevices: Range<UInt64> = 32..<256
}

/// The bits of root's own notification.
public enum SupervisorEvent {
    /// Some tenant's thread has stopped.
    public static let death: UInt64 = 1
    /// Root's console has input.
    public static let input: UInt64 = 2
    /// A restart is due, or a look at the overruns.
    public static let due: UInt64 = 4
    /// Some tenant has used up its budget.
    public static let overrun: UInt64 = 8
}

/// Bytes that the kernel takes from a region for each object (docs/abi.md, `create`).
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
    /// Beside its tables: the object, and its first table.
    public static let addressSpace: UInt64 = 8192
    public static let page: UInt64 = 4096
}
