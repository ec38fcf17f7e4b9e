import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// The objects that `create` makes, with their exact sizes.
@Suite struct CreateEdgeTests {
    @Test func aRegionIsUsedToItsEnd() {
        let fixture = Fixture()
        let form = UInt32(ObjectKind.capabilityTable.rawValue)
        // A region's own structure and a table's header take 64 bytes each.
        for (count, status) in [(62, Status.ok), (63, .noMemory)] as [(UInt64, Status)] {
            let part = fixture.create(.region, Page.size), slot = fixture.freeSlot()
            #expect(fixture.operate(.create, part, form: form, count, UInt64(slot)).status == status)
            let region = fixture.object(part, as: Region.self)
            #expect((region.pointee.next == region.pointee.end) == (status == .ok))
        }
    }

    /// The host tool refuses plans beyond the same limits.
    @Test func theLimitsOfSizesAreThoseOfTheABI() {
        let fixture = Fixture()
        let part = fixture.create(.region, 1 << 16)
        func create(_ kind: ObjectKind, _ parameter: UInt64) -> Status? {
            fixture.operate(
                .create, part, form: UInt32(kind.rawValue), parameter, UInt64(fixture.freeSlot())
            ).status
        }
        // The region has no room for objects of these sizes.
        for (kind, limit) in [(.addressSpace, KernelLimits.pageTables), (.capabilityTable, KernelLimits.slots)]
            as [(ObjectKind, UInt64)]
        {
            #expect(create(kind, limit) == .noMemory)
            #expect(create(kind, limit + 1) == .badArgument)
        }
    }

    /// The answer is the number of bytes that the object took, including the gap before it.
    @Test func theBytesThatWereTakenAreTold() {
        let fixture = Fixture()
        let part = fixture.create(.region, 1 << 16)
        let region = fixture.object(part, as: Region.self)
        for (kind, parameter, alignment) in [
            (.notification, 0, 0), (.extent, 4096, 4096), (.thread, 0, 0), (.extent, 4096, 8192),
        ] as [(ObjectKind, UInt64, UInt64)] {
            let before = region.pointee.next
            let answer = fixture.succeed(
                .create, part, form: UInt32(kind.rawValue), parameter, UInt64(fixture.freeSlot()), alignment)
            #expect(answer.words[0] == region.pointee.next.value - before.value)
        }
    }

    @Test func contextsStartWithTheirRegistersReset() {
        let fixture = Fixture()
        let machine = fixture.object(fixture.create(.virtualCPU), as: ExecutionContext.self)
        #expect(machine.pointee.frame.processorState == 0x3C5)
        #expect(machine.pointee.guest?.pointee.context == machine)
        let thread = fixture.object(fixture.create(.thread), as: ExecutionContext.self)
        #expect(thread.pointee.frame.processorState == 0 && thread.pointee.guest == nil)
    }

    @Test func timeIsOfTheCoreAndThePriorityThatAreNamed() {
        let fixture = Fixture(cores: 2)
        let time = fixture.object(fixture.create(.schedulingContext, 7 << 8 | 1), as: SchedulingContext.self)
        #expect(time.pointee.core == CoreID(1) && time.pointee.priority == 7)
        #expect(time.pointee.slice == Ticks(SchedulingContext.defaultSlice))
    }

    /// A tenant can only give time that it has itself: on its core, no more urgent, in slices no longer.
    @Test func timeIsNoMoreThanItsGiverHas() {
        let fixture = Fixture(cores: 2)
        let giver = fixture.makeThread(priority: 31, slice: 300)
        #expect(fixture.current() == giver.context)
        let slot = fixture.freeSlot()
        func create(_ parameter: UInt64) -> Status? {
            fixture.operate(
                .create, fixture.region, form: UInt32(ObjectKind.schedulingContext.rawValue), parameter, UInt64(slot),
                by: giver.context
            ).status
        }
        #expect(create(10 << 8 | 1) != .ok)
        #expect(create(10 << 8) == .ok)
        #expect(fixture.object(slot, as: SchedulingContext.self).pointee.slice == Ticks(300))
    }

    /// A portal's binding is a descendant of its thread, and leaves the thread to which it was bound before.
    @Test func portalsHangBelowTheirThread() {
        let fixture = Fixture()
        let first = fixture.makeThread(starts: false), second = fixture.makeThread(starts: false)
        let portal = fixture.makePortal(to: first)
        #expect(fixture.slot(first.slot).pointee.firstChild != nil)
        let bind = ContextControl.bindPortal.rawValue
        fixture.succeed(.contextControl, second.slot, form: bind, UInt64(portal))
        #expect(
            fixture.slot(first.slot).pointee.firstChild == nil && fixture.slot(second.slot).pointee.firstChild != nil)
        var deep = first.slot
        for _ in 1..<K.maximumTreeDepth { deep = fixture.derive(deep) }
        let form = UInt32(ObjectKind.portal.rawValue)
        let slot = UInt64(fixture.freeSlot())
        #expect(fixture.operate(.create, fixture.region, form: form, UInt64(deep), slot).status == .tooDeep)
        #expect(fixture.operate(.contextControl, deep, form: bind, UInt64(portal)).status == .tooDeep)
    }

    /// Memory that nobody has used comes as it is. Used memory is zeroed, 16 KiB in each entry.
    @Test func usedMemoryIsZeroedInPieces() {
        let fixture = Fixture()
        let part = fixture.create(.region, 1 << 16), slot = fixture.freeSlot()
        let region = fixture.object(part, as: Region.self), form = UInt32(ObjectKind.extent.rawValue)
        func create() -> Status? {
            fixture.operate(.create, part, form: form, 0x9000, UInt64(slot), Page.size).status
        }
        #expect(create() == .ok)
        let start = fixture.slot(slot).pointee.object
        let memory = fixture.memory(slot)
        #expect(region.pointee.zeroedTo <= start && fixture.revoke(part) == .ok)
        for index in 0...0x1200 { memory[index] = 7 }
        for done in [0x4000, 0x8000] as [UInt64] {
            #expect(create() == .again && region.pointee.zeroedTo == start + done)
        }
        #expect(create() == .ok && region.pointee.zeroedTo == start + 0x9000)
        #expect((0..<0x1200).allSatisfy { memory[$0] == 0 } && memory[0x1200] == 7)
    }

    /// A new object has no badge and is no device's, so that a capability to it may get a badge.
    @Test func aNewObjectHasNoBadge() {
        let fixture = Fixture()
        let interrupt = fixture.freeSlot()
        fixture.succeed(
            .system, RootSlot.system, form: SystemForm.createInterrupt.rawValue, 40, UInt64(interrupt),
            UInt64(fixture.region))
        let kinds = [.thread, .virtualCPU, .portal, .schedulingContext, .notification] as [ObjectKind]
        let objects =
            kinds.map { fixture.create($0) }
            + [
                fixture.create(.capabilityTable, 1), fixture.create(.addressSpace, 1),
                fixture.create(.region, Page.size),
            ]
        for slot in objects + [interrupt] {
            #expect(fixture.slot(slot).pointee.badge == 0 && !fixture.slot(slot).pointee.value.isDevice)
            #expect(fixture.slot(fixture.badge(slot, 7)).pointee.badge == 7)
        }
    }

    /// The largest use of a region counts, not the last one: all used memory is zeroed for the next owner.
    @Test(arguments: [[8, 1], [1, 8], [8, 1, 2], [8, 1, 1, 1], [4, 8, 2]] as [[UInt64]], [false, true])
    func allUsedMemoryIsZeroed(uses: [UInt64], isInner: Bool) {
        let fixture = Fixture()
        let part = fixture.create(.region, 1 << 16), slot = fixture.freeSlot()
        func create(_ kind: ObjectKind, _ size: UInt64, in slot: UInt32, of region: UInt32) {
            var status = Status.again as Status?
            while status == .again {
                status =
                    fixture.operate(
                        .create, region, form: UInt32(kind.rawValue), size, UInt64(slot),
                        kind == .extent ? Page.size : 0
                    ).status
            }
            #expect(status == .ok)
        }
        func fill() -> UnsafeMutableBufferPointer<UInt64> {
            UnsafeMutableBufferPointer(start: fixture.memory(slot), count: Int(fixture.slot(slot).pointee.size / 8))
        }
        for pages in uses {
            create(.extent, pages * Page.size, in: slot, of: part)
            fill().update(repeating: 7)
            #expect(fixture.revoke(part) == .ok)
        }
        var source = part
        if isInner {
            source = fixture.freeSlot()
            create(.region, 12 * Page.size, in: source, of: part)
        }
        create(.extent, 10 * Page.size, in: slot, of: source)
        #expect(fill().allSatisfy { $0 == 0 })
    }
    /// A capability inherits the badge if no other is given, and keeps it.
    @Test func aBadgeIsInherited() {
        let fixture = Fixture()
        let badged = fixture.badge(fixture.create(.notification), 0x33)
        let child = fixture.derive(badged)
        #expect(fixture.slot(child).pointee.badge == 0x33)
        let answer = fixture.operate(.derive, child, UInt64(InitialSlot.table), UInt64(fixture.freeSlot()), 15, 0x33)
        #expect(answer.status == .noRights)
    }

    /// The same holds for a look-up that finds either kind of context.
    @Test func aContextThatChangesDuringTheLookUpIsNotFound() {
        let fixture = Fixture(cores: 2)
        let first = fixture.makeThread(starts: false), second = fixture.makeVirtualCPU(starts: false)
        let copy = fixture.derive(first.slot), core = fixture.model.cores[0]
        core.betweenLoads = {
            core.betweenLoads = nil
            let node = fixture.slot(copy)
            K.erase(node)
            K.publish(fixture.slot(second.slot).pointee.value, in: node, under: fixture.slot(second.slot))
        }
        let status = ContextControl.status.rawValue
        #expect(fixture.operate(.contextControl, copy, form: status).status == .badCapability)
        #expect(core.betweenLoads == nil)
        #expect(fixture.operate(.contextControl, copy, form: status).status == .ok)
    }

    /// Another core empties and fills the slot between a look-up's two looks at it.
    @Test func aSlotThatChangesDuringTheLookUpIsNotFound() {
        let fixture = Fixture(cores: 2)
        let first = fixture.create(.notification), second = fixture.create(.notification), copy = fixture.derive(first)
        let core = fixture.model.cores[0]
        core.betweenLoads = {
            core.betweenLoads = nil
            let node = fixture.slot(copy)
            K.erase(node)
            K.publish(fixture.slot(second).pointee.value, in: node, under: fixture.slot(second))
        }
        fixture.operate(.signal, copy, 4)
        let (old, new) = (
            fixture.object(first, as: KernelCore.Notification.self),
            fixture.object(second, as: KernelCore.Notification.self)
        )
        #expect(old.pointee.bits.load() == 0)
        // The general path looks again and finds the new one.
        #expect(new.pointee.bits.load() == 4)
    }
}
