import ABI

@testable import KernelCore

// The objects of the reference: the kernel's linked, packed memory as plain objects.

class ModelObject {
    let kind: ObjectKind
    let address: UInt64
    var isAlive = true

    init(_ kind: ObjectKind, at address: UInt64) {
        self.kind = kind
        self.address = address
    }
}

final class ModelRegion: ModelObject {
    let start, end: UInt64
    var next: UInt64
    /// The end of the memory that somebody has used before.
    var used: UInt64

    init(at address: UInt64, start: UInt64, end: UInt64, used: UInt64) {
        self.start = start
        self.end = end
        self.used = used
        next = start
        super.init(.region, at: address)
    }
}

final class ModelTable: ModelObject {
    var slots: [ModelNode?]
    init(at address: UInt64, count: Int) {
        slots = Array(repeating: nil, count: count)
        super.init(.capabilityTable, at: address)
    }
}

final class ModelSpace: ModelObject {
    /// The frame and the rights of each page, by page number.
    var pages: [UInt64: (frame: UInt64, rights: UInt8)] = [:]
    init(at address: UInt64) { super.init(.addressSpace, at: address) }
}

final class ModelPortal: ModelObject {
    var server: ModelNode?
    var generation: UInt64 = 0
    init(at address: UInt64) { super.init(.portal, at: address) }
}

final class ModelTime: ModelObject {
    var core = 0
    var overrun: ModelNode?
    var hasBudget = false
    var priority: UInt64 = 0
    var slice = SchedulingContext.defaultSlice
    /// True for the scheduling context of root.
    var isAllTime = false
    /// True if a context ever ran on it, so that its budget may be used up.
    var wasUsed = false
    init(at address: UInt64) { super.init(.schedulingContext, at: address) }
}

final class ModelNotification: ModelObject {
    var bits: UInt64 = 0
    var sink: ModelNode?
    var sinkSource: ModelNode?
    var isPosted = false
    init(at address: UInt64) { super.init(.notification, at: address) }
}

final class ModelThread: ModelObject {
    var state = RunState.stopped
    var isConfigured = false
    /// True if its own time runs it, or the server for which it waits.
    var usesOwnTime = false
    /// True if its last wait returned bits, so that a caller is next.
    var wasNotified = false
    /// True if its core is fixed.
    var isPlaced = false
    var core = 0
    var depth = 0
    var space, table, faultPortal, scheduling, messagePage, stopped: ModelNode?
    var pageOffset: UInt64 = 0
    /// The bits that `stopped` raises.
    var stoppedBits: UInt64 = 0
    var notification: ModelNotification?
    var abortMask: UInt64 = 0
    var caller: ModelThread?
    var server: ModelThread?
    var callers: [ModelThread] = []
    var stopsOnReply = false
    var shape = MessageShape(bits: 0)
    var lease: Lease?
    /// The message that it sent, if it had to queue.
    var badge: UInt64 = 0
    var asksToStart = false
    var asksToStop = false
    var isPosted = false
    /// The values that it must find in `x0` and `x1` when it runs, or nil if they are unknown.
    var expected: (status: UInt64, tag: UInt64?)?

    init(at address: UInt64) { super.init(.thread, at: address) }

    var slots: ModelTable? { table?.object as? ModelTable }
    var time: ModelTime? { scheduling?.object as? ModelTime }
    var page: UInt64 { messagePage.map { $0.base + pageOffset } ?? 0 }
    var isStopped: Bool { state == .stopped && !asksToStart }
    var isAborting: Bool { abortMask != 0 && (notification?.bits ?? 0) & abortMask != 0 }
}

/// A capability or a binding, with its descendants.
final class ModelNode {
    enum Place {
        case slot(ModelTable, Int)
        /// In a thread.
        case part(ModelThread, NodeRole)
        case server(ModelPortal)
        case sink(ModelNotification), sinkSource(ModelNotification)
        case overrun(ModelTime)
    }

    let place: Place
    let kind: ObjectKind
    let rights: UInt8
    /// The object. It is nil for an extent, unless `create` made it.
    let object: ModelObject?
    /// The place of the object, or of an extent's first byte.
    let base: UInt64
    /// The badge, or an extent's size.
    let word: UInt64
    let isOwner: Bool
    let parent: ModelNode?
    let depth: Int
    var children: [ModelNode] = []
    /// The mapped range of a mapping.
    var mapped: (space: ModelSpace, first: UInt64, count: UInt64)?
    var isGone = false

    init(
        _ place: Place, _ kind: ObjectKind, rights: UInt8, object: ModelObject?, base: UInt64, word: UInt64 = 0,
        isOwner: Bool = false, under parent: ModelNode?
    ) {
        self.place = place
        self.kind = kind
        self.rights = rights
        self.object = object
        self.base = base
        self.word = word
        self.isOwner = isOwner
        self.parent = parent
        depth = parent.map { $0.depth + 1 } ?? 0
        parent?.children.append(self)
    }

    func has(_ needed: Rights) -> Bool { rights & needed.rawValue == needed.rawValue }

    /// The descendants, those without descendants first.
    var descendants: [ModelNode] { children.flatMap { $0.descendants + [$0] } }

    /// The kernel's node that should agree with this one.
    var counterpart: Ref<Capability> {
        switch place {
        case .slot(let table, let number):
            Ref(at: PhysicalAddress(table.address + CapabilityTable.headerSize + UInt64(number) * Capability.size))
        case .part(let thread, let role): Ref<ExecutionContext>(at: PhysicalAddress(thread.address)).binding(role)
        case .server(let portal): Ref<Portal>(at: PhysicalAddress(portal.address)).serverBinding
        case .sink(let notification):
            Ref<KernelCore.Notification>(at: PhysicalAddress(notification.address)).sinkBinding
        case .sinkSource(let notification):
            Ref<KernelCore.Notification>(at: PhysicalAddress(notification.address)).sinkSourceBinding
        case .overrun(let time): Ref<SchedulingContext>(at: PhysicalAddress(time.address)).overrunBinding
        }
    }
}
