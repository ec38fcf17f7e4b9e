import ABI
import HardwareModel
import Testing

@testable import KernelCore

private let page = Page.size
private let mega: UInt64 = 2 << 20
private let limit = AddressSpace.addressLimit
private let end = Fixture.tableSlots

/// Compares every bound of `mapFast` and `unmapFast` at its edge with the general path.
@Suite struct FastMapEdgeTests {
    /// One word at a time is at its edge, and the others are valid.
    @Test func eachWordAtItsEdges() {
        var run = MemoryLockstep()
        let side = run.general
        let space = UInt64(side.space), wide = UInt64(side.wide), free = UInt64(side.free)
        var count = 0
        func undo(_ status: Status?, _ slot: UInt64) {
            guard status == .ok || status == .again, slot < end else { return }
            count += 1
            while run.revoke(1 << 32 | slot) == .again {}
        }
        // The memory behind the table looks like the requested capability.
        run.each { $0.forge($0.space) }
        let (weak, last) = (UInt64(side.weak), UInt64(side.last))
        for x1 in [0, space, weak, last, wide, free, end, end + 1, 1 << 32 | space, 1 << 63 | space, .max] as [UInt64] {
            undo(run.map(x1, wide, page, page, page, free), free)
        }
        run.each { $0.forge($0.wide) }
        let extents = [side.odd, side.small, side.readOnly, side.device].map { UInt64($0) }
        for extent in extents + [0, space, free, end, end + 1, 1 << 32 | wide, .max] {
            for rights in [1, 3] as [UInt64] {
                undo(run.map(space, extent, page, page, page, free, rights: rights), free)
            }
        }
        run.each { $0.forge(nil) }
        for slot in [0, free, end - 2, end - 1, end, end + 1, wide, 1 << 32 | free, .max] as [UInt64] {
            undo(run.map(space, wide, page, page, page, slot), slot)
        }
        for rights in [0, 1, 2, 3, 4, 5, 7, 8, 15, .max] as [UInt64] {
            undo(run.map(space, wide, page, page, page, free, rights: rights), free)
            undo(run.map(space, UInt64(side.readOnly), page, page, page, free, rights: rights), free)
            undo(run.map(space, UInt64(side.device), page, page, page, free, rights: rights), free)
        }
        #expect(run.finish() == [])
        #expect(count > 20 && run.taken > 40 && run.declined > 20)
    }

    /// Address, offset and size go together.
    @Test func rangesAtTheirEdges() {
        var run = MemoryLockstep()
        let side = run.general
        let space = UInt64(side.space), free = UInt64(side.free)
        let addresses = [0, page, mega - page, mega, mega + page, limit - page, limit, 0x800, 1 << 30] as [UInt64]
        for extent in [side.small, side.wide, side.odd].map({ UInt64($0) }) {
            let size = side.fixture.slot(UInt32(extent)).pointee.size
            for address in addresses {
                for offset in [0, page, size - page, size, size + page, .max - 0xFFF, 0x800, mega] as [UInt64] {
                    for length in [page, mega] {
                        let status = run.map(space, extent, address, offset, length, free)
                        if status == .ok || status == .again { while run.revoke(1 << 32 | free) == .again {} }
                    }
                }
            }
            for length in [0, 0x800, 2 * page, 3 * page, 4 * page, mega + page, .max - 0xFFF] as [UInt64] {
                let status = run.map(space, extent, 2 * page, page, length, free)
                if status == .ok || status == .again { while run.revoke(1 << 32 | free) == .again {} }
            }
        }
        #expect(run.finish() == [])
        #expect(run.taken > 40 && run.declined > 100)
    }

    /// A block whose address or memory begins in its middle becomes pages, although its place in the table is free.
    @Test func blocksThatAreNotAligned() {
        var run = MemoryLockstep()
        let side = run.general
        let space = UInt64(side.space), wide = UInt64(side.wide), odd = UInt64(side.odd), free = UInt64(side.free)
        for (extent, address, offset) in [
            (odd, 2 * mega, 0), (wide, 3 * mega + page, 0), (wide, 4 * mega + page, page), (wide, 6 * mega, page),
            (odd, 7 * mega, mega - page), (wide, 8 * mega, mega),
        ] {
            let status = run.map(space, extent, address, offset, mega, free)
            #expect(status == (address >= 7 * mega ? .ok : .again))
            while run.revoke(1 << 32 | free) == .again {}
        }
        #expect(run.finish() == [] && run.taken > 2)
    }

    /// Tables exist or do not exist, and ranges are mapped already, by pages or by blocks.
    @Test func placesThatAreTaken() {
        var run = MemoryLockstep()
        let side = run.general
        let space = UInt64(side.space), wide = UInt64(side.wide), free = UInt64(side.free)
        #expect(run.map(space, wide, mega, 0, mega, UInt64(side.blockFree)) == .ok)
        #expect(run.map(space, wide, mega, 0, mega, free) == .occupied)
        #expect(run.map(space, wide, mega + page, 0, page, free) == .occupied)
        #expect(
            run.map(space, wide, 0, 0, mega, free) == .again, "small pages up to the one that is taken, or the batch")
        while run.revoke(1 << 32 | free) == .again {}
        #expect(run.map(space, wide, mega - page, 0, page, free) == .occupied)
        #expect(run.map(space, wide, mega - 2 * page, 0, page, free) == .ok)
        #expect(run.map(space, wide, mega - 2 * page, 0, page, UInt64(side.other)) == .occupied)
        // The slot holds a mapping, which continues or does not.
        #expect(run.map(space, wide, 0, 0, page, free) == .occupied)
        #expect(run.map(space, wide, mega - page, 0, page, free) == .occupied)
        #expect(run.revoke(UInt64(side.blockFree)) == .ok, "nothing below it")
        #expect(run.revoke(1 << 32 | UInt64(side.blockFree)) == .ok)
        #expect(run.map(space, wide, mega, 0, page, UInt64(side.blockFree)) == .ok, "makes a table")
        #expect(run.map(space, wide, mega + page, page, page, UInt64(side.blockFree)) == .ok, "goes on")
        #expect(run.revoke(1 << 32 | UInt64(side.blockFree)) == .ok)
        #expect(run.map(space, wide, mega, 0, page, UInt64(side.blockFree)) == .ok)
        #expect(run.finish() == [])
    }

    /// The tree's depth, and nodes that are being revoked, count for the fast path as well.
    @Test func growthThatIsRefused() {
        var run = MemoryLockstep()
        let side = run.general
        let space = UInt64(side.space), free = UInt64(side.free)
        var deepest: [UInt32] = []
        run.each { side in
            deepest = [side.wide]
            while deepest.count < Int(K.maximumTreeDepth) + 1 { deepest.append(side.fixture.derive(deepest.last!)) }
        }
        #expect(run.map(space, UInt64(deepest[32]), page, 0, page, free) == .tooDeep)
        #expect(run.map(space, UInt64(deepest[31]), page, 0, page, free) == .ok)
        #expect(run.revoke(1 << 32 | free) == .ok)
        run.each { side in
            for _ in 0..<12 { _ = side.fixture.derive(deepest[2]) }
            #expect(side.fixture.operate(.revoke, deepest[1]).status == .again)
        }
        let survivor = deepest[..<32].last { !side.fixture.isEmpty($0) }!
        for extent in [deepest[1], deepest[2], survivor] where !side.fixture.isEmpty(extent) {
            #expect(run.map(space, UInt64(extent), page, 0, page, free) == .badState)
        }
        #expect(run.map(space, UInt64(side.wide), page, 0, page, free) == .ok)
        run.each { side in #expect(side.fixture.revoke(deepest[1]) == .ok) }
        #expect(run.finish() == [])
    }

    /// The general path removes mappings of other shapes.
    @Test(arguments: [1, 2])
    func mappingsOfEachShape(cores: Int) {
        var run = MemoryLockstep(cores: cores)
        let side = run.general
        let space = UInt64(side.space), wide = UInt64(side.wide), free = UInt64(side.free)
        for (address, size) in [
            (page, page), (mega, mega), (page, 2 * page), (page, 9 * page), (mega - 3 * page, 2 * page),
        ] {
            for form in [0, 2, 3, .max, 1] as [UInt32] {
                let status = run.map(space, wide, address, address, size, free)
                #expect(status == (form == 0 ? .ok : .occupied))
                _ = run.revoke(UInt64(form) << 32 | free)
            }
            while !side.fixture.isEmpty(side.free) { _ = run.revoke(1 << 32 | free) }
        }
        run.each { $0.forge($0.free) }
        for slot in [0, end, end + 1, 0xFFFF_FFFF] as [UInt64] {
            _ = run.revoke(1 << 32 | slot)
        }
        #expect(run.finish() == [])
        #expect(run.taken > 4)
    }

    /// A mapping that lies behind the table belongs to nobody.
    @Test func theTableEndsWithItsCount() {
        var run = MemoryLockstep()
        let side = run.general
        #expect(run.map(UInt64(side.space), UInt64(side.wide), page, 0, page, UInt64(side.free)) == .ok)
        run.each { $0.forge($0.free) }
        for slot in [end, 0xFFFF_FFFF] as [UInt64] { #expect(run.revoke(1 << 32 | slot) == .badCapability) }
        #expect(side.leaf(at: page) != "none")
        #expect(run.finish() == [])
    }

    /// The space is gone. Another one may have its VMID and a mapping at the same address.
    @Test(arguments: [false, true])
    func mappingsOfASpaceThatIsGone(isReplaced: Bool) {
        var run = MemoryLockstep()
        let side = run.general
        let wide = UInt64(side.wide), free = UInt64(side.free), other = UInt64(side.other)
        var slot: UInt32 = 0
        run.each { slot = $0.fixture.create(.addressSpace, 4) }
        for target in [free, UInt64(side.blockFree)] {
            run.each { $0.fixture.succeed(.map, slot, wide, target == free ? page : 2 * page, 0, page, 3, target) }
        }
        run.each { $0.fixture.delete(slot) }
        if isReplaced {
            run.each {
                slot = $0.fixture.create(.addressSpace, 4)
                $0.fixture.succeed(.map, slot, wide, page, 0, page, 3, other)
            }
        }
        #expect(run.revoke(1 << 32 | free) == .ok)
        run.each {
            if isReplaced { #expect(K.leaf($0.fixture.object(slot, as: AddressSpace.self), GuestAddress(page)) != nil) }
        }
        // A slot with the remains of such a mapping counts as free.
        #expect(run.map(UInt64(side.space), wide, 3 * page, 0, page, UInt64(side.blockFree)) == .ok)
        #expect(run.finish() == [])
    }

    /// Tables that must be emptied keep the fast path away.
    @Test func tablesThatDieKeepTheFastPathAway() {
        var run = MemoryLockstep()
        let side = run.general
        #expect(run.map(UInt64(side.space), UInt64(side.wide), page, 0, page, UInt64(side.free)) == .ok)
        run.each { side in
            let table = side.fixture.create(.capabilityTable, 200)
            for slot in [1, 150] as [UInt64] {
                side.fixture.succeed(.derive, side.small, UInt64(table), slot, 15, 0, 0)
            }
            #expect(side.fixture.operate(.revoke, table, form: RevokeForm.delete.rawValue).status == .again)
        }
        while run.revoke(1 << 32 | UInt64(side.free)) == .again {}
        #expect(side.fixture.model.kernelBoard.pointee.dyingTables == nil)
        #expect(run.finish() == [])
    }

    /// Another core has the lock. The fast path does not wait, and does nothing.
    @Test func aLockThatIsTakenIsLeftAlone() {
        var run = MemoryLockstep(cores: 2)
        let side = run.fast, fixture = side.fixture, board = fixture.model.kernelBoard
        #expect(run.map(UInt64(side.space), UInt64(side.wide), page, 0, page, UInt64(side.free)) == .ok)
        let ticket = board.pointee.tickets.increment()
        func isTaken(_ words: [UInt64], _ body: (Ref<ExecutionContext>) -> Ref<ExecutionContext>?) -> Bool {
            for place in 0..<8 { fixture.root.pointee.frame.x[place] = place < words.count ? words[place] : 0 }
            return fixture.model.cores[0].enter { _ in body(fixture.root) != nil }
        }
        let map = [8, UInt64(side.space), UInt64(side.wide), 2 * page, 0, page, 3, UInt64(side.other)]
        let unmap = [7, 1 << 32 | UInt64(side.free)]
        #expect(!isTaken(map) { K.mapFast($0) } && !isTaken(unmap) { K.unmapFast($0) })
        #expect(board.pointee.tickets.load() == ticket + 1 && board.pointee.serving.load() == ticket)
        #expect(fixture.isEmpty(side.other) && !fixture.isEmpty(side.free))
        board.pointee.serving.store(ticket + 1)
        #expect(isTaken(map) { K.mapFast($0) } && isTaken(unmap) { K.unmapFast($0) })
    }

    @Test func aThreadWithoutATableHasNoCapability() {
        var run = MemoryLockstep()
        let side = run.general
        #expect(run.map(UInt64(side.space), UInt64(side.wide), page, 0, page, UInt64(side.free)) == .ok)
        run.each { $0.root.pointee.table = nil }
        #expect(run.map(UInt64(side.space), UInt64(side.wide), 2 * page, 0, page, UInt64(side.other)) == .badCapability)
        #expect(run.revoke(1 << 32 | UInt64(side.free)) == .badCapability)
        run.each { $0.root.pointee.table = $0.fixture.table }
        #expect(run.finish() == [])
    }

    /// Random operands include the edges, and mappings stay for a while.
    @Test(arguments: 1...2 as ClosedRange<UInt64>)
    func randomOperands(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var run = MemoryLockstep(cores: Int(seed))
        let side = run.general
        func any(_ values: [UInt64]) -> UInt64 { values[generator.below(values.count)] }
        let slots = [side.free, side.other, side.blockFree, side.last - 1].map { UInt64($0) }
        for _ in 0..<120 {
            if generator.below(3) == 0 {
                _ = run.revoke(any([1, 1, 1, 1, 0, 2]) << 32 | any(slots + [end]))
                continue
            }
            let extent = any([side.wide, side.wide, side.odd, side.small, side.readOnly].map { UInt64($0) })
            _ = run.map(
                any([side.space, side.space, side.space, side.weak, side.last].map { UInt64($0) }), extent,
                any([page, 2 * page, mega - 2 * page, mega, mega + page, 2 * mega, 1 << 30, limit - page]),
                any([0, 0, page, 2 * page, 3 * page, mega, 2 * mega]), any([page, page, page, 2 * page, mega]),
                any(slots),
                rights: any([1, 3, 3, 7]))
        }
        #expect(run.finish() == [])
        #expect(run.taken > 10 && run.declined > 10)
    }
}
