import ABI
@_spi(Kernel) import Entente
import RuntimeSupport

/// The board's RAM, and root's view of memory that it prepares for others.
struct Memory {
    var account = MemoryAccount()
    /// The slot of the mapping by which root sees, for a moment, memory that it prepares.
    private let view = RootSlot.firstFree

    // MARK: Objects

    /// Makes the object of a node.
    /// - Parameter isFirst: true if its memory may be unused RAM of the board, which the kernel does not clear.
    mutating func create(_ node: PlanNode, isFirst: Bool) {
        let kind = ObjectKind(rawValue: UInt8(truncatingIfNeeded: node.kind)) ?? .none
        let answer = make(kind, node)
        if isFirst {
            account.add(
                kind, node.parameter, taken: kind == .interrupt ? ObjectSize.interrupt : answer.words.w0,
                isOfEstate: node.region != 0)
        }
        if isFirst, node.isCleared != 0 { clear(UInt32(node.slot), size: node.parameter) }
    }

    private func make(_ kind: ObjectKind, _ node: PlanNode) -> Answer {
        func create(of region: UInt32) -> Answer {
            if kind == .interrupt {
                return invokeUntilDone(
                    .system, system(.createInterrupt), Words(node.parameter, node.slot, UInt64(region)))
            }
            return Root.create(kind, node.parameter, of: region, in: UInt32(node.slot), alignment: node.alignment)
        }
        if node.region != 0 {
            let answer = create(of: UInt32(node.region))
            require(answer, "a tenant's memory does not suffice for its parts")
            return answer
        }
        // Large objects come out of the first region, which is the largest and aligned. All others come out of the
        // other regions as long as those last.
        return tryRegions(largestFirst: kind == .extent && node.parameter >= 1 << 21, create)
    }

    /// Tries the regions in turn until one succeeds.
    private func tryRegions(largestFirst: Bool, _ body: (UInt32) -> Answer) -> Answer {
        var status = Status.noMemory
        for turn in 0..<RootSlot.regionCount {
            let answer = body(RootSlot.firstRegion + (largestFirst ? turn : (turn + 1) % RootSlot.regionCount))
            if answer.status == .ok { return answer }
            // A board may have fewer regions than there are slots for them.
            if answer.status != .badCapability { status = answer.status }
        }
        fail(status == .noMemory ? "the board's RAM does not suffice" : "cannot create an object", status)
    }

    /// Divides the remaining RAM into regions whose sizes are powers of two, the largest first, and so learns its size.
    /// Nothing else can be made of the board's RAM afterwards.
    mutating func settle() {
        var slot = UInt32(BootPlan.header.firstUnusedSlot)
        for region in 0..<RootSlot.regionCount {
            var size: UInt64 = 1 << 40
            while size >= 4096, slot < UInt32(BootPlan.header.rootSlots) {
                // The same size fits again only if the board has more RAM than the largest size.
                if Root.create(.region, size, of: RootSlot.firstRegion + region, in: slot).status == .ok {
                    account.free += size
                    slot += 1
                } else {
                    size >>= 1
                }
            }
        }
    }

    /// Makes and maps memory of root's own: the plan's first node and its first edge.
    mutating func mapOwn(_ node: PlanNode, _ edge: PlanEdge) {
        create(node, isFirst: true)
        let (offset, size, rights) = (edge.words[3], edge.words[4], edge.words[5])
        let status = map(edge[0], edge[1], edge.words[2], offset: offset, size: size, rights: rights, in: edge[6])
        if status != .ok { fail("cannot map root's memory", status) }
    }

    // MARK: Contents

    /// The bytes that root can see at once. Its page tables suffice for them at any address of the memory.
    private static let viewSize: UInt64 = 32 << 20

    /// Lets root see a part of an extent, at most `viewSize` bytes, while `body` runs.
    func withView(of extent: UInt32, offset: UInt64 = 0, size: UInt64, _ body: (UInt64) -> Void) {
        // The address is a multiple of 1 GiB, so that large page-table entries can map the memory where possible.
        let rights = UInt64(Rights.readWrite.rawValue)
        let status = map(
            InitialSlot.space, extent, ComponentLayout.workspace, offset: offset, size: size, rights: rights, in: view)
        if status != .ok { fail("cannot map memory for root's own view", status) }
        body(ComponentLayout.workspace)
        takeBack(view, .delete)
    }

    /// Clears memory that comes out of a region for the first time, because the kernel has not cleared it.
    private func clear(_ extent: UInt32, size: UInt64) {
        var done: UInt64 = 0
        while done < size {
            let part = min(size - done, Memory.viewSize)
            withView(of: extent, offset: done, size: part) { entente_zero_blocks($0, part) }
            done += part
        }
    }

    /// Copies a piece of the image into an extent, at a multiple of 4 KiB.
    func copy(imageOffset: UInt64, size: UInt64, to extent: UInt32, at offset: UInt64) {
        precondition(
            imageOffset <= BootPlan.image.size && size <= BootPlan.image.size - imageOffset, "beyond the image")
        var done: UInt64 = 0
        while done < size {
            let part = min(size - done, Memory.viewSize)
            withView(of: extent, offset: offset + done, size: (part + 4095) & ~4095) { address in
                entente_copy_blocks(address, BootPlan.imageAddress + imageOffset + done, (part + 63) & ~63)
            }
            done += part
        }
    }
}
