import ABI
import HardwareModel
import Testing

@testable import KernelCore

private typealias Notification = KernelCore.Notification

/// The nodes that `revoke` removes, its pieces, and the operations that it excludes meanwhile.
@Suite struct RevokeTests {
    @Test func descendantsGoAndTheCapabilityStays() {
        let fixture = Fixture()
        let notification = fixture.create(.notification)
        let child = fixture.derive(notification), grandchild = fixture.derive(child),
            sibling = fixture.derive(notification)
        #expect(fixture.revoke(child) == .ok)
        #expect(!fixture.isEmpty(child) && fixture.isEmpty(grandchild) && !fixture.isEmpty(sibling))
        #expect(fixture.revoke(notification) == .ok)
        #expect(!fixture.isEmpty(notification) && fixture.isEmpty(child) && fixture.isEmpty(sibling))
        fixture.succeed(.signal, notification, 1)
        fixture.delete(notification)
    }

    /// A derived capability is only a capability, and the object stays.
    @Test func deletingAChildLeavesTheObject() {
        let fixture = Fixture()
        let thread = fixture.makeThread()
        let child = fixture.derive(thread.slot)
        fixture.delete(child)
        #expect(thread.state == .ready && !fixture.isEmpty(thread.slot))
    }

    @Test func slotAndFormAreChecked() {
        let fixture = Fixture()
        let notification = fixture.create(.notification)
        for slot in [0, 999, 1000, .max] as [UInt32] {
            #expect(fixture.operate(.revoke, slot).status == .badCapability)
            #expect(fixture.operate(.revoke, slot, form: 1).status == .badCapability)
        }
        for form in [2, 3, .max] as [UInt32] {
            #expect(fixture.operate(.revoke, notification, form: form).status == .unsupported)
        }
        #expect(!fixture.isEmpty(notification))
    }

    /// No right is needed: the holder of a capability may delete it, and everything made of it.
    @Test func revokingNeedsNoRight() {
        let fixture = Fixture()
        let notification = fixture.create(.notification)
        fixture.delete(fixture.derive(notification, rights: .read))
    }

    @Test func anEntryRemovesABoundedNumber() {
        let fixture = Fixture()
        let notification = fixture.create(.notification)
        let children = (0..<40).map { _ in fixture.derive(notification) }
        var rounds = 0
        while fixture.operate(.revoke, notification).status == .again {
            rounds += 1
            #expect(children.filter { fixture.isEmpty($0) }.count == rounds * K.revokeBatch)
        }
        #expect(rounds == 40 / K.revokeBatch - 1)
    }

    @Test func treesAreAtMostSoDeep() {
        let fixture = Fixture()
        var slots = [fixture.create(.notification)]
        while slots.count < Int(K.maximumTreeDepth) { slots.append(fixture.derive(slots.last!)) }
        let answer = fixture.operate(
            .derive, slots.last!, UInt64(InitialSlot.table), UInt64(fixture.freeSlot()), 15, 0, 0)
        #expect(answer.status == .tooDeep)
        // A binding is a child, too.
        let thread = fixture.makeThread()
        let bind = fixture.operate(.notificationBind, slots.last!, UInt64(thread.slot))
        #expect(bind.status == .tooDeep)
        fixture.delete(slots[0])
        #expect(slots.allSatisfy { fixture.isEmpty($0) })
    }

    /// Otherwise a holder could make descendants as fast as they are revoked.
    @Test func nothingGrowsBelowWhatIsBeingRevoked() {
        let fixture = Fixture(cores: 2)
        let notification = fixture.create(.notification)
        let child = fixture.derive(notification)
        let grandchildren = (0..<10).map { _ in fixture.derive(child) }
        let thread = fixture.makeThread(core: 1)
        #expect(fixture.operate(.revoke, notification).status == .again)
        let survivor = grandchildren.first { !fixture.isEmpty($0) }!
        for source in [notification, child, survivor] {
            let answer = fixture.operate(
                .derive, source, UInt64(InitialSlot.table), UInt64(fixture.freeSlot()), 15, 0, 0)
            #expect(answer.status == .badState)
        }
        #expect(fixture.operate(.notificationBind, child, UInt64(thread.slot)).status == .badState)
        #expect(fixture.revoke(notification) == .ok)
        _ = fixture.derive(notification)
    }

    /// A mapping, a message's capability and an object are growth, too.
    @Test func nothingIsMadeOfARegionThatIsBeingRevoked() {
        let fixture = Fixture(cores: 2)
        let part = fixture.create(.region, 1 << 16)
        let extent = fixture.freeSlot(), free = UInt64(fixture.freeSlot())
        fixture.succeed(.create, part, form: UInt32(ObjectKind.extent.rawValue), 4096, UInt64(extent), 4096)
        K.enter(fixture.core(1))
        #expect(fixture.operate(.revoke, part).status == .again)
        K.leave(fixture.core(1))
        #expect(fixture.operate(.create, part, form: UInt32(ObjectKind.portal.rawValue), 0, free).status == .badState)
        #expect(fixture.revoke(part) == .ok)
        #expect(fixture.operate(.create, part, form: UInt32(ObjectKind.portal.rawValue), 0, free).status == .ok)
    }

    // MARK: Memory

    /// All of the memory is zeroed in pieces, even if nobody asks for it when there is nothing to hide.
    @Test func memoryComesBackZeroed() {
        let fixture = Fixture()
        let part = fixture.create(.region, 1 << 20)
        let extent = fixture.freeSlot()
        let form = UInt32(ObjectKind.extent.rawValue)
        let size: UInt64 = 128 << 10
        fixture.succeed(.create, part, form: form, size, UInt64(extent), 4096)
        let memory = fixture.memory(extent)
        memory.update(repeating: 0xDEAD, count: Int(size / 8))
        fixture.delete(extent)
        #expect(fixture.revoke(part) == .ok)
        let region = fixture.object(part, as: Region.self)
        #expect(region.pointee.next == region.pointee.start)
        var rounds = 0
        while fixture.operate(.create, part, form: form, size, UInt64(extent), 4096).status == .again {
            rounds += 1
            #expect(fixture.isEmpty(extent))
        }
        #expect(rounds == Int(size / K.zeroBatch) - 1)
        #expect(fixture.memory(extent) == memory)
        #expect(UnsafeBufferPointer(start: memory, count: Int(size / 8)).allSatisfy { $0 == 0 })
    }

    /// An object that is created in between may take the place that was zeroed already.
    @Test func zeroingThatWasNotFinishedServesTheNext() {
        let fixture = Fixture()
        let part = fixture.create(.region, 1 << 20)
        let extent = UInt32(ObjectKind.extent.rawValue)
        let first = fixture.freeSlot(), second = fixture.freeSlot()
        fixture.succeed(.create, part, form: extent, 256 << 10, UInt64(first), 4096)
        fixture.memory(first).update(repeating: .max, count: 32 << 10)
        #expect(fixture.revoke(part) == .ok)
        #expect(fixture.operate(.create, part, form: extent, 64 << 10, UInt64(first), 4096).status == .again)
        fixture.succeed(.create, part, form: extent, 4096, UInt64(second), 4096)
        fixture.memory(second).update(repeating: .max, count: 512)
        while fixture.operate(.create, part, form: extent, 64 << 10, UInt64(first), 4096).status == .again {}
        #expect(UnsafeBufferPointer(start: fixture.memory(first), count: 8 << 10).allSatisfy { $0 == 0 })
        #expect(fixture.memory(first) == fixture.memory(second) + 512)
    }

    /// The outer one of two nested regions knows the former use of the inner one's memory.
    @Test func innerRegionsForgetWhatWasThereBefore() {
        let fixture = Fixture()
        let outer = fixture.create(.region, 1 << 20)
        let inner = fixture.freeSlot(), extent = fixture.freeSlot()
        let form = UInt32(ObjectKind.extent.rawValue)
        fixture.succeed(.create, outer, form: form, 512 << 10, UInt64(extent), 4096)
        fixture.memory(extent).update(repeating: .max, count: 64 << 10)
        #expect(fixture.revoke(outer) == .ok)
        fixture.succeed(.create, outer, form: UInt32(ObjectKind.region.rawValue), 256 << 10, UInt64(inner))
        while fixture.operate(.create, inner, form: form, 64 << 10, UInt64(extent), 4096).status == .again {}
        #expect(UnsafeBufferPointer(start: fixture.memory(extent), count: 8 << 10).allSatisfy { $0 == 0 })
        #expect(fixture.revoke(outer) == .ok)
        #expect(fixture.isEmpty(inner) && fixture.isEmpty(extent))
    }

    /// A capability to a derived region gives back nothing that others made of the region.
    @Test func aDerivedRegionTakesBackItsOwnChildren() {
        let fixture = Fixture()
        let part = fixture.create(.region, 1 << 16)
        let donated = fixture.derive(part)
        let form = UInt32(ObjectKind.notification.rawValue)
        let mine = fixture.freeSlot(), theirs = fixture.freeSlot()
        fixture.succeed(.create, part, form: form, 0, UInt64(mine))
        fixture.succeed(.create, donated, form: form, 0, UInt64(theirs))
        let region = fixture.object(part, as: Region.self)
        let next = region.pointee.next
        #expect(fixture.revoke(donated) == .ok)
        #expect(fixture.isEmpty(theirs) && !fixture.isEmpty(mine) && region.pointee.next == next)
        #expect(fixture.revoke(part) == .ok)
        #expect(fixture.isEmpty(donated) && fixture.isEmpty(mine) && region.pointee.next == region.pointee.start)
    }

    @Test func identifiersOfSpacesComeBack() {
        let fixture = Fixture()
        fixture.checksInvariants = false
        for _ in 0..<600 {
            let space = fixture.create(.addressSpace, 1)
            fixture.delete(space)
        }
        #expect(fixture.object(fixture.create(.addressSpace, 1), as: AddressSpace.self).pointee.identifier == 2)
    }

    /// The mapping's capability stays when its space is destroyed, and does not concern the next space with the same
    /// VMID.
    @Test func aMappingOfASpaceThatIsGoneIsNothing() {
        let fixture = Fixture()
        let extent = fixture.create(.extent, 0x2000, alignment: 4096)
        let first = fixture.create(.addressSpace, 4), mapping = fixture.freeSlot()
        fixture.succeed(.map, first, UInt64(extent), 0x1000, 0, 0x1000, 3, UInt64(mapping))
        let identifier = fixture.object(first, as: AddressSpace.self).pointee.identifier
        fixture.delete(first)
        let second = fixture.create(.addressSpace, 4)
        #expect(fixture.object(second, as: AddressSpace.self).pointee.identifier == identifier)
        let other = fixture.freeSlot()
        fixture.succeed(.map, second, UInt64(extent), 0x1000, 0x1000, 0x1000, 3, UInt64(other))
        fixture.delete(mapping)
        let space = fixture.object(second, as: AddressSpace.self)
        #expect(K.leaf(space, GuestAddress(0x1000)) != nil)
        fixture.delete(other)
        #expect(K.leaf(space, GuestAddress(0x1000)) == nil)
    }

    // MARK: Tables

    @Test func aTablesCapabilitiesGoWithIt() {
        let fixture = Fixture()
        let table = fixture.create(.capabilityTable, 300)
        let notification = fixture.create(.notification)
        for slot in [1, 150, 299] as [UInt64] { fixture.succeed(.derive, notification, UInt64(table), slot, 15, 0, 0) }
        fixture.delete(table)
        #expect(fixture.slot(notification).pointee.firstChild == nil)
        #expect(fixture.model.kernelBoard.pointee.dyingTables == nil)
    }

    /// Tables hold each other's capabilities, and one holds its own.
    @Test func tablesWithinTables() {
        let fixture = Fixture()
        let outer = fixture.create(.capabilityTable, 20), inner = fixture.create(.capabilityTable, 20)
        let notification = fixture.create(.notification)
        fixture.succeed(.derive, outer, UInt64(outer), 1, 15, 0, 0)
        fixture.succeed(.derive, inner, UInt64(outer), 2, 15, 0, 0)
        fixture.succeed(.derive, outer, UInt64(inner), 1, 15, 0, 0)
        fixture.succeed(.derive, notification, UInt64(inner), 2, 15, 0, 0)
        fixture.delete(outer)
        #expect(fixture.slot(inner).pointee.firstChild == nil && !fixture.isEmpty(inner))
        fixture.delete(inner)
        #expect(fixture.slot(notification).pointee.firstChild == nil)
    }

    /// The first capability of an object lies in a destroyed table. The object is destroyed, with everything derived
    /// from it elsewhere.
    @Test func objectsGoWithTheirOwnersTable() {
        let fixture = Fixture(cores: 2)
        let table = fixture.create(.capabilityTable, 40)
        let thread = fixture.makeThread(priority: 5, core: 1, starts: false)
        let other = fixture.create(.thread)
        _ = other
        let time = fixture.makeScheduling(priority: 9, core: 1)
        // A thread whose table is the new one makes a notification in it.
        fixture.succeed(.derive, fixture.region, UInt64(table), 1, 15, 0, 0)
        fixture.succeed(.derive, InitialSlot.table, UInt64(table), 2, 15, 0, 0)
        fixture.succeed(
            .contextControl, thread.slot, form: ContextControl.configure.rawValue, UInt64(InitialSlot.space),
            UInt64(table),
            0, UInt64(time), 1)
        fixture.start(thread)
        let form = UInt32(ObjectKind.notification.rawValue)
        fixture.succeed(.create, 1, form: form, 0, 5, by: thread.context)
        let copy = fixture.freeSlot()
        fixture.succeed(.derive, 5, 2, UInt64(copy), 15, 0, 0, by: thread.context)
        #expect(fixture.slot(copy).pointee.kind == .notification)
        fixture.delete(table)
        #expect(fixture.isEmpty(copy))
        #expect(thread.context.pointee.table == nil && thread.state == .ready)
        #expect(fixture.operate(.signal, 5, 1, by: thread.context).status == .badCapability)
    }

    /// An aligned object was begun behind a gap. Then another one is made in the gap.
    @Test func zeroingSkipsNoGapOfAnAlignment() {
        let fixture = Fixture()
        let part = fixture.create(.region, 1 << 20, alignment: Page.size)
        let extent = fixture.freeSlot()
        fixture.succeed(.create, part, form: UInt32(ObjectKind.extent.rawValue), 512 << 10, UInt64(extent), Page.size)
        let old = fixture.memory(extent)
        let base = fixture.slot(extent).pointee.object.value
        for index in 0..<(512 << 10) / 8 { old[index] = 0 }
        // Slot 100 of a table will be at this place.
        let region = fixture.object(part, as: Region.self)
        let place = region.pointee.start.value + 64 + 100 * 64
        let forged = CapabilityHeader.make(
            CapabilityValue(kind: .extent, rights: .all, isDevice: false, object: PhysicalAddress(0), word: 0),
            owner: false)
        old[Int(place - base) / 8] = forged
        old[Int(place - base) / 8 + 1] = 0x4000_0000
        old[Int(place - base) / 8 + 2] = 1 << 30
        #expect(fixture.revoke(part) == .ok)
        #expect(region.pointee.next == region.pointee.start)
        let first = fixture.freeSlot(), second = fixture.freeSlot()
        let answer = fixture.operate(
            .create, part, form: UInt32(ObjectKind.extent.rawValue), 64 << 10, UInt64(first), 64 << 10)
        #expect(answer.status == .again)
        fixture.succeed(.create, part, form: UInt32(ObjectKind.capabilityTable.rawValue), 200, UInt64(second))
        let table = fixture.object(second, as: CapabilityTable.self)
        let slot = table.pointee.slot(100)!
        let isEmpty = slot.pointee.isEmpty
        #expect(isEmpty, "a forged capability")
    }

    // MARK: Other cores

    /// Nodes that only another core may touch are removed there. Two revokers may want the same core at once.
    @Test func twoRevokersShareACore() {
        let fixture = Fixture(cores: 3)
        let first = fixture.makeThread(core: 2), second = fixture.makeThread(core: 2)
        let helper = fixture.makeThread(core: 1)
        func delete(_ slot: UInt32, by caller: Ref<ExecutionContext>) -> Status? {
            fixture.operate(.revoke, slot, form: RevokeForm.delete.rawValue, by: caller).status
        }
        #expect(delete(first.slot, by: fixture.root) == .again)
        #expect(delete(second.slot, by: helper.context) == .again)
        var rounds = 0
        while !(fixture.isEmpty(first.slot) && fixture.isEmpty(second.slot)), rounds < 100 {
            fixture.settleAll()
            _ = delete(first.slot, by: fixture.root)
            _ = delete(second.slot, by: helper.context)
            rounds += 1
        }
        #expect(rounds < 20)
        #expect(fixture.current(2) == nil)
    }

    /// The holder has changed its mind before the other core came to it.
    @Test func aDeleteThatIsNotFinishedIsVoidOnceOnlyDescendantsAreWanted() {
        let fixture = Fixture(cores: 2)
        let thread = fixture.makeThread(core: 1)
        while fixture.operate(.revoke, thread.slot, form: RevokeForm.delete.rawValue).status == .again,
            fixture.core(1).pointee.errand.load() == 0
        { fixture.settleAll() }
        #expect(fixture.core(1).pointee.errand.load() != 0)
        #expect(fixture.operate(.revoke, thread.slot).status == .ok)
        fixture.settleAll()
        #expect(!fixture.isEmpty(thread.slot) && thread.state == .ready)
    }

    /// The errand must not wait for the next contents of the slot.
    @Test func anErrandGoesWithItsNode() {
        let fixture = Fixture(cores: 2)
        let helper = fixture.makeThread(priority: 20, core: 1), thread = fixture.makeThread(core: 1)
        let delete = RevokeForm.delete.rawValue
        while fixture.core(1).pointee.errand.load() == 0 {
            #expect(fixture.operate(.revoke, thread.slot, form: delete).status == .again)
            if fixture.core(1).pointee.errand.load() == 0 { fixture.settleAll() }
        }
        // A thread of the other core does it by itself, before that core takes the interrupt.
        while fixture.operate(.revoke, thread.slot, form: delete, by: helper.context).status == .again {
            fixture.settle(0)
        }
        #expect(fixture.isEmpty(thread.slot) && fixture.core(1).pointee.errand.load() == 0)
        fixture.succeed(.derive, helper.slot, UInt64(InitialSlot.table), UInt64(thread.slot), 15, 0, 0)
        fixture.settleAll()
        #expect(!fixture.isEmpty(thread.slot))
    }
}
