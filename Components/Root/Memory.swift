import ABI
import Entente
import RuntimeSupport

/// Slots of root's own table, handed out one by one.
struct SlotAllocator {
    private var next: UInt32 = 64

    mutating func take() -> UInt32 {
        next += 1
        return next - 1
    }

    /// The slot that was taken last stayed empty.
    mutating func giveBack(_ slot: UInt32) { if slot + 1 == next { next = slot } }
}

/// Root's RAM, and its own view of memory that it prepares for others.
struct Memory {
    var slots = SlotAllocator()
    private(set) var account = MemoryAccount()
    private var workspace = ComponentLayout.workspace

    /// An object of one of root's regions; its capability's slot. What is large comes out of the first region, which is the
    /// largest and aligned; all else out of the others as long as they last.
    mutating func create(_ kind: ObjectKind, _ parameter: UInt64 = 0, alignment: UInt64 = 4096) -> UInt32 {
        let slot = slots.take()
        let isLarge = kind == .extent && parameter >= 1 << 21
        let answer = tryRegions(largestFirst: isLarge) { region in
            invokeUntilDone(
                .create, Selector(slot: region, form: UInt32(kind.rawValue)),
                Words(parameter, UInt64(slot), alignment))
        }
        account.add(kind, parameter, taken: answer.words.w0)
        return slot
    }

    /// The object of a physical interrupt; its capability's slot.
    mutating func createInterrupt(_ number: UInt64) -> UInt32 {
        let slot = slots.take()
        _ = tryRegions(largestFirst: false) { region in
            invokeUntilDone(.system, system(.createInterrupt), Words(number, UInt64(slot), UInt64(region)))
        }
        return slot
    }

    /// Has each region try until one succeeds.
    private func tryRegions(largestFirst: Bool, _ body: (UInt32) -> Answer) -> Answer {
        var status = Status.noMemory
        for turn in 0..<InitialSlot.regionCount {
            let answer = body(InitialSlot.firstRegion + (largestFirst ? turn : (turn + 1) % InitialSlot.regionCount))
            if answer.status == .ok { return answer }
            // A board may have fewer regions than there are slots for them.
            if answer.status != .badCapability { status = answer.status }
        }
        fail("the board's RAM does not suffice: cannot create an object", status)
    }

    /// Cuts all RAM that is left into regions whose sizes are powers of two, the largest first, and so learns how much it
    /// is. Nothing else can be created of root's regions afterwards.
    mutating func settle() {
        for region in 0..<InitialSlot.regionCount { settle(InitialSlot.firstRegion + region) }
    }

    private mutating func settle(_ region: UInt32) {
        var size: UInt64 = 1 << 40
        while size >= 4096 {
            let slot = slots.take()
            let answer = invokeUntilDone(
                .create, Selector(slot: region, form: UInt32(ObjectKind.region.rawValue)), Words(size, UInt64(slot)))
            // The same size fits again only if the board has more RAM than the largest.
            if answer.status == .ok {
                account.free += size
            } else {
                slots.giveBack(slot)
                size >>= 1
            }
        }
    }

    /// RAM, cleared; root's view of it at `address`.
    struct Block {
        let extent: UInt32
        let address: UInt64
        let size: UInt64
        /// Root's view.
        fileprivate let view: UInt32
    }

    /// Clears `size` bytes of RAM, which root then sees until `release`.
    mutating func block(_ size: UInt64, alignment: UInt64 = 4096) -> Block {
        let extent = create(.extent, size, alignment: alignment)
        // The view is aligned like the memory, so that large entries serve both.
        let address = (workspace + alignment - 1) & ~(alignment - 1)
        workspace = address + size
        let view = map(InitialSlot.space, extent, address, size: size, .readWrite)
        entente_zero_blocks(address, size)
        return Block(extent: extent, address: address, size: size, view: view)
    }

    /// Root no longer sees a block. The view's addresses are used again if it was the last one.
    mutating func release(_ block: Block) {
        unmap(block.view)
        if workspace == block.address + block.size { workspace = block.address }
    }

    /// Maps a part of an extent into a space; the slot of the mapping.
    @discardableResult
    mutating func map(
        _ space: UInt32, _ extent: UInt32, _ address: UInt64, offset: UInt64 = 0, size: UInt64, _ rights: Rights
    ) -> UInt32 {
        let slot = slots.take()
        var done: UInt64 = 0
        while done < size {
            let answer = invoke(
                .map, Selector(slot: space),
                Words(
                    UInt64(extent), address + done, offset + done, size - done, UInt64(rights.rawValue), UInt64(slot)))
            guard answer.status == .ok || answer.status == .again, answer.words.w0 > 0 else {
                fail("cannot map memory", answer.status)
            }
            done += answer.words.w0
        }
        return slot
    }

    /// Takes a mapping away.
    mutating func unmap(_ mapping: UInt32) {
        let status = revoke(mapping, .delete)
        if status != .ok { fail("cannot unmap memory", status) }
        slots.giveBack(mapping)
    }
}

/// A child of a capability of root's, in a slot of `table`.
func derive(
    _ source: UInt32, into table: UInt32, _ slot: UInt32, rights: Rights = .all, badge: UInt64 = 0, size: UInt64 = 0
) {
    let answer = invoke(
        .derive, Selector(slot: source),
        Words(UInt64(table), UInt64(slot), UInt64(rights.rawValue), badge, size))
    if answer.status != .ok { fail("cannot derive a capability", answer.status) }
}

extension Rights {
    static var readOnly: Rights { .read }
    static var readWrite: Rights { Rights(rawValue: Rights.read.rawValue | Rights.write.rawValue) }
}
