import ABI

// The derivation tree: each capability is a child of the one from which it was made. All functions require the lock
// of `Kernel.exclusively`.
//
// `Kernel+Create.swift`, `Kernel+Derive.swift` and the operations that bind objects add nodes. `Kernel+Revoke.swift`
// removes all descendants of a node.

extension Kernel {
    /// The maximal distance of a node from the tree's root, which bounds walks up and down.
    static var maximumTreeDepth: UInt64 { 32 }

    /// Throws unless a node may be made below `parent`. The new node must not be too deep, and no ancestor may be
    /// under revocation, because otherwise a holder could make new descendants as fast as the kernel removes them.
    static func mayGrow(_ parent: Ref<Capability>) throws(Failure) {
        guard CapabilityHeader(bits: parent.pointee.header.relaxedLoad()).depth < maximumTreeDepth else {
            throw .tooDeep
        }
        var link: Ref<Capability>? = parent
        while let node = link {
            if node.pointee.extra & Revocation.inProgress != 0 { throw .badState }
            link = node.pointee.parent
        }
    }

    /// Fills an empty node below `parent`, for which `mayGrow` has succeeded. Other cores see a whole capability or
    /// none.
    @inline(__always)
    static func publish(
        _ value: CapabilityValue, in node: Ref<Capability>, under parent: Ref<Capability>, owner: Bool = false
    ) {
        fill(node, value.object, value.word, CapabilityHeader.make(value, owner: owner), under: parent, extra: 0)
    }

    @inline(__always)
    private static func fill(
        _ node: Ref<Capability>, _ object: PhysicalAddress, _ word: UInt64, _ header: UInt64,
        under parent: Ref<Capability>, extra: UInt64
    ) {
        let depth = (parent.pointee.header.relaxedLoad() & CapabilityHeader.depthMask) &+ CapabilityHeader.depthStep
        let version = (node.pointee.header.relaxedLoad() & CapabilityHeader.versionMask) &+ CapabilityHeader.versionStep
        M.orderStores()  // Orders this after the store that emptied the header.
        node.pointee.object = object
        node.pointee.word = word
        node.pointee.firstChild = nil
        node.pointee.extra = extra
        node.adopt(by: parent)
        node.pointee.header.store(version | header | depth)
    }

    /// Makes a binding, which lies in `holder`, a child of the capability to the bound object. The caller has unbound
    /// any earlier object.
    static func bind(_ node: Ref<Capability>, _ role: NodeRole, in holder: PhysicalAddress, to parent: Ref<Capability>)
    {
        let same = CapabilityHeader.valueMask & parent.pointee.header.relaxedLoad()
        fill(
            node, parent.pointee.object, parent.pointee.word, same | CapabilityHeader.of(role), under: parent,
            extra: holder.value)
    }

    /// Empties a node, which has no children, and takes it out of the tree.
    static func erase(_ node: Ref<Capability>) {
        guard !node.pointee.isEmpty else { return }
        node.pointee.header.store(node.pointee.header.relaxedLoad() & CapabilityHeader.versionMask)
        let next = node.pointee.nextSibling
        if let previous = node.pointee.previousSibling {
            previous.pointee.nextSibling = next
        } else {
            node.pointee.parent?.pointee.firstChild = next
        }
        next?.pointee.previousSibling = node.pointee.previousSibling
        node.pointee.parent = nil
        node.pointee.nextSibling = nil
        node.pointee.previousSibling = nil
        forgetErrands(node)
    }

    /// Returns a descendant without children; nil if there is no descendant. Takes at most `maximumTreeDepth` steps.
    static func childlessNode(below node: Ref<Capability>) -> Ref<Capability>? {
        guard var found = node.pointee.firstChild else { return nil }
        while let child = found.pointee.firstChild { found = child }
        return found
    }
}

extension Ref where Object == Capability {
    /// Sets bits of `extra`. Does not use `|=`, because the thread sanitizer takes that for a change of the node's
    /// header.
    @inline(__always)
    func mark(_ bits: UInt64) { pointee.extra = pointee.extra | bits }

    /// Makes this node a child of `parent`.
    @inline(__always)
    func adopt(by parent: Ref<Capability>) {
        pointee.parent = parent
        pointee.previousSibling = nil
        pointee.nextSibling = parent.pointee.firstChild
        parent.pointee.firstChild?.pointee.previousSibling = self
        parent.pointee.firstChild = self
    }
}

// The bindings of an object lie behind its structure, at multiples of 64 bytes.
extension Ref where Object == ExecutionContext {
    func binding(_ role: NodeRole) -> Ref<Capability> {
        let index = UInt64(role.rawValue &- NodeRole.space.rawValue)
        return Ref<Capability>(at: address + (ExecutionContext.bindings &+ index &* Capability.size))
    }
}

extension Ref where Object == Portal {
    var serverBinding: Ref<Capability> { Ref<Capability>(at: address + Portal.binding) }
}

extension Ref where Object == Notification {
    var sinkBinding: Ref<Capability> { Ref<Capability>(at: address + Notification.bindings) }
    var sinkSourceBinding: Ref<Capability> { Ref<Capability>(at: address + (Notification.bindings &+ Capability.size)) }
}

extension Ref where Object == Interrupt {
    var binding: Ref<Capability> { Ref<Capability>(at: address + Interrupt.binding) }
}

extension Ref where Object == SchedulingContext {
    var overrunBinding: Ref<Capability> { Ref<Capability>(at: address + SchedulingContext.binding) }
}

extension Ref where Object == DoorbellTable {
    func binding(_ place: Int) -> Ref<Capability> {
        Ref<Capability>(at: address + (DoorbellTable.bindings &+ UInt64(place) &* Capability.size))
    }
}
