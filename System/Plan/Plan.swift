import ABI
import Foundation

/// The whole system as a graph: kernel objects and memory, and who has what of them. `PlanBuilder` makes it of tenants;
/// `PlanRecords` writes it into the image; root executes it.
public struct Plan: Sendable {
    public internal(set) var nodes: [Node] = []
    /// In the order in which they are executed.
    public internal(set) var edges: [Edge] = []
    /// In start order.
    public internal(set) var tenants: [TenantPlan] = []
    /// The index of a group for each group that is a member of another.
    public internal(set) var groups: [GroupDescription] = []
    public internal(set) var onFailure = OnFailure.goOn
    /// Slots of root's table that the plan uses end here.
    public internal(set) var firstUnusedSlot: UInt32 = 0

    /// Whose something is: the system's, which never dies, or that of a tenant by its index.
    public enum Owner: Hashable, Sendable {
        case system
        case tenant(Int)
    }

    /// The index of a node.
    public typealias NodeID = Int

    /// A kernel object, or a piece of memory.
    public struct Node: Sendable {
        /// `OWNER/WHAT`, unique.
        public var name: String
        public var kind: ObjectKind
        public var owner: Owner
        /// It outlives its owner, and its owner's next life finds it again.
        public var lasts: Bool
        /// The kernel makes it before root runs; root finds it in this slot.
        public var isGiven = false
        /// As `create` takes it: bytes of an extent or a region, slots of a table, page tables of a space; the INTID of
        /// an interrupt.
        public var parameter: UInt64 = 0
        /// Of an extent: a power of two.
        public var alignment: UInt64 = 4096
        /// Of an extent: whether root clears it when it is made of RAM that nobody has used.
        public var isCleared = true
        /// Of which it is made; nil: of the board's RAM.
        public var region: NodeID?
        /// Of a context.
        public var time: NodeID?
        /// Of a thread: its stack, and below it nothing down to `guardBase`.
        public var stack = MemoryRange(base: 0, size: 0)
        public var guardBase: UInt64 = 0
        /// Root's slot.
        public var slot: UInt32 = 0
    }

    /// The features of a manifest that cause edges.
    public enum Feature: String, Sendable, CaseIterable {
        case program, budget, supervision, console, call, ring, sharedMemory = "shared-memory", paging, machine, event
        case device, dma
    }

    /// Something between nodes. Its life begins and ends with its owner's, and with its peer's if it has one.
    public struct Edge: Sendable {
        public var owner: Owner
        public var peer: Owner?
        public var feature: Feature
        public var action: Action
    }

    /// The kind of an edge, as `PlanEdgeKind`. Slots are those of the table that is named beside them.
    public enum Action: Sendable {
        /// A capability. Of an extent `badge` and `size` are offset and size of the part.
        case capability(NodeID, table: NodeID, slot: UInt32, Rights, badge: UInt64 = 0, size: UInt64 = 0)
        case map(NodeID, space: NodeID, address: UInt64, offset: UInt64, size: UInt64, Rights, slot: UInt32 = 0)
        /// `portal`: a slot of root's table with the capability for faults or exits; 0: none.
        case configure(NodeID, space: NodeID, table: NodeID?, portal: UInt32, time: NodeID, core: Int)
        case time(NodeID, core: Int, priority: Int, TimeAllowance)
        case stopped(NodeID, NodeID, bits: UInt64)
        case overrun(NodeID, NodeID, bits: UInt64)
        case portal(NodeID, thread: NodeID)
        case thread(NodeID, thread: NodeID)
        case virtualInterrupt(NodeID, virtualCPU: NodeID, UInt64)
        case interrupt(NodeID, NodeID, bits: UInt64)
        case doorbell(space: NodeID, address: UInt64, NodeID, bits: UInt64)
        case messagePage(thread: NodeID, NodeID, offset: UInt64)
        case affinity(NodeID, UInt64)
        case registers(NodeID, first: UInt64, UInt64, UInt64)
        case contents(NodeID, offset: UInt64, image: UInt64, size: UInt64)
        case lives(NodeID, offset: UInt64, atDeath: Bool)
        case seed(NodeID, offset: UInt64)
        case physicalAddress(NodeID, in: NodeID, offset: UInt64)
        case start(NodeID)
    }

    public func name(of owner: Owner) -> String {
        switch owner {
        case .system: "root"
        case .tenant(let index): tenants[index].name
        }
    }
}

/// A tenant of a plan.
public struct TenantPlan: Sendable {
    public var name: String
    public var kind: TenantKind
    public var priority: Int
    public var core: Int
    /// The cores on which it has a thread, the first thread's first.
    public var cores: [Int]
    public var allowance: TimeAllowance
    public var restart: RestartDescription
    /// A machine that dies when its guest stands still.
    public var hasWatchdog = false
    /// The index of its group.
    public var parent: Int?
    /// The things that it finds by name, in the order of its configuration.
    public internal(set) var resources: [NamedResource] = []
    public internal(set) var parts = Parts()
    /// Root's slots that its life fills.
    public internal(set) var slots: Range<UInt32> = 0..<0

    /// The nodes that each tenant has, or each machine.
    public struct Parts: Sendable {
        public var pages = 0
        public var objects = 0
        public var table = 0
        public var space = 0
        public var notification = 0
        public var portal = 0
        public var console = 0
        /// Its private memory, in one extent.
        public var memory = 0
        public var threads: [Plan.NodeID] = []
        public var machineSpace: Plan.NodeID?
        public var machineMemory: Plan.NodeID?
        public var virtualCPUs: [Plan.NodeID] = []
    }
}

/// A `Resource` before it is written.
public struct NamedResource: Sendable, Equatable {
    public var name: String
    public var kind: ResourceKind
    public var slot: UInt32 = 0
    public var address: UInt64 = 0
    public var size: UInt64 = 0
    public var number: UInt64 = 0
    public var detail: UInt64 = 0
}

public enum TenantKind: String, Sendable {
    case component
    /// The driver of the board's serial port; exactly one, the first tenant.
    case consoleDriver = "console driver"
    /// A monitor with its machine.
    case machine
}
