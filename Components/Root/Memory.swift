import ABI
import Entente
import RuntimeSupport

/// A range of slots of root's own table, handed out one by one.
struct SlotRange {
    private(set) var first: UInt32
    private(set) var next: UInt32
    private let end: UInt32

    init(first: UInt32, count: UInt32) {
        self.first = first
        next = first
        end = first + count
    }

    mutating func take() -> UInt32 {
        guard next < end else { fail("root's slots do not suffice", .noMemory) }
        next += 1
        return next - 1
    }

    /// A range of its own, out of this one.
    mutating func take(_ count: UInt32) -> SlotRange {
        guard count <= end - next else { fail("root's slots do not suffice", .noMemory) }
        next += count
        return SlotRange(first: next - count, count: count)
    }

    /// The slots that were taken from `mark` on are free again; they must be empty.
    mutating func giveBack(from mark: UInt32) { next = mark }
}

/// The board's RAM: what is made of it lives as long as the system. What tenants are made of comes out of their `Estate`.
struct Memory {
    var slots: SlotRange
    var account = MemoryAccount()
    /// The mapping by which root sees, for a moment, memory that it prepares.
    private let view: UInt32

    init() {
        slots = SlotRange(
            first: InitialSlot.firstFree,
            count: UInt32(InitialSlot.rootSlots(tenants: BootTable.header.tenantCount)) - InitialSlot.firstFree)
        view = slots.take()
    }

    /// An object of one of root's regions; its capability's slot. What is large comes out of the first region, which is the
    /// largest and aligned; all else out of the others as long as they last.
    mutating func create(_ kind: ObjectKind, _ parameter: UInt64 = 0, alignment: UInt64 = 4096) -> UInt32 {
        let slot = slots.take()
        let isLarge = kind == .extent && parameter >= 1 << 21
        let answer = tryRegions(largestFirst: isLarge) { region in
            Root.create(kind, parameter, of: region, in: slot, alignment: alignment)
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
            // The same size fits again only if the board has more RAM than the largest.
            if Root.create(.region, size, of: region, in: slot).status == .ok {
                account.free += size
            } else {
                slots.giveBack(from: slot)
                size >>= 1
            }
        }
    }

    // MARK: Preparing memory

    /// What root sees at once: its page tables do for that, wherever the memory begins.
    private static let viewSize: UInt64 = 32 << 20

    /// Lets root see a part of an extent, of at most `viewSize`, while `body` runs.
    func withView(of extent: UInt32, offset: UInt64 = 0, size: UInt64, _ body: (UInt64) -> Void) {
        // At a multiple of 1 GiB: large entries serve where the memory allows them.
        map(InitialSlot.space, extent, ComponentLayout.workspace, offset: offset, size: size, .readWrite, in: view)
        body(ComponentLayout.workspace)
        takeBack(view, .delete)
    }

    /// Clears memory that the kernel has not cleared: what comes out of a region for the first time.
    func clear(_ extent: UInt32, size: UInt64) {
        var done: UInt64 = 0
        while done < size {
            let part = min(size - done, Memory.viewSize)
            withView(of: extent, offset: done, size: part) { entente_zero_blocks($0, part) }
            done += part
        }
    }

    /// Copies a piece of the image to an extent's start.
    func copy(imageOffset: UInt64, size: UInt64, to extent: UInt32) {
        var done: UInt64 = 0
        while done < size {
            let part = min(size - done, Memory.viewSize)
            withView(of: extent, offset: done, size: (part + 4095) & ~4095) { address in
                entente_copy_blocks(address, BootTable.imageAddress + imageOffset + done, (part + 63) & ~63)
            }
            done += part
        }
    }

    /// RAM that lives as long as the system, cleared.
    mutating func clearedExtent(_ size: UInt64, alignment: UInt64 = 4096) -> UInt32 {
        let extent = create(.extent, size, alignment: alignment)
        clear(extent, size: size)
        return extent
    }

    /// Memory of root's own, cleared, at `address`; the slot of its extent.
    @discardableResult
    mutating func mapOwn(_ address: UInt64, size: UInt64) -> UInt32 {
        let extent = clearedExtent(size)
        map(InitialSlot.space, extent, address, size: size, .readWrite, in: slots.take())
        return extent
    }
}
