import ABI
import HardwareModel
import Testing

@testable import KernelCore

@Suite struct CreateTests {
    @Test(
        arguments: [
            // Kind, parameter, alignment.
            (ObjectKind.capabilityTable, 0, 0), (.capabilityTable, 8193, 0), (.capabilityTable, .max, 0),
            (.addressSpace, 0, 0), (.addressSpace, 4097, 0), (.addressSpace, .max, 0),
            (.addressSpace, 1 << 32, 0), (.addressSpace, 1 << 32 | 4097, 0), (.addressSpace, 2 << 32 | 1, 0),
            (.extent, 0, 4096), (.extent, 4097, 4096), (.extent, 1 << 48, 4096), (.extent, .max & ~4095, 4096),
            (.extent, 4096, 0), (.extent, 4096, 2048), (.extent, 4096, 12288), (.extent, 4096, 1 << 31),
            (.region, 0, 0), (.region, 4097, 0), (.region, 1 << 48, 0),
            (.schedulingContext, 1, 0), (.schedulingContext, 0xFF, 0), (.schedulingContext, 32 << 8, 0),
            (.none, 0, 0), (.interrupt, 40, 0), (.system, 0, 0),
        ] as [(ObjectKind, UInt64, UInt64)])
    func wrongShapesAreRefused(kind: ObjectKind, parameter: UInt64, alignment: UInt64) {
        let fixture = Fixture()
        let slot = fixture.freeSlot()
        let answer = fixture.operate(
            .create, fixture.region, form: UInt32(kind.rawValue), parameter, UInt64(slot), alignment)
        #expect(answer.status == .badArgument)
        #expect(fixture.slot(slot).pointee.kind == .none)
    }

    /// The largest table and the largest space, and the extents' least and greatest alignment.
    @Test(
        arguments: [
            (ObjectKind.capabilityTable, CapabilityTable.maximumCount, 0), (.capabilityTable, 1, 0),
            (.addressSpace, 4096, 0), (.addressSpace, 1 << 32 | 4096, 0),
            (.extent, 4096, 4096), (.extent, 4096, 1 << 20), (.region, 4096, 0),
            (.schedulingContext, 31 << 8, 0),
        ] as [(ObjectKind, UInt64, UInt64)])
    func shapesAtTheirLimits(kind: ObjectKind, parameter: UInt64, alignment: UInt64) {
        let fixture = Fixture()
        let object = fixture.slot(fixture.create(kind, parameter, alignment: alignment)).pointee.object
        #expect(object.value & (max(alignment, 64) - 1) == 0)
    }

    @Test func kindsAreWholeNumbers() {
        let fixture = Fixture()
        for form in [12, 256 + UInt32(ObjectKind.thread.rawValue), .max] {
            #expect(fixture.operate(.create, fixture.region, form: form, 0, 100).status == .badArgument)
        }
    }

    @Test(
        arguments: [
            (0, Status.badCapability), (UInt64(InitialSlot.table), .occupied), (1000, .badCapability),
            (1 << 32 | 100, .badCapability), (.max, .badCapability), (999, .ok),
        ] as [(UInt64, Status)])
    func theReceivingSlotMustBeFree(slot: UInt64, status: Status) {
        let fixture = Fixture()
        let region = fixture.object(fixture.region, as: Region.self)
        let before = region.pointee.next
        #expect(
            fixture.operate(.create, fixture.region, form: UInt32(ObjectKind.thread.rawValue), 0, slot).status == status
        )
        if status != .ok { #expect(region.pointee.next == before) }
    }

    @Test func onlyARegionWithTheRightMakesObjects() {
        let fixture = Fixture()
        let form = UInt32(ObjectKind.thread.rawValue)
        #expect(fixture.operate(.create, InitialSlot.thread, form: form, 0, 100).status == .badCapability)
        let weak = fixture.freeSlot()
        fixture.succeed(
            .derive, fixture.region, UInt64(InitialSlot.table), UInt64(weak), UInt64(Rights.readWrite.rawValue))
        #expect(fixture.operate(.create, weak, form: form, 0, 100).status == .noRights)
    }

    @Test func aRegionThatIsFullStaysAsItWas() {
        let fixture = Fixture(memory: 2 << 20)
        let region = fixture.object(fixture.region, as: Region.self)
        let extent = UInt32(ObjectKind.extent.rawValue)
        let before = region.pointee.next
        #expect(fixture.operate(.create, fixture.region, form: extent, 4 << 20, 100, 4096).status == .noMemory)
        #expect(fixture.operate(.create, fixture.region, form: extent, 4096, 100, 1 << 30).status == .noMemory)
        #expect(region.pointee.next == before)
        #expect(fixture.slot(100).pointee.kind == .none)
        let left = (region.pointee.end.value - before.value) & ~4095
        let answer = fixture.succeed(.create, fixture.region, form: extent, left - 4096, 100, 4096)
        #expect(answer.words[0] == region.pointee.next.value - before.value)
        while fixture.operate(
            .create, fixture.region, form: UInt32(ObjectKind.portal.rawValue), 3, UInt64(fixture.freeSlot())
        )
        .status == .ok {}
        #expect(
            fixture.operate(.create, fixture.region, form: UInt32(ObjectKind.virtualCPU.rawValue), 0, 998).status
                == .noMemory)
        #expect(region.pointee.next <= region.pointee.end)
    }

    @Test func aPortalNeedsAThreadThatIsConfigured() {
        let fixture = Fixture()
        let thread = fixture.create(.thread)
        let form = UInt32(ObjectKind.portal.rawValue)
        let region = fixture.object(fixture.region, as: Region.self)
        let before = region.pointee.next
        #expect(fixture.operate(.create, fixture.region, form: form, UInt64(thread), 100).status == .badState)
        #expect(
            fixture.operate(.create, fixture.region, form: form, UInt64(fixture.region), 100).status == .badCapability)
        #expect(fixture.operate(.create, fixture.region, form: form, .max, 100).status == .badCapability)
        #expect(region.pointee.next == before)
        #expect(fixture.operate(.create, fixture.region, form: form, 0, 100).status == .ok, "a portal to nobody")
        #expect(fixture.operate(.call, 100).status == .dead)
    }

    @Test func spacesEndWithTheIdentifiers() {
        let fixture = Fixture()
        fixture.checksInvariants = false
        var spaces = 1  // Root's own.
        var slot: UInt64 = 100
        while fixture.operate(.create, fixture.region, form: UInt32(ObjectKind.addressSpace.rawValue), 1, slot).status
            == .ok
        {
            spaces += 1
            slot += 1
        }
        #expect(spaces == 255)
        #expect(fixture.answer(fixture.root).status == .noMemory)
        let identifiers = Set((100..<UInt32(slot)).map { fixture.object($0, as: AddressSpace.self).pointee.identifier })
        #expect(identifiers.count == 254 && !identifiers.contains(0))
        let region = fixture.object(fixture.region, as: Region.self)
        let before = region.pointee.next
        fixture.operate(.create, fixture.region, form: UInt32(ObjectKind.addressSpace.rawValue), 1, slot)
        #expect(region.pointee.next == before)
    }

    @Test func memoryOfObjectsIsZeroedBeforeUse() {
        let fixture = Fixture()
        let region = fixture.object(fixture.region, as: Region.self)
        let memory = UnsafeMutablePointer<UInt64>(bitPattern: UInt(region.pointee.next.value))!
        memory.update(repeating: .max, count: 4096)
        let table = fixture.create(.capabilityTable, 20)
        let slots = fixture.object(table, as: CapabilityTable.self)
        #expect((1..<20).allSatisfy { slots.pointee.slot($0)!.pointee.kind == .none })
        let thread = fixture.object(fixture.create(.thread), as: ExecutionContext.self)
        #expect(thread.pointee.state == .stopped && thread.pointee.table == nil)
        let notification = fixture.object(fixture.create(.notification), as: KernelCore.Notification.self)
        #expect(notification.pointee.bits.load() == 0 && !notification.pointee.timer.isArmed)
    }
}

@Suite struct DeriveTests {
    private let fixture = Fixture()

    private func derive(_ source: UInt32, rights: UInt64 = 15, _ first: UInt64 = 0, _ second: UInt64 = 0) -> (
        UInt32, Status?
    ) {
        let slot = fixture.freeSlot()
        let answer = fixture.operate(.derive, source, UInt64(InitialSlot.table), UInt64(slot), rights, first, second)
        return (slot, answer.status)
    }

    @Test func rightsOnlyShrink() {
        let notification = fixture.create(.notification)
        for first in 0..<UInt64(16) {
            let (child, _) = derive(notification, rights: first)
            #expect(fixture.slot(child).pointee.rights.rawValue == UInt8(first))
            let (grandchild, status) = derive(child, rights: .max)
            let mayDerive = first & UInt64(Rights.manage.rawValue) != 0
            #expect(status == (mayDerive ? .ok : .noRights))
            #expect(fixture.slot(grandchild).pointee.rights.rawValue == (mayDerive ? UInt8(first) : 0))
        }
    }

    @Test func aBadgeIsSetOnce() {
        let notification = fixture.create(.notification)
        let (badged, _) = derive(notification, 0x10)
        #expect(derive(badged, 0x20).1 == .noRights)
        let (copy, status) = derive(badged)
        #expect(status == .ok && fixture.slot(copy).pointee.badge == 0x10)
        fixture.succeed(.signal, copy, 0xFF)
        #expect(fixture.object(notification, as: KernelCore.Notification.self).pointee.bits.load() == 0x10)
    }

    /// A derived region donates memory: both make objects of the same region.
    @Test func aRegionThatIsDerivedIsTheSameMemory() {
        let (child, status) = derive(fixture.region)
        #expect(status == .ok)
        let form = UInt32(ObjectKind.notification.rawValue)
        fixture.succeed(.create, child, form: form, 0, 100)
        fixture.succeed(.create, fixture.region, form: form, 0, 101)
        #expect(fixture.slot(101).pointee.object == fixture.slot(100).pointee.object + KernelCore.Notification.size)
        #expect(fixture.slot(100).pointee.parent == fixture.slot(child))
        #expect(fixture.slot(101).pointee.parent == fixture.slot(fixture.region))
    }

    @Test(
        arguments: [
            // Offset and size within 64 KiB; size 0 is the rest.
            (0, 0, Status.ok), (0x1000, 0x2000, .ok), (0xF000, 0x1000, .ok), (0xF000, 0, .ok),
            (0x10000, 0, .badArgument), (0x10000, 0x1000, .badArgument), (0xF000, 0x2000, .badArgument),
            (0x800, 0x1000, .badArgument), (0, 0x800, .badArgument), (.max & ~0xFFF, 0x2000, .badArgument),
            (0x1000, .max & ~0xFFF, .badArgument), (.max & ~0xFFF, 0, .badArgument),
        ] as [(UInt64, UInt64, Status)])
    func extentsShrinkWithinTheirParent(offset: UInt64, size: UInt64, status: Status) {
        let extent = fixture.create(.extent, 0x10000, alignment: 4096)
        let (child, answer) = derive(extent, offset, size)
        #expect(answer == status)
        guard status == .ok else { return #expect(fixture.slot(child).pointee.kind == .none) }
        #expect(fixture.slot(child).pointee.object == fixture.slot(extent).pointee.object + offset)
        #expect(fixture.slot(child).pointee.size == (size == 0 ? 0x10000 - offset : size))
    }

    @Test func sourceTableAndSlotAreChecked() {
        let notification = fixture.create(.notification)
        let table = UInt64(InitialSlot.table)
        func status(_ source: UInt32, _ words: UInt64...) -> Status? {
            fixture.operate(fixture.root, Operation.derive.rawValue, Selector(slot: source), words).status
        }
        #expect(status(0, table, 500, 15, 0, 0) == .badCapability)
        #expect(status(501, table, 500, 15, 0, 0) == .badCapability)
        #expect(status(.max, table, 500, 15, 0, 0) == .badCapability)
        #expect(status(notification, 0, 500, 15, 0, 0) == .badCapability)
        #expect(status(notification, UInt64(notification), 500, 15, 0, 0) == .badCapability)
        #expect(status(notification, table, 0, 15, 0, 0) == .badCapability)
        #expect(status(notification, table, 1000, 15, 0, 0) == .badCapability)
        #expect(status(notification, table, table, 15, 0, 0) == .occupied)
        let (readOnly, _) = derive(InitialSlot.table, rights: 1)
        #expect(status(notification, UInt64(readOnly), 500, 15, 0, 0) == .noRights)
    }

    @Test func childrenHangInTheTree() {
        let notification = fixture.create(.notification)
        let children = (0..<3).map { _ in derive(notification).0 }
        var found: Set<UInt32> = []
        var next = fixture.slot(notification).pointee.firstChild
        while let child = next {
            found.insert(children.first { fixture.slot($0) == child }!)
            next = child.pointee.nextSibling
        }
        #expect(found == Set(children))
        #expect(fixture.slot(notification).pointee.parent == fixture.slot(fixture.region))
    }
}
