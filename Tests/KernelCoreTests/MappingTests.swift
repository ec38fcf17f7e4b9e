import ABI
import MachineModel
import Testing

@testable import KernelCore

/// A virtual CPU's space and extents to map into it.
private struct MapBench {
    let bench = Bench()
    let space: UInt32
    let machine: Tenant

    init(pages: UInt64 = 16) {
        space = bench.create(.addressSpace, pages)
        machine = bench.makeVirtualCPU(space: space)
    }

    /// An extent of memory that nobody touches, at any address.
    func extent(at address: UInt64, size: UInt64, rights: Rights = .all) -> UInt32 {
        let slot = bench.freeSlot()
        K.install(
            CapabilityValue(kind: .extent, rights: rights, isDevice: false, object: PhysicalAddress(address), word: size),
            in: bench.table, slot)
        return slot
    }

    @discardableResult
    func map(
        _ extent: UInt32, at address: UInt64, offset: UInt64 = 0, size: UInt64, rights: Rights = .readWrite
    ) -> (Status?, UInt64) {
        let answer = bench.operate(
            .map, space, form: 0, UInt64(extent), address, offset, size, UInt64(rights.rawValue))
        return (answer.status, answer.words[0])
    }

    @discardableResult
    func unmap(_ address: UInt64, size: UInt64) -> (Status?, UInt64) {
        let answer = bench.operate(.map, space, form: 1, 0, address, 0, size)
        return (answer.status, answer.words[0])
    }

    /// What the machine sees at an address, as the hardware translates it.
    func seen(_ address: UInt64) -> UInt64? {
        bench.sleepRoot()
        #expect(bench.current() == machine.context)
        defer { bench.raiseRoot() }
        return bench.model.cores[0].access(GuestAddress(address))?.value
    }

    var tablesUsed: UInt64 {
        let space = bench.object(space, as: AddressSpace.self)
        return (space.pointee.poolNext.value - space.pointee.root.value) / Page.size - 1
    }
}

private let mega: UInt64 = 2 << 20
private let giga: UInt64 = 1 << 30

@Suite struct MappingTests {
    @Test func largeEntriesAreUsedWhereAddressesAllow() {
        let board = MapBench()
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
        let board = MapBench()
        let extent = board.extent(at: 4 * giga, size: giga)
        board.map(extent, at: 0x1000, size: 0x1000)
        board.unmap(0x1000, size: 0x1000)
        #expect(board.map(extent, at: 0, size: mega) == (.again, 256 * 0x1000))
        #expect(board.map(extent, at: 256 * 0x1000, offset: 256 * 0x1000, size: 256 * 0x1000) == (.ok, 256 * 0x1000))
        #expect(board.seen(mega - 1) == 4 * giga + mega - 1)
        #expect(board.tablesUsed == 2)
    }

    @Test func aMisalignedPairFallsBackToPages() {
        let board = MapBench()
        let extent = board.extent(at: 4 * giga + 0x1000, size: mega)
        #expect(board.map(extent, at: mega, size: mega).0 == .again)
        #expect(board.seen(mega) == 4 * giga + 0x1000)
    }

    @Test func longMappingsGoOnWhereTheyStopped() {
        let board = MapBench(pages: 8)
        let extent = board.extent(at: 4 * giga + 0x1000, size: 3 * mega)
        var done: UInt64 = 0
        var rounds = 0
        while done < 3 * mega {
            let (status, step) = board.map(extent, at: giga + done, offset: done, size: 3 * mega - done)
            done += step
            rounds += 1
            guard status == .again else { break }
        }
        #expect(done == 3 * mega && rounds == 6)
        #expect(board.unmap(giga, size: mega) == (.again, 256 * 0x1000))
        #expect(board.seen(giga) == nil)
        #expect(board.seen(giga + 256 * 0x1000) == 4 * giga + 0x1000 + 256 * 0x1000)
    }

    @Test func mappingOverAMappingIsRefused() {
        let board = MapBench()
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
        let board = MapBench()
        let extent = board.extent(at: 4 * giga, size: giga)
        for (address, size) in [(0x1000, 0x1000), (mega, mega), (giga, giga)] {
            board.map(extent, at: address, size: size)
            #expect(board.seen(address) == 4 * giga)
            #expect(board.seen(address + size - 1) == 4 * giga + size - 1)
            #expect(board.unmap(address, size: size) == (.ok, size))
            #expect(board.seen(address) == nil)
            #expect(board.seen(address + size - 1) == nil)
        }
        board.map(extent, at: 0x1000, offset: 0x5000, size: 0x1000)
        #expect(board.seen(0x1000) == 4 * giga + 0x5000)
    }

    @Test func unmappingAPartOfALargeEntryOrNothingIsRefused() {
        let board = MapBench()
        let extent = board.extent(at: 4 * giga, size: giga)
        board.map(extent, at: mega, size: mega)
        #expect(board.unmap(mega, size: 0x1000).0 == .badArgument)
        #expect(board.unmap(mega + 0x1000, size: 0x1000).0 == .badArgument)
        #expect(board.unmap(4 * mega, size: 0x1000).0 == .badArgument)
        #expect(board.unmap(mega, size: 2 * mega) == (.again, mega))
    }

    @Test func tablesEndWithThePool() {
        let board = MapBench(pages: 2)
        let extent = board.extent(at: 4 * giga, size: giga)
        #expect(board.map(extent, at: 0, size: 0x1000).0 == .ok)
        #expect(board.map(extent, at: giga, size: 0x1000).0 == .noMemory)
        #expect(board.map(extent, at: mega - 0x1000, size: 0x1000).0 == .ok)
        #expect(board.map(extent, at: mega - 0x2000, size: 0x1000).0 == .ok)
        #expect(board.map(extent, at: mega, size: 0x1000).0 == .noMemory)
        #expect(board.map(extent, at: mega, size: mega).0 == .ok)
    }

    @Test(arguments: [
        // Address, offset, size.
        (0x800, 0, 0x1000), (0, 0x800, 0x1000), (0, 0, 0x800), (0, 0, 0), (1 << 39, 0, 0x1000),
        ((1 << 39) - 0x1000, 0, 0x2000), (0, 0, .max & ~0xFFF), (.max & ~0xFFF, 0, 0x1000),
        (0, giga, 0x1000), (0, giga - 0x1000, 0x2000), (0, .max & ~0xFFF, 0x2000),
    ] as [(UInt64, UInt64, UInt64)])
    func wrongRangesAreRefused(address: UInt64, offset: UInt64, size: UInt64) {
        let board = MapBench()
        let extent = board.extent(at: 4 * giga, size: giga)
        #expect(board.map(extent, at: address, offset: offset, size: size).0 == .badArgument)
        #expect(board.tablesUsed == 0)
    }

    @Test func thereIsNoThirdForm() {
        let board = MapBench()
        let extent = UInt64(board.extent(at: 4 * giga, size: giga))
        #expect(board.bench.operate(.map, board.space, form: 2, extent, 0, 0, 0x1000, 3).status == .unsupported)
    }

    @Test func rightsComeFromTheCapability() {
        let board = MapBench()
        let extent = board.extent(at: 4 * giga, size: giga, rights: .readOnly)
        #expect(board.map(extent, at: 0, size: 0x1000).0 == .noRights)
        #expect(board.map(extent, at: 0, size: giga, rights: .readOnly).0 == .ok)
        let root = board.bench.object(board.space, as: AddressSpace.self).pointee.root
        #expect(ModelMachine.rights(of: ModelMachine.readEntry(root, 0)) == .readOnly)
        #expect(board.map(board.space, at: giga, size: 0x1000).0 == .badCapability)
    }

    /// The model sees what it is there to see.
    @Test func theModelNoticesWhatHardwareWouldNotForgive() {
        let board = MapBench()
        let extent = board.extent(at: 4 * giga, size: giga)
        board.map(extent, at: 0, size: giga)
        #expect(board.seen(0) == 4 * giga)
        let space = board.bench.object(board.space, as: AddressSpace.self)
        let model = board.bench.model
        let other = ModelMachine.leafEntry(PhysicalAddress(8 * giga), level: 1, rights: .readWrite, device: false)
        model.cores[0].run { ModelMachine.writeEntry(space.pointee.root, 0, other) }
        let replaced = ModelFault.replacedWithoutBreak(table: space.pointee.root.value, index: 0)
        #expect(model.takeFaults() == [replaced, .staleTranslation(identifier: space.pointee.identifier, address: 0)])
        model.cores[0].run { ModelMachine.writeEntry(space.pointee.root, 0, PageTableEntry(bits: 0)) }
        #expect(model.takeFaults().contains(.leftWithoutInvalidation(table: space.pointee.root.value, index: 0)))
        model.cores[0].run { ModelMachine.invalidate(space.pointee.translation, GuestAddress(0)) }
        #expect(model.takeFaults() == [])
    }
}
