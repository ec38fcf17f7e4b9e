import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// The functions by which the start-up code makes root.
@Suite struct StartUpTests {
    private let fixture = Fixture()
    private let space: Ref<AddressSpace>
    private static var memory: PhysicalAddress { PhysicalAddress(1 << 32) }

    init() {
        // Root's memory has no capabilities for its mappings.
        fixture.checksInvariants = false
        space = fixture.object(fixture.create(.addressSpace, 4), as: AddressSpace.self)
    }

    private func map(_ address: UInt64, _ size: UInt64, _ rights: Rights) -> Bool {
        fixture.model.cores[0].run { K.mapAtStart(space, Self.memory, GuestAddress(address), size, rights) }
    }

    /// Returns the frame and the rights of a page, or nil if nothing is mapped there.
    private func page(_ address: UInt64) -> (frame: UInt64, rights: Rights, isMemory: Bool)? {
        guard let leaf = K.leaf(space, GuestAddress(address)) else { return nil }
        let entry = ModelHardware.readEntry(leaf.table, leaf.index)
        let frame = ModelHardware.frame(of: entry).value
        return (frame, ModelHardware.rights(of: entry), ModelHardware.isMemory(entry, .read))
    }

    /// The pages are more than one `map` handles. They are mapped in order, and no further page is.
    @Test(arguments: [1, 15, 16, 17, 40] as [UInt64])
    func allOfItIsMapped(count: UInt64) {
        let start: UInt64 = 0x5000
        #expect(map(start, count * Page.size, .readOnly))
        for index in 0..<count {
            guard let page = page(start + index * Page.size) else {
                Issue.record("page \(index) is not mapped")
                return
            }
            #expect(page.frame == Self.memory.value + index * Page.size && page.rights == .readOnly && page.isMemory)
        }
        #expect(page(start - Page.size) == nil && page(start + count * Page.size) == nil)
        fixture.verify()
    }

    /// The pool's four tables are two pairs.
    @Test func tablesThatDoNotSufficeAreTold() {
        #expect(map(0x1000, Page.size, .readWrite) && map(5 << 30 | 0x1000, 2 * Page.size, .readWrite))
        #expect(!map(9 << 30 | 0x1000, Page.size, .readWrite))
        // The first of these pages fits into the existing tables, and the second one does not.
        #expect(!map(6 << 30 - Page.size, 2 * Page.size, .readWrite))
        #expect(page(9 << 30 | 0x1000) == nil && page(6 << 30) == nil)
    }

    /// Memory that nobody has used comes as it is, to the last byte, and no byte is given twice.
    @Test func aRegionIsWhatItWasGiven() {
        let region = fixture.object(fixture.create(.region, Page.size), as: Region.self)
        K.initialiseAtStart(region, from: Self.memory, to: Self.memory + 0x3000)
        #expect(region.pointee.start == Self.memory && region.pointee.next == Self.memory)
        #expect(region.pointee.end == Self.memory + 0x3000 && region.pointee.dirtyEnd == PhysicalAddress(0))
    }

    /// The space of a component, in which no virtual CPU may run.
    @Test func rootsSpaceIsAComponents() {
        let machine = fixture.create(.virtualCPU), time = fixture.makeScheduling(priority: 5)
        let answer = fixture.operate(
            .contextControl, machine, form: ContextControl.configure.rawValue, UInt64(InitialSlot.space),
            UInt64(InitialSlot.table), 0, UInt64(time), 0)
        #expect(answer.status == .badState)
    }

    /// A capability of the start-up code has no parent, and a slot beyond the table's end cannot take one.
    @Test func anInstalledCapabilityHasNoParent() {
        let slot = fixture.freeSlot()
        let value = CapabilityValue(
            kind: .extent, rights: .readOnly, isDevice: true, object: Self.memory, word: 0x2000)
        for number in [slot, 0, UInt32(Fixture.tableSlots)] { K.install(value, in: fixture.table, number) }
        let node = fixture.slot(slot)
        #expect(node.pointee.kind == .extent && node.pointee.rights == .readOnly)
        #expect(node.pointee.has(CapabilityHeader.device) && !node.pointee.has(CapabilityHeader.owner))
        #expect(node.pointee.object == Self.memory && node.pointee.size == 0x2000 && node.pointee.parent == nil)
        for number in [0, Fixture.tableSlots] {
            let behind = Ref<Capability>(at: fixture.table.pointee.slots + number * Capability.size)
            #expect(behind.pointee.kind == .none)
        }
    }
}
