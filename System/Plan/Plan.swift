import ABI
import Foundation

/// The whole system as a graph, with kernel objects and memory as nodes, and capabilities, mappings and bindings as
/// edges. `PlanBuilder` makes it from tenants, `PlanRecords` writes it into the image, and root executes it.
public struct Plan: Sendable {
    public internal(set) var nodes: [Node] = []
    /// The edges, in the order in which root executes them.
    public internal(set) var edges: [Edge] = []
    /// The tenants, in the order of their start.
    public internal(set) var tenants: [TenantPlan] = []
    /// The groups. `parent` is the index of the group of which a group is a member.
    public internal(set) var groups: [GroupDescription] = []
    public internal(set) var onFailure = OnFailure.goOn
    /// The first slot of root's table that the plan does not use.
    public internal(set) var firstUnusedSlot: UInt32 = 0

    /// The owner of a node or an edge: the system, which never dies, or a tenant by its index.
    public enum Owner: Hashable, Sendable {
        case system
        case tenant(Int)
    }

    /// The index of a node.
    public typealias NodeID = Int

    /// A kernel object, or a piece of memory.
    public struct Node: Sendable {
        /// The name, `OWNER/WHAT`, which is unique.
        public var name: String
        public var kind: ObjectKind
        public var owner: Owner
        /// True if the node outlives its owner, so that the owner's next life finds it again.
        public var lasts: Bool
        /// True if the kernel makes the node before root runs. Root finds it in `slot`.
        public var isGiven = false
        /// The parameter of `create`: bytes of an extent or a region, slots of a table; for a space page tables
        /// and `KernelLimits.doorbellTable`. For an interrupt it is the INTID.
        public var parameter: UInt64 = 0
        /// The alignment of an extent; a power of two.
        public var alignment: UInt64 = 4096
        /// True if root clears the extent when it makes it of RAM that nobody has used before.
        public var isCleared = true
        /// The region of which the object is made, or nil for the board's RAM.
        public var region: NodeID?
        /// The scheduling context of a context.
        public var time: NodeID?
        /// The stack of a thread. Nothing is mapped below it, down to `guardBase`.
        public var stack = MemoryRange(base: 0, size: 0)
        public var guardBase: UInt64 = 0
        /// The slot of root's capability.
        public var slot: UInt32 = 0
    }

    /// A feature of the manifest that causes edges.
    public enum Feature: String, Sendable, CaseIterable {
        case program, budget, supervision, console, call, ring, sharedMemory = "shared-memory", paging, machine, event
        case device, dma
        /// Connections for requests of blocks, and the memory beside them.
        case disk
        /// The virtio devices of machines.
        case virtio
    }

    /// A relation between nodes. Its life begins and ends with its owner's, and with its peer's if it has one.
    public struct Edge: Sendable {
        public var owner: Owner
        public var peer: Owner?
        public var feature: Feature
        public var action: Action
    }

    /// An action, as `PlanEdgeKind`. A slot belongs to the table that is named beside it.
    public enum Action: Sendable {
        /// A capability. For an extent, `badge` and `size` are the offset and the size of a part.
        case capability(NodeID, table: NodeID, slot: UInt32, Rights, badge: UInt64 = 0, size: UInt64 = 0)
        case map(NodeID, space: NodeID, address: UInt64, offset: UInt64, size: UInt64, Rights, slot: UInt32 = 0)
        /// The parts of a context. `portal` is a slot of root's table with the capability for faults or exits, or 0
        /// for none.
        case configure(NodeID, space: NodeID, table: NodeID?, portal: UInt32, time: NodeID, core: Int)
        case time(NodeID, core: Int, priority: Int, TimeAllowance)
        case stopped(NodeID, NodeID, bits: UInt64)
        case overrun(NodeID, NodeID, bits: UInt64)
        case portal(NodeID, thread: NodeID)
        case thread(NodeID, thread: NodeID)
        case virtualInterrupt(NodeID, virtualCPU: NodeID, UInt64)
        case interrupt(NodeID, NodeID, bits: UInt64)
        case doorbell(space: NodeID, address: UInt64, NodeID, bits: UInt64, DoorbellMatch = .every)
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
    /// The cores on which it has a thread. The first thread's core comes first.
    public var cores: [Int]
    public var allowance: TimeAllowance
    public var restart: RestartDescription
    /// True for a machine that dies if its guest stands still.
    public var hasWatchdog = false
    /// The index of its group, or nil if it has none.
    public var parent: Int?
    /// The reasons for which it ends itself by a trap.
    public internal(set) var traps: [TrapReason] = []
    /// The things that it finds by name, in the order of its configuration.
    public internal(set) var resources: [NamedResource] = []
    public internal(set) var parts = Parts()
    /// The slots of root that its life fills.
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
        /// The private memory, in one extent.
        public var memory = 0
        public var threads: [Plan.NodeID] = []
        public var machineSpace: Plan.NodeID?
        public var machineMemory: Plan.NodeID?
        public var virtualCPUs: [Plan.NodeID] = []
    }
}

/// A `TrapRecord` before it becomes part of the image.
public struct TrapReason: Sendable, Equatable {
    /// The immediate of the BRK instruction.
    public var immediate: UInt64
    /// The text that root prints.
    public var text: String

    /// The immediate by which compiled Swift code traps.
    static let ofSwift: UInt64 = 1
    /// The bytes of a text that a `TrapRecord` can hold.
    static let maximumLength = 48
}

/// A `Resource` before `PlanBuilder` writes it.
public struct NamedResource: Sendable, Equatable {
    public var name: String
    public var kind: ResourceKind
    public var slot: UInt32 = 0
    public var address: UInt64 = 0
    public var size: UInt64 = 0
    public var number: UInt64 = 0
    public var detail: UInt64 = 0
}
