import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// A virtual CPU's space and extents to map into it.
private struct MapFixture {
    let fixture = Fixture()
    let space: UInt32
    let machine: Tenant

    init(pages: UInt64 = 16) {
        space = fixture.create(.addressSpace, pages)
        machine = fixture.makeVirtualCPU(space: space)
    }

    /// Returns an extent of memory that nobody touches, at any address.
    func extent(at address: UInt64, size: UInt64, rights: Rights = .all) -> UInt32 {
        let slot = fixture.freeSlot()
        K.install(
            CapabilityValue(
                kind: .extent, rights: rights, isDevice: false, object: PhysicalAddress(address), word: size),
            in: fixture.table, slot)
        return slot
    }

    /// Maps a range.
    ///
    /// - Parameter slot: the slot that receives the mapping, or that holds one to be continued; 0 for a free one.
    @discardableResult
    func map(
        _ extent: UInt32, at address: UInt64, offset: UInt64 = 0, size: UInt64, rights: Rights = .readWrite,
        slot: UInt32 = 0
    ) -> (Status?, UInt64) {
        let answer = fixture.operate(
            .map, space, form: 0, UInt64(extent), address, offset, size, UInt64(rights.rawValue),
            UInt64(slot == 0 ? fixture.freeSlot() : slot))
        return (answer.status, answer.words[0])
    }

    /// Maps all of it, and returns the number of entries.
    @discardableResult
    func mapAll(_ extent: UInt32, at address: UInt64, offset: UInt64 = 0, size: UInt64, slot: UInt32) -> Int {
        var done: UInt64 = 0
        var rounds = 0
        while done < size {
            let (status, step) = map(extent, at: address + done, offset: offset + done, size: size - done, slot: slot)
            done += step
            rounds += 1
            #expect(status == (done < size ? .again : .ok))
            guard status == .again else { break }
        }
        return rounds
    }

    /// Performs one entry of an unmapping.
    @discardableResult
    func unmap(_ slot: UInt32) -> Status? {
        fixture.operate(.revoke, slot, form: RevokeForm.delete.rawValue).status
    }

    /// Returns the physical address that the machine sees at an address, as the hardware translates it.
    func seen(_ address: UInt64) -> UInt64? {
        fixture.sleepRoot()
        #expect(fixture.current() == machine.context)
        defer { fixture.raiseRoot() }
        return fixture.model.cores[0].access(GuestAddress(address))?.value
    }

    var tablesUsed: UInt64 {
        let space = fixture.object(space, as: AddressSpace.self)
        return (space.pointee.poolNext.value - space.pointee.root.value) / Page.size - 1
    }
}

private let mega: UInt64 = 2 << 20
private let giga: UInt64 = 1 << 30
/// The bytes that one entry maps in pages.
private let batch = K.mapBatch * Page.size
/// The bytes that one entry unmaps of a mapping in pages.
private let unmapBatch = K.unmapBatch * Page.size

@Suite struct MappingTests {
    @Test func largeEntriesAreUsedWhereAddressesAllow() {
        let board = MapFixture()
        let extent = board.extent(at: 4 * giga, size: 2 * giga)
        #expect(board.map(extent, at: giga, size: giga) == (.ok, giga))
        #expect(board.tablesUsed == 0)
        #expect(board.map(extent, at: 3 * giga, size: 2 * mega) == (.ok, 2 * mega))
        #expect(board.tablesUsed == 1)
        #expect(board.map(extent, at: 3 * giga + 2 * mega, size: 0x3000) == (.ok, 0x3000))
        #expect(board.tablesUsed == 2)
        #expect(board.seen(giga + 0x12345) == 4 * giga + 0x12345)
        #expect(board.seen(3 * giga + mega + 0x777) == 4 * giga + mega + 0x777)
        #expect(board.seen(3 * giga + 2 * mega + 0x2FFF) == 4 * giga + 0x2FFF)
        #expect(board.seen(3 * giga + 2 * mega + 0x3000) == nil)
    }

    @Test func smallPagesAreUsedWhereATableIs() {
        let board = MapFixture()
        let extent = board.extent(at: 4 * giga, size: giga)
        let first = board.fixture.freeSlot(), second = board.fixture.freeSlot()
        board.map(extent, at: 0x1000, size: 0x1000, slot: first)
        #expect(board.unmap(first) == .ok)
        #expect(board.map(extent, at: 0, size: mega, slot: second) == (.again, batch))
        #expect(board.map(extent, at: batch, offset: batch, size: batch, slot: second) == (.ok, batch))
        #expect(board.seen(2 * batch - 1) == 4 * giga + 2 * batch - 1)
        #expect(board.seen(2 * batch) == nil)
        #expect(board.tablesUsed == 2)
    }

    /// This also holds if the first of the tables' entries does not concern this place.
    @Test func aTableInThePlaceOfABlockIsUsed() {
        let board = MapFixture()
        let extent = board.extent(at: 4 * giga, size: giga), slot = board.fixture.freeSlot()
        board.map(extent, at: mega, size: 0x1000, slot: slot)
        #expect(board.unmap(slot) == .ok)
        #expect(board.map(extent, at: mega, size: mega, slot: slot) == (.again, batch))
    }

    /// The answer counts the pages that were mapped before the tables ended, and they have their capability.
    @Test func tablesMayEndInTheMiddle() {
        let board = MapFixture(pages: 2)
        let extent = board.extent(at: 4 * giga, size: giga), slot = board.fixture.freeSlot()
        #expect(board.map(extent, at: mega - 0x1000, size: 0x2000, slot: slot) == (.again, 0x1000))
        #expect(board.seen(mega - 0x1000) == 4 * giga && board.seen(mega) == nil)
        #expect(board.unmap(slot) == .ok && board.seen(mega - 0x1000) == nil)
    }

    /// Memory that nobody has used is not zero, but a table must be.
    @Test func tablesAreZeroedBeforeUse() {
        let fixture = Fixture()
        let region = fixture.object(fixture.region, as: Region.self)
        UnsafeMutablePointer<UInt64>(bitPattern: UInt(region.pointee.next.value))!.update(repeating: .max, count: 8192)
        let space = fixture.create(.addressSpace, 4), extent = fixture.create(.extent, 4096, alignment: 4096)
        fixture.succeed(.map, space, UInt64(extent), 0x1000, 0, 0x1000, 3, UInt64(fixture.freeSlot()))
    }

    /// Many mappings that each take work must not add up in one entry.
    @Test func oneEntryOfARevocationTakesAwayFewPages() {
        let board = MapFixture()
        let extent = board.extent(at: 4 * giga, size: giga)
        let pages = K.unmapBatch, count: UInt64 = 8
        for number in 0..<count {
            board.map(extent, at: number * unmapBatch, size: unmapBatch, slot: board.fixture.freeSlot())
        }
        func mapped() -> Int { (0..<count * pages).count { board.seen($0 * Page.size) != nil } }
        var before = mapped()
        #expect(before == Int(count * pages))
        while before > 0 {
            let status = board.fixture.operate(.revoke, extent, form: RevokeForm.descendants.rawValue).status
            let after = mapped()
            #expect(status == .again || after == 0)
            #expect(before - after <= 2 * Int(pages), "one entry took \(before - after) pages away")
            guard after < before else { break }
            before = after
        }
        #expect(before == 0)
    }

    @Test func aMisalignedPairFallsBackToPages() {
        let board = MapFixture()
        let extent = board.extent(at: 4 * giga + 0x1000, size: mega)
        #expect(board.map(extent, at: mega, size: mega).0 == .again)
        #expect(board.seen(mega) == 4 * giga + 0x1000)
    }

    @Test func longMappingsGoOnWhereTheyStopped() {
        let board = MapFixture(pages: 8)
        let extent = board.extent(at: 4 * giga + 0x1000, size: 3 * mega)
        let slot = board.fixture.freeSlot()
        #expect(board.mapAll(extent, at: giga, size: 3 * mega, slot: slot) == Int(3 * mega / batch))
        let place = MappedRange(word: board.fixture.slot(slot).pointee.word)
        #expect(place.address == GuestAddress(giga) && place.size == 3 * mega)
        #expect(board.fixture.slot(slot).pointee.parent == board.fixture.slot(extent))
        #expect(board.unmap(slot) == .again)
        #expect(board.seen(giga) == nil && board.seen(giga + unmapBatch - 1) == nil)
        #expect(board.seen(giga + unmapBatch) == 4 * giga + 0x1000 + unmapBatch)
        var rounds = 1
        while board.unmap(slot) == .again { rounds += 1 }
        #expect(rounds == Int(3 * mega / unmapBatch) - 1)
        #expect(board.fixture.isEmpty(slot))
        #expect(board.seen(giga + 3 * mega - 1) == nil)
    }

    /// The mapping in the slot must be of the same extent, in the same space, and end there. Otherwise the slot is in
    /// use.
    @Test func onlyAMappingThatGoesOnMayBeInTheSlot() {
        let board = MapFixture()
        let extent = board.extent(at: 4 * giga, size: giga)
        let child = board.fixture.freeSlot()
        board.fixture.succeed(.derive, extent, UInt64(InitialSlot.table), UInt64(child), 15, 0, 0)
        let slot = board.fixture.freeSlot()
        #expect(board.map(extent, at: 0x1000, size: 0x1000, slot: slot).0 == .ok)
        #expect(board.map(extent, at: 0x3000, size: 0x1000, slot: slot).0 == .occupied)
        #expect(board.map(extent, at: 0x1000, size: 0x1000, slot: slot).0 == .occupied)
        #expect(board.map(child, at: 0x2000, size: 0x1000, slot: slot).0 == .occupied)
        let other = board.fixture.create(.addressSpace, 8)
        let elsewhere = board.fixture.operate(.map, other, UInt64(extent), 0x2000, 0, 0x1000, 3, UInt64(slot))
        #expect(elsewhere.status == .occupied)
        #expect(board.map(extent, at: 0x2000, size: 0x1000, slot: extent).0 == .occupied)
        #expect(board.map(extent, at: 0x2000, offset: 0x7000, size: 0x1000, slot: slot).0 == .ok)
        #expect(board.seen(0x2000) == 4 * giga + 0x7000)
        #expect(board.seen(0x3000) == nil)
    }

    @Test(arguments: [0, 1000, 1 << 32 | 100, .max] as [UInt64])
    func theSlotMustExist(slot: UInt64) {
        let board = MapFixture()
        let extent = board.extent(at: 4 * giga, size: giga)
        let answer = board.fixture.operate(.map, board.space, UInt64(extent), 0, 0, 0x1000, 3, slot)
        #expect(answer.status == .badCapability)
        #expect(board.tablesUsed == 0)
    }

    @Test func mappingOverAMappingIsRefused() {
        let board = MapFixture()
        let extent = board.extent(at: 4 * giga, size: giga)
        board.map(extent, at: 0, size: mega)
        #expect(board.map(extent, at: 0, size: mega).0 == .occupied)
        #expect(board.map(extent, at: 0x1000, size: 0x1000).0 == .occupied)
        #expect(board.map(extent, at: 0x10_0000 * 4 - mega, size: mega).0 == .ok)
        board.map(extent, at: giga + 0x2000, size: 0x1000)
        #expect(board.map(extent, at: giga, size: 0x4000) == (.again, 0x2000))
        #expect(board.map(extent, at: giga + 0x2000, offset: 0x2000, size: 0x2000).0 == .occupied)
    }

    @Test func theMachineForgetsWhatIsUnmapped() {
        let board = MapFixture()
        let extent = board.extent(at: 4 * giga, size: giga)
        for (address, size) in [(0x1000, 0x1000), (mega, mega), (giga, giga)] {
            let slot = board.fixture.freeSlot()
            board.map(extent, at: address, size: size, slot: slot)
            #expect(board.seen(address) == 4 * giga)
            #expect(board.seen(address + size - 1) == 4 * giga + size - 1)
            #expect(board.unmap(slot) == .ok)
            #expect(board.seen(address) == nil)
            #expect(board.seen(address + size - 1) == nil)
        }
        board.map(extent, at: 0x1000, offset: 0x5000, size: 0x1000)
        #expect(board.seen(0x1000) == 4 * giga + 0x5000)
    }

    /// Large entries are removed, too, and nothing beside the mapping is.
    @Test func aMappingGoesAsAWhole() {
        let board = MapFixture()
        let extent = board.extent(at: 4 * giga, size: giga)
        let slots = (0..<3).map { _ in board.fixture.freeSlot() }
        for (index, slot) in slots.enumerated() {
            board.map(extent, at: UInt64(index + 1) * mega, offset: UInt64(index) * mega, size: mega, slot: slot)
        }
        #expect(board.unmap(slots[1]) == .ok)
        #expect(board.seen(mega) == 4 * giga && board.seen(2 * mega - 1) == 4 * giga + mega - 1)
        #expect(board.seen(2 * mega) == nil && board.seen(3 * mega - 1) == nil)
        #expect(board.seen(3 * mega) == 4 * giga + 2 * mega)
        #expect(board.unmap(slots[1]) == .badCapability)
    }

    /// A mapping only places an extent in one space. A tenant can neither pass it on nor map it.
    @Test func aMappingIsNoExtent() {
        let board = MapFixture()
        let extent = board.extent(at: 4 * giga, size: giga)
        let slot = board.fixture.freeSlot()
        board.map(extent, at: 0, size: 0x1000, slot: slot)
        let answer = board.fixture.operate(
            .derive, slot, UInt64(InitialSlot.table), UInt64(board.fixture.freeSlot()), 15, 0, 0)
        #expect(answer.status == .noRights)
        #expect(board.map(slot, at: 0x2000, size: 0x1000).0 == .badCapability)
    }

    @Test func aMappingGoesWithItsExtent() {
        let board = MapFixture()
        let extent = board.extent(at: 4 * giga, size: giga)
        let child = board.fixture.freeSlot(), first = board.fixture.freeSlot(), second = board.fixture.freeSlot()
        board.fixture.succeed(.derive, extent, UInt64(InitialSlot.table), UInt64(child), 15, 0x4000, 0x2000)
        board.map(child, at: 0x1000, size: 0x2000, slot: first)
        board.map(extent, at: 0x8000, size: 0x1000, slot: second)
        #expect(board.seen(0x2000) == 4 * giga + 0x5000)
        #expect(board.unmap(child) == .ok)
        #expect(board.fixture.isEmpty(first) && board.fixture.isEmpty(child))
        #expect(board.seen(0x1000) == nil && board.seen(0x2000) == nil)
        #expect(board.seen(0x8000) == 4 * giga)
        #expect(board.fixture.operate(.revoke, extent).status == .ok)
        #expect(board.fixture.isEmpty(second) && !board.fixture.isEmpty(extent))
        #expect(board.seen(0x8000) == nil)
    }

    @Test func tablesEndWithThePool() {
        let board = MapFixture(pages: 2)
        let extent = board.extent(at: 4 * giga, size: giga)
        #expect(board.map(extent, at: 0, size: 0x1000).0 == .ok)
        #expect(board.map(extent, at: giga, size: 0x1000).0 == .noMemory)
        #expect(board.map(extent, at: mega - 0x1000, size: 0x1000).0 == .ok)
        #expect(board.map(extent, at: mega - 0x2000, size: 0x1000).0 == .ok)
        #expect(board.map(extent, at: mega, size: 0x1000).0 == .noMemory)
        #expect(board.map(extent, at: mega, size: mega).0 == .ok)
    }

    @Test(
        arguments: [
            // Address, offset, size.
            (0x800, 0, 0x1000), (0, 0x800, 0x1000), (0, 0, 0x800), (0, 0, 0), (1 << 39, 0, 0x1000),
            ((1 << 39) - 0x1000, 0, 0x2000), (0, 0, .max & ~0xFFF), (.max & ~0xFFF, 0, 0x1000),
            (0, giga, 0x1000), (0, giga - 0x1000, 0x2000), (0, .max & ~0xFFF, 0x2000),
        ] as [(UInt64, UInt64, UInt64)])
    func wrongRangesAreRefused(address: UInt64, offset: UInt64, size: UInt64) {
        let board = MapFixture()
        let extent = board.extent(at: 4 * giga, size: giga)
        #expect(board.map(extent, at: address, offset: offset, size: size).0 == .badArgument)
        #expect(board.tablesUsed == 0)
    }

    @Test(arguments: [1, 2, .max] as [UInt32])
    func thereIsNoSecondForm(form: UInt32) {
        let board = MapFixture()
        let extent = UInt64(board.extent(at: 4 * giga, size: giga))
        #expect(
            board.fixture.operate(.map, board.space, form: form, extent, 0, 0, 0x1000, 3, 100).status == .unsupported)
    }

    @Test func rightsComeFromTheCapability() {
        let board = MapFixture()
        let extent = board.extent(at: 4 * giga, size: giga, rights: .readOnly)
        #expect(board.map(extent, at: 0, size: 0x1000).0 == .noRights)
        #expect(board.map(extent, at: 0, size: giga, rights: .readOnly).0 == .ok)
        let root = board.fixture.object(board.space, as: AddressSpace.self).pointee.root
        #expect(ModelHardware.rights(of: ModelHardware.readEntry(root, 0)) == .readOnly)
        #expect(board.map(board.space, at: giga, size: 0x1000).0 == .badCapability)
    }

    /// The model notices the faults for which it exists.
    @Test func theModelNoticesWhatHardwareWouldNotForgive() {
        let board = MapFixture()
        let extent = board.extent(at: 4 * giga, size: giga)
        board.map(extent, at: 0, size: giga)
        #expect(board.seen(0) == 4 * giga)
        let space = board.fixture.object(board.space, as: AddressSpace.self)
        let model = board.fixture.model
        let other = ModelHardware.leafEntry(PhysicalAddress(8 * giga), level: 1, rights: .readWrite, device: false)
        model.cores[0].run { ModelHardware.writeEntry(space.pointee.root, 0, other) }
        let replaced = ModelFault.replacedWithoutBreak(table: space.pointee.root.value, index: 0)
        #expect(model.takeFaults() == [replaced, .staleTranslation(identifier: space.pointee.identifier, address: 0)])
        model.cores[0].run { ModelHardware.writeEntry(space.pointee.root, 0, PageTableEntry(bits: 0)) }
        #expect(model.takeFaults().contains(.leftWithoutInvalidation(table: space.pointee.root.value, index: 0)))
        model.cores[0].run { ModelHardware.invalidate(space.pointee.translation, GuestAddress(0)) }
        #expect(model.takeFaults() == [])
    }
}
