import ABI
import HardwareModel
import Testing

@testable import KernelCore

private let page = Page.size
private let mega: UInt64 = 2 << 20
private let giga: UInt64 = 1 << 30
private let memory = 4 * giga

/// The ends of mappings, by entries of different sizes, and the remains of refused ones.
@Suite struct MappingEdgeTests {
    private let fixture = Fixture()
    private let space: UInt32
    private let extent: UInt32

    init() {
        space = fixture.create(.addressSpace, 16)
        extent = fixture.freeSlot()
        K.install(
            CapabilityValue(
                kind: .extent, rights: .all, isDevice: false, object: PhysicalAddress(memory), word: 4 * giga),
            in: fixture.table, extent)
        // These tests are about the general path only.
        fixture.usesFastPath = false
    }

    private var target: Ref<AddressSpace> { fixture.object(space, as: AddressSpace.self) }
    private var poolNext: PhysicalAddress { target.pointee.poolNext }

    /// Maps a range. Returns the status and the bytes done.
    private func map(
        at address: UInt64, offset: UInt64 = 0, size: UInt64, slot: UInt32, rights: UInt64 = 3, of other: UInt32? = nil
    ) -> (Status?, UInt64) {
        let answer = fixture.operate(.map, space, UInt64(other ?? extent), address, offset, size, rights, UInt64(slot))
        return (answer.status, answer.words[0])
    }

    private func unmap(_ slot: UInt32) -> Status? {
        fixture.operate(.revoke, slot, form: RevokeForm.delete.rawValue).status
    }

    /// Returns the sizes of the entries that map a range, in order, with 0 for a page that is not mapped.
    private func spans(_ start: UInt64, _ end: UInt64) -> [UInt64] {
        var address = start
        var found: [UInt64] = []
        while address < end {
            let span = K.leaf(target, GuestAddress(address))?.span ?? 0
            found.append(span)
            address += max(span, page)
        }
        return found
    }

    private func frame(_ address: UInt64) -> UInt64? {
        K.leaf(target, GuestAddress(address)).map { leaf in
            ModelHardware.frame(of: ModelHardware.readEntry(leaf.table, leaf.index)).value
        }
    }

    /// The rest behind a block is smaller than a block, although its address is aligned to one.
    @Test(arguments: [(mega, page), (mega, 3 * page), (giga, page), (giga, mega), (giga, mega + page)])
    func theRestBehindABlockIsNoBlock(block: UInt64, rest: UInt64) {
        let slot = fixture.freeSlot()
        #expect(map(at: giga, size: block + rest, slot: slot) == (.ok, block + rest))
        let pieces =
            Array(repeating: mega, count: Int(rest / mega)) + Array(repeating: page, count: Int(rest % mega / page))
        #expect(spans(giga, giga + block + rest + page) == [block] + pieces + [0])
        #expect(
            frame(giga + block) == memory + block
                && MappingPlace(word: fixture.slot(slot).pointee.word).size == block + rest)
        #expect(fixture.revoke(slot, .delete) == .ok && spans(giga, giga + page) == [0])
    }

    /// The numbers of its pages have 27 bits. The last page of a space is unmapped at its place.
    @Test(
        arguments: [1 << 31, 1 << 36, 1 << 37, 1 << 38, (1 << 38) + giga + mega + page, (1 << 39) - page] as [UInt64])
    func mappingsAreTakenAwayWhereTheyLie(address: UInt64) {
        let low = fixture.freeSlot(), slot = fixture.freeSlot()
        let below = address & (1 << 30 - 1)
        #expect(map(at: below, size: page, slot: low) == (.ok, page))
        #expect(map(at: address, offset: page, size: page, slot: slot) == (.ok, page))
        #expect(MappingPlace(word: fixture.slot(slot).pointee.word).address == GuestAddress(address))
        #expect(unmap(slot) == .ok && frame(address) == nil && frame(below) == memory)
        #expect(unmap(low) == .ok && frame(below) == nil)
    }

    /// The mapping is as large as a space: the count of pages has room for it, and its end is correct.
    @Test func aMappingMayFillASpace() {
        let slot = fixture.freeSlot(), wide = fixture.freeSlot(), size: UInt64 = 1 << 39
        K.install(
            CapabilityValue(kind: .extent, rights: .all, isDevice: false, object: PhysicalAddress(size), word: size),
            in: fixture.table, wide)
        var done: UInt64 = 0
        while done < size {
            let (status, step) = map(at: done, offset: done, size: size - done, slot: slot, of: wide)
            #expect(step == K.mapBatch * giga && status == (done + step < size ? .again : .ok))
            guard step != 0 else { return }
            done += step
        }
        let place = MappingPlace(word: fixture.slot(slot).pointee.word)
        #expect(place.address == GuestAddress(0) && place.size == size && place.end == GuestAddress(size))
        #expect(fixture.revoke(slot, .delete) == .ok && spans(0, page) == [0] && spans(size - page, size) == [0])
    }

    /// A refused request must not use up the memory for tables, because a tenant could otherwise use up another one's.
    @Test func aRefusedMappingTakesNoTable() {
        let slot = fixture.freeSlot(), other = fixture.freeSlot()
        #expect(
            map(at: 0, size: giga, slot: slot).0 == .ok && map(at: giga, size: mega, slot: fixture.freeSlot()).0 == .ok)
        let before = poolNext
        for address in [0, page, mega, giga - page, giga, giga + page, giga + mega - page] {
            #expect(map(at: address, size: page, slot: other).0 == .occupied && poolNext == before)
        }
        #expect(fixture.isEmpty(other))
    }

    /// The pool's last table is used, and the pool ends at its original end.
    @Test func eachTableOfThePoolIsUsedOnce() {
        let space = target
        var places: Set<UInt64> = []
        for number in 0..<8 as Range<UInt64> {
            #expect(map(at: number * giga, size: page, slot: fixture.freeSlot()) == (.ok, page))
            places.insert(K.leaf(space, GuestAddress(number * giga))!.table.value)
        }
        #expect(places.count == 8 && poolNext == space.pointee.poolEnd)
        #expect(space.pointee.poolEnd.value - space.pointee.root.value == 17 * page)
        #expect(map(at: 8 * giga, size: page, slot: fixture.freeSlot()).0 == .noMemory)
    }

    /// The capability of a mapping in a destroyed space makes room only for a mapping that succeeds.
    @Test func aRefusedMappingLeavesTheSlot() {
        let gone = fixture.create(.addressSpace, 4), slot = fixture.freeSlot()
        fixture.succeed(.map, gone, UInt64(extent), page, 0, page, 3, UInt64(slot))
        fixture.delete(gone)
        #expect(map(at: 0, size: page, slot: fixture.freeSlot()).0 == .ok)
        let before = fixture.slot(slot).pointee.object
        #expect(map(at: 0, size: page, slot: slot).0 == .occupied)
        #expect(fixture.slot(slot).pointee.kind == .mapping && fixture.slot(slot).pointee.object == before)
        #expect(map(at: page, size: page, slot: slot).0 == .ok)
        #expect(fixture.slot(slot).pointee.object == MappingPlace.space(target))
    }

    /// Reading, writing and executing are rights of the mapping. Other bits of the word have no meaning.
    @Test(arguments: [1, 3, 5, 7] as [UInt64], [0, 8, 0xF0, 1 << 32] as [UInt64])
    func otherBitsOfTheRightsMeanNothing(rights: UInt64, more: UInt64) {
        let child = fixture.derive(extent, rights: [.read, .write, .execute]), slot = fixture.freeSlot()
        #expect(map(at: 0, size: page, slot: slot, rights: rights | more, of: child).0 == .ok)
        #expect(UInt64(fixture.slot(slot).pointee.rights.rawValue) == rights)
    }

    /// One entry writes sixteen pages, or unmaps eight, of two mappings at most.
    @Test func oneEntryDoesABoundedNumberOfPages() {
        let slot = fixture.freeSlot(), size = 20 * page
        #expect(map(at: 0, size: size, slot: slot) == (.again, 16 * page))
        #expect(map(at: 16 * page, offset: 16 * page, size: 4 * page, slot: slot) == (.ok, 4 * page))
        for gone in [8, 16] as [UInt64] {
            #expect(unmap(slot) == .again)
            #expect(spans(0, size) == (0..<20).map { $0 < gone ? 0 : page })
        }
        #expect(unmap(slot) == .ok && spans(0, size).allSatisfy { $0 == 0 })
    }

    /// A space with another VMID or serial number is another space. Its mappings stay, and so does the memory mapped
    /// there.
    @Test(arguments: [1, 254, 255, 256, 1 << 16, 1 << 32] as [UInt64])
    func aSpaceIsToldFromEarlierOnes(count: UInt64) {
        let old = fixture.create(.addressSpace, 4), slot = fixture.freeSlot(), other = fixture.freeSlot()
        fixture.succeed(.map, old, UInt64(extent), page, 0, page, 3, UInt64(slot))
        let identifier = fixture.object(old, as: AddressSpace.self).pointee.identifier
        fixture.delete(old)
        // The count is as if so many spaces had been made meanwhile, and the next one is among them.
        fixture.model.kernelBoard.pointee.spaceCount &+= count - 1
        let fresh = fixture.create(.addressSpace, 4)
        let target = fixture.object(fresh, as: AddressSpace.self)
        #expect(target.pointee.identifier == identifier)
        fixture.succeed(.map, fresh, UInt64(extent), page, 0, page, 3, UInt64(other))
        #expect(unmap(slot) == .ok && K.leaf(target, GuestAddress(page)) != nil)
        #expect(unmap(other) == .ok && K.leaf(target, GuestAddress(page)) == nil)
    }

    /// VMIDs share one bit with that of another living space. Memory is unmapped from its own space.
    @Test(arguments: [3, 31, 34, 63, 64, 66, 98, 127, 130, 194, 255], [false, true])
    func spacesWithHighIdentifiersKeepApart(identifier: Int, usesFastPath: Bool) {
        fixture.usesFastPath = usesFastPath
        // The identifiers of spaces that do not exist are taken.
        fixture.checksInvariants = false
        let board = fixture.model.kernelBoard
        #expect(target.pointee.identifier == 2)
        for number in 3..<identifier where board.pointee.spaces[number] == nil {
            board.pointee.identifiers[number >> 6].set(1 << UInt64(number & 63))
        }
        let before = (0..<4).map { board.pointee.identifiers[$0].load() }
        let high = fixture.create(.addressSpace, 4), slot = fixture.freeSlot(), other = fixture.freeSlot()
        let upper = fixture.object(high, as: AddressSpace.self)
        #expect(upper.pointee.identifier == UInt16(identifier))
        #expect((0..<256).allSatisfy { (board.pointee.spaces[$0] == upper) == ($0 == identifier) })
        #expect(board.pointee.spaces[2] == target)
        for (space, slot) in [(high, slot), (space, other)] {
            fixture.succeed(.map, space, UInt64(extent), page, 0, page, 3, UInt64(slot))
        }
        #expect(unmap(slot) == .ok && K.leaf(upper, GuestAddress(page)) == nil && frame(page) == memory)
        fixture.succeed(.map, high, UInt64(extent), page, 0, page, 3, UInt64(slot))
        fixture.delete(high)
        #expect(board.pointee.spaces[identifier] == nil && board.pointee.spaces[2] == target)
        #expect((0..<4).map { board.pointee.identifiers[$0].load() } == before)
        #expect(unmap(other) == .ok && frame(page) == nil)
    }

    /// This also holds for an extent that is larger than a space.
    @Test(arguments: [(0, 1 << 39 | page), (page, 1 << 39), (0, 1 << 40), (giga, 1 << 40)] as [(UInt64, UInt64)])
    func noMappingIsLargerThanASpace(address: UInt64, size: UInt64) {
        let wide = fixture.freeSlot(), slot = fixture.freeSlot()
        K.install(
            CapabilityValue(
                kind: .extent, rights: .all, isDevice: false, object: PhysicalAddress(1 << 41), word: 1 << 41),
            in: fixture.table, wide)
        #expect(map(at: address, size: size, slot: slot, of: wide).0 == .badArgument && fixture.isEmpty(slot))
    }

    /// A new space takes the first free VMID and no other one. The kernel has 0, and root has 1.
    @Test func aSpaceTakesOneIdentifier() {
        let board = fixture.model.kernelBoard
        #expect(fixture.object(InitialSlot.space, as: AddressSpace.self).pointee.identifier == 1)
        #expect(board.pointee.spaces[0] == nil && board.pointee.identifiers[0].load() & ~1 == 0b110)
        fixture.checksInvariants = false
        for number in 3..<48 where number != 33 { board.pointee.identifiers[0].set(1 << UInt64(number)) }
        let before = board.pointee.identifiers[0].load()
        let slot = fixture.create(.addressSpace, 1)
        #expect(fixture.object(slot, as: AddressSpace.self).pointee.identifier == 33)
        #expect(board.pointee.identifiers[0].load() == before | 1 << 33)
    }
}
