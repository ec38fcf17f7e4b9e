import ABI

// Revocation: the kernel removes all descendants of a node of the derivation tree, in pieces, regardless of their
// holders.
//
// Nodes without children go first, so that no node is ever without its ancestors. `Kernel+Remove.swift` removes the
// state that depends on a node. A node that only another core may touch becomes an errand for that core. At the end
// the revoker waits for a grace period (`GracePeriods.swift`), after which no core uses an object that it had looked
// up before.

/// The bits of `Capability.extra` of a slot.
enum Revocation {
    /// Forbids new nodes below this node.
    static let inProgress: UInt64 = 1
    /// Set once a descendant was removed; other cores may still be using its object.
    static let hasRemoved: UInt64 = 2
    /// Set while the capability itself is being deleted. An empty slot with this bit was deleted by another core.
    static let deleting: UInt64 = 8
    /// The lowest bit of the number of the grace period that must have ended. The number is 0 before one was
    /// requested.
    static let graceShift: UInt64 = 8
}

/// The progress of the removal of a node.
enum Progress {
    case done
    /// There is work left on this core.
    case more
    /// The removal can continue only on this core.
    case elsewhere(CoreID)
}

extension Kernel {
    /// The number of plain nodes that one entry removes, or of pairs of objects. With `maximumTreeDepth` it bounds
    /// the entry's work.
    static var revokeBatch: Int { 8 }

    /// Performs `revoke`; see `RevokeForm`. Answers `again` until nothing is left.
    static func revoke(_ core: Ref<Core>, _ caller: Ref<ExecutionContext>, _ selector: Selector) throws(Failure) {
        guard let form = RevokeForm(rawValue: selector.form) else { throw .unsupported }
        guard let slot = caller.pointee.table?.pointee.slot(selector.slot) else { throw .badCapability }
        if slot.pointee.isEmpty {
            // Another core may have deleted the capability meanwhile, or a table that was deleted with it must still
            // be emptied.
            guard form == .delete, slot.pointee.extra & Revocation.deleting != 0 || M.board.pointee.dyingTables != nil
            else {
                throw .badCapability
            }
        }
        if isRegionInUse(slot) {
            // The region's objects may have been deleted one by one, without waiting for the cores that still used
            // them.
            slot.mark(Revocation.inProgress | Revocation.hasRemoved)
        }
        var steps = revokeBatch
        guard try removeDescendants(core, caller, slot, &steps) else { return }
        if slot.pointee.extra & Revocation.hasRemoved != 0, !hasGracePassed(core, slot) { throw .again }
        emptyRegion(slot)
        // Another core may still have the errand to delete the capability, from a revoker that has not come back.
        if slot.pointee.extra & Revocation.deleting != 0 { forgetErrands(slot) }
        slot.pointee.extra = 0
        guard form == .delete, !slot.pointee.isEmpty else { return }
        slot.pointee.extra = Revocation.inProgress | Revocation.deleting
        try removeOne(core, slot, &steps)
        // A revoker that gets the answer `again` finds an empty slot next time. The bit makes that call succeed at
        // the end.
        if caller.pointee.isConfigured, M.board.pointee.dyingTables != nil {
            slot.pointee.extra = Revocation.deleting
            throw .again
        }
        slot.pointee.extra = 0
    }

    /// Removes the descendants of `slot`, and empties tables that were deleted with them. Returns false if the caller
    /// itself was removed.
    private static func removeDescendants(
        _ core: Ref<Core>, _ caller: Ref<ExecutionContext>, _ slot: Ref<Capability>, _ steps: inout Int
    ) throws(Failure) -> Bool {
        while let leaf = try dyingLeaf() ?? leaf(below: slot) {
            slot.mark(Revocation.inProgress | Revocation.hasRemoved)
            guard steps > 0 else { throw .again }
            steps -= 1
            try removeOne(core, leaf, &steps)
            guard caller.pointee.isConfigured, caller.pointee.table != nil else { return false }
        }
        return true
    }

    private static func removeOne(
        _ core: Ref<Core>, _ node: Ref<Capability>, _ steps: inout Int
    ) throws(Failure) {
        switch remove(core, node, &steps) {
        case .done: return
        case .more: throw .again
        case .elsewhere(let other):
            postErrand(core, node, to: other)
            throw .again
        }
    }

    /// Returns the next node to be removed from tables that no tenant has any more; nil if there is none.
    private static func dyingLeaf() throws(Failure) -> Ref<Capability>? {
        var looks = dyingBatch
        while let table = M.board.pointee.dyingTables {
            while table.pointee.emptied < table.pointee.count {
                let slot = Ref<Capability>(at: table.pointee.slots + table.pointee.emptied &* Capability.size)
                if !slot.pointee.isEmpty {
                    slot.mark(Revocation.inProgress)
                    return leaf(below: slot) ?? slot
                }
                table.pointee.emptied = table.pointee.emptied &+ 1
                looks -= 1
                if looks == 0 { throw .again }
            }
            M.board.pointee.dyingTables = table.pointee.nextDying
        }
        return nil
    }

    /// The number of empty slots of such tables that one entry skips.
    private static var dyingBatch: Int { 60 }

    /// Returns whether revoking this capability frees memory.
    private static func isRegionInUse(_ slot: Ref<Capability>) -> Bool {
        guard slot.pointee.kind == .region, slot.pointee.has(CapabilityHeader.owner) || slot.pointee.parent == nil
        else {
            return false
        }
        let region = slot.pointee.target(Region.self)
        return region.pointee.next != region.pointee.start
    }

    /// Frees all memory of a region once no object is left in it. Memory of later objects is zeroed first.
    private static func emptyRegion(_ slot: Ref<Capability>) {
        guard isRegionInUse(slot) else { return }
        let region = slot.pointee.target(Region.self)
        region.pointee.dirtyEnd = max(region.pointee.dirtyEnd, region.pointee.next)
        region.pointee.next = region.pointee.start
        region.pointee.zeroedFrom = region.pointee.start
        region.pointee.zeroedTo = region.pointee.start
    }

    // MARK: Other cores

    /// Posts an errand: another core shall remove a node. If that core still has an errand, for which it was
    /// interrupted, the revoker must call again.
    private static func postErrand(_ core: Ref<Core>, _ node: Ref<Capability>, to target: CoreID) {
        guard let other = M.board.pointee.cores[target.index & 7], other.pointee.errand.load() == 0 else { return }
        other.pointee.errand.store(node.address.value)
        alert(core, target)
    }

    /// Withdraws the errands for a node that was removed.
    static func forgetErrands(_ node: Ref<Capability>) {
        let count = Int(M.board.pointee.coreCount)
        guard count > 1 else { return }
        for index in 0..<count {
            guard let other = M.board.pointee.cores[index & 7] else { continue }
            if other.pointee.errand.relaxedLoad() == node.address.value { other.pointee.errand.store(0) }
        }
    }

    /// Performs this core's errand on an interrupt: removes the node that another core could not remove.
    static func performErrand(_ core: Ref<Core>) {
        guard core.pointee.errand.load() != 0 else { return }
        try? exclusively { () throws(Failure) in
            let node = core.pointee.errand.exchange(0)
            guard node != 0 else { return }
            let target = Ref<Capability>(at: PhysicalAddress(node))
            // The node had no descendants when it was posted, and none are made below a node under revocation.
            guard !target.pointee.isEmpty, target.pointee.firstChild == nil else { return }
            var steps = 0
            _ = remove(core, target, &steps)
        }
    }
}
