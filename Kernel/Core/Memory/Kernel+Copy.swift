import ABI

// `copy` between a server and the lease of the caller that it serves. A bad address on either side is an error of the
// server, which invoked the operation, so that neither can make the other fault.

extension Kernel {
    /// The number of bytes that one entry copies at most. It bounds the work, with two table walks for each page.
    static var copyBatch: UInt64 { 4096 }

    /// Performs `copy`; see `CopyForm`. Returns in `x2` the bytes copied, with `again` if some are left.
    static func copy(_ core: Ref<Core>, _ server: Ref<ExecutionContext>, _ selector: Selector) throws(Failure) {
        guard let form = CopyForm(rawValue: selector.form) else { throw .unsupported }
        guard let caller = server.pointee.caller, caller.pointee.callKind == .message, caller.pointee.shape.hasLease
        else { throw .badState }
        let lease = caller.pointee.lease
        guard lease.rights.contains(form == .read ? .read : .write) else { throw .noRights }
        let request = CopyRequest(server)
        guard request.offset <= lease.size, request.size <= lease.size &- request.offset,
            request.address < AddressSpace.addressLimit, request.size <= AddressSpace.addressLimit &- request.address
        else { throw .badArgument }
        // The count is odd from before the first look at a page table until after the last byte; see `awaitCopies`.
        core.pointee.copies.increment()
        M.orderAll()
        defer { core.pointee.copies.increment() }
        var done: UInt64 = 0
        while done < min(request.size, copyBatch) {
            let theirs = lease.address + (request.offset &+ done)
            let own = GuestAddress(request.address &+ done)
            let ownPage = frame(server, own, form == .read ? .write : .read)
            let theirPage = frame(caller, theirs, form == .read ? .read : .write)
            guard let ownPage, let theirPage else {
                server.pointee.frame.x[2] = done
                server.pointee.frame.x[3] = ownPage == nil ? 0 : 1
                throw Failure(.badAddress)
            }
            let rest = min(request.size, copyBatch) &- done
            let step = min(rest, min(toPageEnd(own), toPageEnd(theirs)))
            if form == .read {
                M.copyBytes(from: theirPage, to: ownPage, count: step)
            } else {
                M.copyBytes(from: ownPage, to: theirPage, count: step)
            }
            done &+= step
        }
        server.pointee.frame.x[2] = done
        if done < request.size { throw .again }
    }

    /// Waits for other cores that may have looked up a removed page before, and are copying. Each of them is at most
    /// one `copyBatch` from its end, and waits for no core meanwhile.
    @inline(never)
    static func awaitCopies() {
        let count = Int(M.board.pointee.coreCount)
        guard count > 1 else { return }
        for index in 0..<count {
            guard let other = M.board.pointee.cores[index & 7] else { continue }
            let seen = other.pointee.copies.load()
            guard seen & 1 != 0 else { continue }
            while other.pointee.copies.load() == seen { M.relax() }
        }
    }

    @inline(__always)
    private static func toPageEnd(_ address: GuestAddress) -> UInt64 { Page.size &- address.value & (Page.size &- 1) }

    /// Returns the physical address of a byte of a context's space, if it is RAM that may be accessed so.
    private static func frame(
        _ context: Ref<ExecutionContext>, _ address: GuestAddress, _ right: Rights
    ) -> PhysicalAddress? {
        guard let space = context.pointee.space, let leaf = leaf(space, address) else { return nil }
        let entry = M.readEntry(leaf.table, leaf.index)
        guard M.isMemory(entry, right) else { return nil }
        return M.frame(of: entry) + (address.value & (leaf.span &- 1))
    }

    /// The words of a `copy`.
    private struct CopyRequest {
        var offset: UInt64
        var address: UInt64
        var size: UInt64
        init(_ server: Ref<ExecutionContext>) {
            offset = server.pointee.frame.x[2]
            address = server.pointee.frame.x[3]
            size = server.pointee.frame.x[4]
        }
    }
}
