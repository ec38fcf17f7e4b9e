import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// Two boards on which the same operations on memory happen: on one by the fast path if it accepts them, on the other
/// by the general path alone. Answers and states must be equal, and the fast path must accept its own cases.
struct MemoryLockstep {
    /// Objects in root's table; their numbers are the same on both boards.
    struct Side {
        let fixture: Fixture
        let space: UInt32
        /// Extents of memory that nobody touches: aligned to 2 MiB; not aligned; three pages; fewer rights; registers.
        let wide: UInt32, odd: UInt32, small: UInt32, readOnly: UInt32, device: UInt32
        /// Spaces again: without the right to map, and in the table's last slot.
        let weak: UInt32, last: UInt32
        let free: UInt32, other: UInt32, blockFree: UInt32

        init(cores: Int) {
            let fixture = Fixture(cores: cores, memory: 2 << 20)
            self.fixture = fixture
            fixture.usesFastPath = false
            func extent(_ address: UInt64, _ size: UInt64, _ rights: Rights = .all, isDevice: Bool = false) -> UInt32 {
                let slot = fixture.freeSlot()
                K.install(
                    CapabilityValue(
                        kind: .extent, rights: rights, isDevice: isDevice, object: PhysicalAddress(address), word: size),
                    in: fixture.table, slot)
                return slot
            }
            space = fixture.create(.addressSpace, 8)
            wide = extent(4 << 30, 4 << 20)
            odd = extent(5 << 30 | 0x1000, 4 << 20)
            small = extent(6 << 30, 0x3000)
            readOnly = extent(7 << 30, 0x3000, .readOnly)
            device = extent(0x900_0000, 0x3000, isDevice: true)
            weak = fixture.derive(space, rights: [.read, .manage])
            last = UInt32(Fixture.tableSlots) - 1
            fixture.succeed(.derive, space, UInt64(InitialSlot.table), UInt64(last), 15, 0, 0)
            free = fixture.freeSlot()
            other = fixture.freeSlot()
            blockFree = fixture.freeSlot()
            // Tables for the first 2 MiB, of whose pages the last is taken.
            fixture.succeed(.map, space, UInt64(wide), 0x1F_F000, 0, 0x1000, 3, UInt64(fixture.freeSlot()))
            fixture.checksInvariants = false
        }

        var target: Ref<AddressSpace> { fixture.object(space, as: AddressSpace.self) }
        var root: Ref<ExecutionContext> { fixture.root }

        /// The node behind the table's end.
        var behind: Ref<Capability> { Ref(at: fixture.table.pointee.slots + Fixture.tableSlots * Capability.size) }

        /// Makes the memory behind the table look like the contents of a slot, or empty.
        func forge(_ slot: UInt32?) {
            fixture.model.cores[0].run { K.erase(behind) }
            let source = slot.map { fixture.slot($0) }
            behind.pointee.object = source?.pointee.object ?? PhysicalAddress(0)
            behind.pointee.word = source?.pointee.word ?? 0
            behind.pointee.parent = nil
            behind.pointee.firstChild = nil
            behind.pointee.header.store(source?.pointee.header.relaxedLoad() ?? 0)
        }

        func describe(_ node: Ref<Capability>) -> String {
            let header = CapabilityHeader(bits: node.pointee.header.relaxedLoad())
            guard header.kind != .none else { return "empty" }
            let isMemory = header.kind == .extent || header.kind == .mapping
            return "\(header.kind) rights \(header.rights.rawValue) depth \(header.depth) "
                + "flags \(header.bits >> 16 & 0xFFFF) word \(node.pointee.word) "
                + "object \(isMemory ? node.pointee.object.value : 0) below \(number(node.pointee.parent))"
        }

        private func number(_ node: Ref<Capability>?) -> UInt64 {
            node.map { ($0.address.value &- fixture.table.pointee.slots.value) / Capability.size } ?? 0
        }

        func leaf(at address: UInt64) -> String {
            guard address < AddressSpace.addressLimit, let leaf = K.leaf(target, GuestAddress(address)) else {
                return "none"
            }
            return
                "\(fixture.model.cores[0].run { ModelHardware.readEntry(leaf.table, leaf.index).bits }) for \(leaf.span)"
        }

        var tablesUsed: UInt64 { target.pointee.poolNext.value - target.pointee.root.value }

        /// The contents of all slots, and all mappings.
        var everything: [String] {
            var lines = (1..<UInt32(Fixture.tableSlots)).map { "\($0): \(describe(fixture.slot($0)))" }
            for page in 0..<1024 as Range<UInt64> { lines.append("\(page): \(leaf(at: page << 12))") }
            return lines + ["tables \(tablesUsed)", "behind: \(describe(behind))"]
        }
    }

    let sides: [Side]
    private(set) var differences: [String] = []
    /// The number of operations that the fast path has accepted.
    private(set) var taken = 0
    private(set) var declined = 0

    init(cores: Int = 1) { sides = (0..<2).map { _ in Side(cores: cores) } }

    var fast: Side { sides[0] }
    var general: Side { sides[1] }

    func each(_ body: (Side) -> Void) { for side in sides { body(side) } }

    /// True if the fast path must accept this `map`: of one page or block, into existing tables and an empty slot.
    private struct Before {
        var tables: UInt64
        var isFree: Bool
        init(_ side: Side, slot: UInt64) {
            tables = side.tablesUsed
            isFree = slot > 0 && slot < Fixture.tableSlots && side.fixture.isEmpty(UInt32(slot))
        }
    }

    /// Performs `map` on both boards.
    ///
    /// - Parameter x1: the selector, all 64 bits of it.
    @discardableResult
    mutating func map(
        _ x1: UInt64, _ extent: UInt64, _ address: UInt64, _ offset: UInt64, _ size: UInt64, _ slot: UInt64,
        rights: UInt64 = 3
    ) -> Status? {
        let before = Before(general, slot: slot)
        let words = [extent, address, offset, size, rights, slot], name = "map \(x1): \(words)"
        let (status, isTaken) = perform(.map, x1, words, name) { K.mapFast($0) != nil }
        let isSimple =
            status == .ok && before.isFree && general.tablesUsed == before.tables
            && (size == PageTable.span(3) || size == PageTable.span(2))
            && K.leaf(general.target, GuestAddress(address))?.span == size
        if isTaken != isSimple { differences.append("\(name): \(isTaken ? "" : "not ")by the fast path") }
        compare(name) { side in
            [side.leaf(at: address), side.leaf(at: address &+ size), "\(side.tablesUsed)", side.describe(side.behind)]
                + [slot, extent, x1].filter { $0 < Fixture.tableSlots && $0 != 0 }
                .map { side.describe(side.fixture.slot(UInt32($0))) }
        }
        return status
    }

    /// Performs `revoke`. The fast path must accept the deletion of a mapping of one page or block.
    @discardableResult
    mutating func revoke(_ x1: UInt64) -> Status? {
        let slot = Selector(bits: x1).slot, name = "revoke \(x1)"
        let node =
            slot > 0 && slot < Fixture.tableSlots && general.root.pointee.table != nil
            ? general.fixture.slot(slot) : nil
        let place = node.flatMap { $0.pointee.kind == .mapping ? MappingPlace(word: $0.pointee.word) : nil }
        let board = general.fixture.model.kernelBoard
        let space = place == nil ? nil : MappingPlace.space(of: node!, board)
        let isLeaf = place.flatMap { place in space.flatMap { K.leaf($0, place.address)?.span == place.size } } ?? false
        let isSimple =
            isLeaf && board.pointee.dyingTables == nil && Selector(bits: x1).form == RevokeForm.delete.rawValue
        let (status, isTaken) = perform(.revoke, x1, [], name) { K.unmapFast($0) != nil }
        if isTaken != isSimple { differences.append("\(name): \(isTaken ? "" : "not ")by the fast path") }
        compare(name) { side in
            [place.map { side.leaf(at: $0.address.value) } ?? "", "\(side.tablesUsed)", side.describe(side.behind)]
                + (node == nil ? [] : [side.describe(side.fixture.slot(slot))])
        }
        return status
    }

    /// Returns the general path's answer, and true if the fast path accepted the operation on the first board.
    private mutating func perform(
        _ operation: ABI.Operation, _ x1: UInt64, _ words: [UInt64], _ name: String,
        _ tryFast: (Ref<ExecutionContext>) -> Bool
    ) -> (Status?, Bool) {
        for side in sides {
            let words = [operation.rawValue, x1] + words
            for place in 0..<8 { side.root.pointee.frame.x[place] = place < words.count ? words[place] : 0 }
        }
        let asked = Self.frame(fast)
        let core = fast.fixture.model.cores[0]
        let isTaken = core.enter { _ in tryFast(fast.root) }
        if isTaken { core.check() }
        if !isTaken, Self.frame(fast) != asked { differences.append("\(name): declined, and changed registers") }
        let board = fast.fixture.model.kernelBoard
        if board.pointee.tickets.load() != board.pointee.serving.load() {
            differences.append("\(name): the lock is taken")
        }
        if !isTaken { fast.fixture.enter { K.operate($0, fast.root) } }
        fast.fixture.verify()
        general.fixture.enter { K.operate($0, general.root) }
        if isTaken { taken += 1 } else { declined += 1 }
        compare(name) { ["\(Self.frame($0))"] }
        return (Status(rawValue: general.root.pointee.frame.x[0]), isTaken)
    }

    private static func frame(_ side: Side) -> [UInt64] { (0..<8).map { side.root.pointee.frame.x[$0] } }

    private mutating func compare(_ name: String, _ state: (Side) -> [String]) {
        let (first, second) = (state(fast), state(general))
        for (fast, general) in zip(first, second) where fast != general {
            differences.append("\(name)\n  fast    \(fast)\n  general \(general)")
        }
    }

    /// Returns the first differences of both boards, if there are any. It compares everything, at the end of a test.
    mutating func finish() -> [String] {
        compare("at the end") { $0.everything }
        each { side in
            side.forge(nil)
            side.fixture.checksInvariants = true
            side.fixture.verify()
        }
        return Array(differences.prefix(5))
    }
}
