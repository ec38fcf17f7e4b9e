import ABI

// The fast path of memory: `map` of one page or block into existing tables, and `revoke` of such a mapping.
//
// Each function is a list of checks, as in Kernel+FastPath.swift. The first check that fails leaves for the general
// path with nothing changed. The fast path tries the lock once; if the lock is taken, the caller waits on the general
// path.

extension Kernel {
    /// Performs `map` (see `Kernel.map`). Returns the caller.
    @inline(__always)
    public static func mapFast(_ caller: Ref<ExecutionContext>) -> Ref<ExecutionContext>? {
        guard let table = caller.pointee.table, caller.pointee.frame.x[1] < table.pointee.count,
            caller.pointee.frame.x[2] < table.pointee.count, caller.pointee.frame.x[7] < table.pointee.count,
            caller.pointee.frame.x[7] != 0, let ticket = tryToLock()
        else { return nil }
        defer { M.board.pointee.serving.store(ticket &+ 1) }
        let space = node(table, caller.pointee.frame.x[1])
        let extent = node(table, caller.pointee.frame.x[2])
        let slot = node(table, caller.pointee.frame.x[7])
        let request = MapRequest(caller)
        // The table may have been removed before this core had the lock.
        guard caller.pointee.table == table, names(space, .addressSpace, .write),
            names(extent, .extent, request.rights), slot.pointee.isEmpty,
            request.isPossible, request.offset <= extent.pointee.size,
            request.size <= extent.pointee.size &- request.offset, mayGrowSimply(extent),
            let position = emptyEntry(
                space.pointee.target(AddressSpace.self), request, extent.pointee.object + request.offset)
        else { return nil }
        let target = space.pointee.target(AddressSpace.self)
        M.writeEntry(
            position.table, position.index,
            M.leafEntry(
                extent.pointee.object + request.offset, level: position.level, rights: request.rights,
                device: extent.pointee.has(CapabilityHeader.device)))
        publish(
            CapabilityValue(
                kind: .mapping, rights: request.rights, isDevice: false, object: MappedRange.space(target),
                word: MappedRange(request.address, size: request.size).word),
            in: slot, under: extent)
        caller.pointee.frame.x[0] = Status.ok.rawValue
        caller.pointee.frame.x[2] = request.size
        return caller
    }

    /// Performs `revoke` with `delete` of a mapping of one page or block. Returns the caller.
    @inline(__always)
    public static func unmapFast(_ caller: Ref<ExecutionContext>) -> Ref<ExecutionContext>? {
        let selector = Selector(bits: caller.pointee.frame.x[1])
        guard selector.form == RevokeForm.delete.rawValue, let slot = caller.pointee.table?.pointee.slot(selector.slot),
            let ticket = tryToLock()
        else { return nil }
        defer { M.board.pointee.serving.store(ticket &+ 1) }
        guard slot.pointee.kind == .mapping, M.board.pointee.dyingTables == nil,
            let space = MappedRange.space(of: slot, M.board)
        else { return nil }
        let range = MappedRange(word: slot.pointee.word)
        guard let leaf = leaf(space, range.address), leaf.span == range.size else { return nil }
        M.writeEntry(leaf.table, leaf.index, PageTableEntry(bits: 0))
        M.invalidate(space.pointee.translation, range.address)
        if M.board.pointee.coreCount > 1 { awaitCopies() }
        erase(slot)
        caller.pointee.frame.x[0] = Status.ok.rawValue
        return caller
    }

    /// Takes the lock of `exclusively` if it is free. Returns the ticket that is served.
    @inline(__always)
    private static func tryToLock() -> UInt64? {
        let ticket = M.board.pointee.serving.load()
        return M.board.pointee.tickets.replace(ticket, by: ticket &+ 1) ? ticket : nil
    }

    // MARK: Checks

    @inline(__always)
    private static func node(_ table: Ref<CapabilityTable>, _ slot: UInt64) -> Ref<Capability> {
        Ref(at: table.pointee.slots + slot &* Capability.size)
    }

    @inline(__always)
    private static func names(_ node: Ref<Capability>, _ kind: ObjectKind, _ rights: Rights) -> Bool {
        let mask = 0xFF | UInt64(rights.rawValue) << 8
        return node.pointee.header.relaxedLoad() & mask == UInt64(kind.rawValue) | UInt64(rights.rawValue) << 8
    }

    /// Returns whether `mayGrow` would succeed.
    @inline(__always)
    private static func mayGrowSimply(_ parent: Ref<Capability>) -> Bool {
        guard CapabilityHeader(bits: parent.pointee.header.relaxedLoad()).depth < maximumTreeDepth else { return false }
        var link: Ref<Capability>? = parent
        while let node = link {
            if node.pointee.extra & Revocation.inProgress != 0 { return false }
            link = node.pointee.parent
        }
        return true
    }

    private struct EntryPosition {
        var table: PhysicalAddress
        var index: UInt64
        var level: Int
    }

    /// Returns the empty entry for one page of 4 KiB or one block of 2 MiB, if its tables exist.
    @inline(__always)
    private static func emptyEntry(
        _ space: Ref<AddressSpace>, _ request: MapRequest, _ physical: PhysicalAddress
    ) -> EntryPosition? {
        let large = PageTable.span(2)
        let isLarge = request.size == large
        guard isLarge || request.size == Page.size,
            !isLarge || (request.address.value | physical.value) & (large &- 1) == 0,
            let second = M.table(of: M.readEntry(space.pointee.root, PageTable.index(request.address, 1)))
        else { return nil }
        var position = EntryPosition(table: second, index: PageTable.index(request.address, 2), level: 2)
        if !isLarge {
            guard let third = M.table(of: M.readEntry(second, position.index)) else { return nil }
            position = EntryPosition(table: third, index: PageTable.index(request.address, 3), level: 3)
        }
        return M.readEntry(position.table, position.index).isEmpty ? position : nil
    }
}
