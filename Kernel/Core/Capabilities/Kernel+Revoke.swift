import ABI

// Taking back what was delegated: everything below a node of the derivation tree, whoever holds it, in pieces.
//
// Leaves go first (`Kernel+Remove.swift` says what goes with each), so that nothing is without its ancestor in between.
// What only another core may touch is an errand for that core. At the end the revoker waits for a grace period
// (`GracePeriods.swift`): then no core uses what it had looked up before.

/// `Capability.extra` of a slot.
enum Revocation {
    /// Nothing new comes below the node.
    static let inProgress: UInt64 = 1
    /// Something was removed: other cores may still be using it.
    static let hasRemoved: UInt64 = 2
    /// The capability itself is being deleted; an empty slot with this: another core has done it.
    static let deleting: UInt64 = 8
    /// From here on: the number of the grace period that must have ended; 0: none was asked for yet.
    static let graceShift: UInt64 = 8
}

/// How far the removal of a node is.
enum Progress {
    case done
    /// There is work left on this core.
    case more
    /// Only this core may go on.
    case elsewhere(CoreID)
}

extension Kernel {
    /// How many plain nodes one entry removes, or two that bring work: with `maximumTreeDepth` the bound on its work.
    static var revokeBatch: Int { 8 }

    /// `revoke`: see `RevokeForm`. Answers `again` until nothing is left.
    static func revoke(_ core: Ref<Core>, _ caller: Ref<ExecutionContext>, _ selector: Selector) throws(Failure) {
        guard let form = RevokeForm(rawValue: selector.form) else { throw .unsupported }
        guard let slot = caller.pointee.table?.pointee.slot(selector.slot) else { throw .badCapability }
        if slot.pointee.isEmpty {
            // Another core may have deleted it meanwhile, or a table that went with it must still be emptied.
            guard form == .delete, slot.pointee.extra & Revocation.deleting != 0 || M.board.pointee.dyingTables != nil
            else {
                throw .badCapability
            }
        }
        if isRegionInUse(slot) {
            // Its objects may have been deleted one by one, without waiting for cores that still used them.
            slot.mark(Revocation.inProgress | Revocation.hasRemoved)
        }
        var steps = revokeBatch
        guard try removeDescendants(core, caller, slot, &steps) else { return }
        if slot.pointee.extra & Revocation.hasRemoved != 0, !hasGracePassed(core, slot) { throw .again }
        emptyRegion(slot)
        // Another core may have been asked to delete it, by a revoker that has thought better of it.
        if slot.pointee.extra & Revocation.deleting != 0 { forgetErrands(slot) }
        slot.pointee.extra = 0
        guard form == .delete, !slot.pointee.isEmpty else { return }
        slot.pointee.extra = Revocation.inProgress | Revocation.deleting
        try removeOne(core, slot, &steps)
        // Whoever is told `again` finds an empty slot next time, and is still to be answered `ok` at the end.
        if caller.pointee.isConfigured, M.board.pointee.dyingTables != nil {
            slot.pointee.extra = Revocation.deleting
            throw .again
        }
        slot.pointee.extra = 0
    }

    /// Removes what is below `slot`, and empties tables that went with it. False: the caller itself was removed.
    private static func removeDescendants(
        _ core: Ref<Core>, _ caller: Ref<ExecutionContext>, _ slot: Ref<Capability>, _ steps: inout Int
    ) throws(Failure) -> Bool {
        while let node = try dyingChildlessNode() ?? childlessNode(below: slot) {
            slot.mark(Revocation.inProgress | Revocation.hasRemoved)
            guard steps > 0 else { throw .again }
            steps -= 1
            try removeOne(core, node, &steps)
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

    /// The next node to be removed from tables that nobody has any more; nil if there is none.
    private static func dyingChildlessNode() throws(Failure) -> Ref<Capability>? {
        var looks = dyingBatch
        while let table = M.board.pointee.dyingTables {
            while table.pointee.emptied < table.pointee.count {
                let slot = Ref<Capability>(at: table.pointee.slots + table.pointee.emptied &* Capability.size)
                if !slot.pointee.isEmpty {
                    slot.mark(Revocation.inProgress)
                    return childlessNode(below: slot) ?? slot
                }
                table.pointee.emptied = table.pointee.emptied &+ 1
                looks -= 1
                if looks == 0 { throw .again }
            }
            M.board.pointee.dyingTables = table.pointee.nextDying
        }
        return nil
    }

    /// How many empty slots of such a table one entry passes over.
    private static var dyingBatch: Int { 60 }

    /// Whether revoking this capability gives back memory.
    private static func isRegionInUse(_ slot: Ref<Capability>) -> Bool {
        guard slot.pointee.kind == .region, slot.pointee.has(CapabilityHeader.owner) || slot.pointee.parent == nil
        else {
            return false
        }
        let region = slot.pointee.target(Region.self)
        return region.pointee.next != region.pointee.start
    }

    /// All memory of a region comes back once nothing is made of it; what is made of it anew is zeroed first.
    private static func emptyRegion(_ slot: Ref<Capability>) {
        guard isRegionInUse(slot) else { return }
        let region = slot.pointee.target(Region.self)
        region.pointee.dirtyEnd = max(region.pointee.dirtyEnd, region.pointee.next)
        region.pointee.next = region.pointee.start
        region.pointee.zeroedFrom = region.pointee.start
        region.pointee.zeroedTo = region.pointee.start
    }

    // MARK: Other cores

    /// Has another core remove a node. While that core has an errand, which it was interrupted for, the revoker comes
    /// again.
    private static func postErrand(_ core: Ref<Core>, _ node: Ref<Capability>, to target: CoreID) {
        guard let other = M.board.pointee.cores[target.index & 7], other.pointee.errand.load() == 0 else { return }
        other.pointee.errand.store(node.address.value)
        alert(core, target)
    }

    /// A node is gone: no core need remove it any more.
    static func forgetErrands(_ node: Ref<Capability>) {
        let count = Int(M.board.pointee.coreCount)
        guard count > 1 else { return }
        for index in 0..<count {
            guard let other = M.board.pointee.cores[index & 7] else { continue }
            if other.pointee.errand.relaxedLoad() == node.address.value { other.pointee.errand.store(0) }
        }
    }

    /// On an interrupt of another core's: removes what that core could not.
    static func performErrand(_ core: Ref<Core>) {
        guard core.pointee.errand.load() != 0 else { return }
        try? exclusively { () throws(Failure) in
            let node = core.pointee.errand.exchange(0)
            guard node != 0 else { return }
            let target = Ref<Capability>(at: PhysicalAddress(node))
            // It had no descendants when it was posted, and nothing grows below what is being revoked.
            guard !target.pointee.isEmpty, target.pointee.firstChild == nil else { return }
            var steps = 0
            _ = remove(core, target, &steps)
        }
    }
}
