import ABI
import MachineModel
import Testing

@testable import KernelCore

private typealias Notification = KernelCore.Notification

/// What `revoke` takes back, in which pieces, and what may not happen meanwhile.
@Suite struct RevokeTests {
    @Test func descendantsGoAndTheCapabilityStays() {
        let bench = Bench()
        let notification = bench.create(.notification)
        let child = bench.derive(notification), grandchild = bench.derive(child), sibling = bench.derive(notification)
        #expect(bench.revoke(child) == .ok)
        #expect(!bench.isEmpty(child) && bench.isEmpty(grandchild) && !bench.isEmpty(sibling))
        #expect(bench.revoke(notification) == .ok)
        #expect(!bench.isEmpty(notification) && bench.isEmpty(child) && bench.isEmpty(sibling))
        bench.succeed(.signal, notification, 1)
        bench.delete(notification)
    }

    /// A capability that was derived is only a capability: the object stays.
    @Test func deletingAChildLeavesTheObject() {
        let bench = Bench()
        let thread = bench.makeThread()
        let child = bench.derive(thread.slot)
        bench.delete(child)
        #expect(thread.state == .ready && !bench.isEmpty(thread.slot))
    }

    @Test func slotAndFormAreChecked() {
        let bench = Bench()
        let notification = bench.create(.notification)
        for slot in [0, 999, 1000, .max] as [UInt32] {
            #expect(bench.operate(.revoke, slot).status == .badCapability)
            #expect(bench.operate(.revoke, slot, form: 1).status == .badCapability)
        }
        for form in [2, 3, .max] as [UInt32] {
            #expect(bench.operate(.revoke, notification, form: form).status == .unsupported)
        }
        #expect(!bench.isEmpty(notification))
    }

    /// No right is needed: whoever holds a capability may throw it away, and what it made of it.
    @Test func revokingNeedsNoRight() {
        let bench = Bench()
        let notification = bench.create(.notification)
        bench.delete(bench.derive(notification, rights: .read))
    }

    @Test func anEntryRemovesABoundedNumber() {
        let bench = Bench()
        let notification = bench.create(.notification)
        let children = (0..<40).map { _ in bench.derive(notification) }
        var rounds = 0
        while bench.operate(.revoke, notification).status == .again {
            rounds += 1
            #expect(children.filter { bench.isEmpty($0) }.count == rounds * K.revokeBatch)
        }
        #expect(rounds == 40 / K.revokeBatch - 1)
    }

    @Test func treesAreAtMostSoDeep() {
        let bench = Bench()
        var slots = [bench.create(.notification)]
        while slots.count < Int(K.maximumTreeDepth) { slots.append(bench.derive(slots.last!)) }
        let answer = bench.operate(
            .derive, slots.last!, UInt64(InitialSlot.table), UInt64(bench.freeSlot()), 15, 0, 0)
        #expect(answer.status == .tooDeep)
        // A binding is a child, too.
        let thread = bench.makeThread()
        let bind = bench.operate(.notificationBind, slots.last!, UInt64(thread.slot))
        #expect(bind.status == .tooDeep)
        bench.delete(slots[0])
        #expect(slots.allSatisfy { bench.isEmpty($0) })
    }

    /// Else a holder could make descendants as fast as they are taken back.
    @Test func nothingGrowsBelowWhatIsBeingRevoked() {
        let bench = Bench(cores: 2)
        let notification = bench.create(.notification)
        let child = bench.derive(notification)
        let grandchildren = (0..<10).map { _ in bench.derive(child) }
        let thread = bench.makeThread(core: 1)
        #expect(bench.operate(.revoke, notification).status == .again)
        let survivor = grandchildren.first { !bench.isEmpty($0) }!
        for source in [notification, child, survivor] {
            let answer = bench.operate(
                .derive, source, UInt64(InitialSlot.table), UInt64(bench.freeSlot()), 15, 0, 0)
            #expect(answer.status == .badState)
        }
        #expect(bench.operate(.notificationBind, child, UInt64(thread.slot)).status == .badState)
        #expect(bench.revoke(notification) == .ok)
        _ = bench.derive(notification)
    }

    /// A mapping, a message's capability and an object are growth, too.
    @Test func nothingIsMadeOfARegionThatIsBeingRevoked() {
        let bench = Bench(cores: 2)
        let part = bench.create(.region, 1 << 16)
        let extent = bench.freeSlot(), free = UInt64(bench.freeSlot())
        bench.succeed(.create, part, form: UInt32(ObjectKind.extent.rawValue), 4096, UInt64(extent), 4096)
        K.enter(bench.core(1))
        #expect(bench.operate(.revoke, part).status == .again)
        K.leave(bench.core(1))
        #expect(bench.operate(.create, part, form: UInt32(ObjectKind.portal.rawValue), 0, free).status == .badState)
        #expect(bench.revoke(part) == .ok)
        #expect(bench.operate(.create, part, form: UInt32(ObjectKind.portal.rawValue), 0, free).status == .ok)
    }

    // MARK: Memory

    /// The whole of it, in pieces, though nobody asks for it when there is nothing to hide.
    @Test func memoryComesBackZeroed() {
        let bench = Bench()
        let part = bench.create(.region, 1 << 20)
        let extent = bench.freeSlot()
        let form = UInt32(ObjectKind.extent.rawValue)
        let size: UInt64 = 128 << 10
        bench.succeed(.create, part, form: form, size, UInt64(extent), 4096)
        let memory = bench.memory(extent)
        memory.update(repeating: 0xDEAD, count: Int(size / 8))
        bench.delete(extent)
        #expect(bench.revoke(part) == .ok)
        let region = bench.object(part, as: Region.self)
        #expect(region.pointee.next == region.pointee.start)
        var rounds = 0
        while bench.operate(.create, part, form: form, size, UInt64(extent), 4096).status == .again {
            rounds += 1
            #expect(bench.isEmpty(extent))
        }
        #expect(rounds == Int(size / K.zeroBatch) - 1)
        #expect(bench.memory(extent) == memory)
        #expect(UnsafeBufferPointer(start: memory, count: Int(size / 8)).allSatisfy { $0 == 0 })
    }

    /// What is created in between may take the place that was zeroed already.
    @Test func zeroingThatWasNotFinishedServesTheNext() {
        let bench = Bench()
        let part = bench.create(.region, 1 << 20)
        let extent = UInt32(ObjectKind.extent.rawValue)
        let first = bench.freeSlot(), second = bench.freeSlot()
        bench.succeed(.create, part, form: extent, 256 << 10, UInt64(first), 4096)
        bench.memory(first).update(repeating: .max, count: 32 << 10)
        #expect(bench.revoke(part) == .ok)
        #expect(bench.operate(.create, part, form: extent, 64 << 10, UInt64(first), 4096).status == .again)
        bench.succeed(.create, part, form: extent, 4096, UInt64(second), 4096)
        bench.memory(second).update(repeating: .max, count: 512)
        while bench.operate(.create, part, form: extent, 64 << 10, UInt64(first), 4096).status == .again {}
        #expect(UnsafeBufferPointer(start: bench.memory(first), count: 8 << 10).allSatisfy { $0 == 0 })
        #expect(bench.memory(first) == bench.memory(second) + 512)
    }

    /// A region in a region: the outer one knows what the inner one's memory was.
    @Test func innerRegionsForgetWhatWasThereBefore() {
        let bench = Bench()
        let outer = bench.create(.region, 1 << 20)
        let inner = bench.freeSlot(), extent = bench.freeSlot()
        let form = UInt32(ObjectKind.extent.rawValue)
        bench.succeed(.create, outer, form: form, 512 << 10, UInt64(extent), 4096)
        bench.memory(extent).update(repeating: .max, count: 64 << 10)
        #expect(bench.revoke(outer) == .ok)
        bench.succeed(.create, outer, form: UInt32(ObjectKind.region.rawValue), 256 << 10, UInt64(inner))
        while bench.operate(.create, inner, form: form, 64 << 10, UInt64(extent), 4096).status == .again {}
        #expect(UnsafeBufferPointer(start: bench.memory(extent), count: 8 << 10).allSatisfy { $0 == 0 })
        #expect(bench.revoke(outer) == .ok)
        #expect(bench.isEmpty(inner) && bench.isEmpty(extent))
    }

    /// A capability to a region that was derived gives back nothing that others made of it.
    @Test func aDerivedRegionTakesBackItsOwnChildren() {
        let bench = Bench()
        let part = bench.create(.region, 1 << 16)
        let donated = bench.derive(part)
        let form = UInt32(ObjectKind.notification.rawValue)
        let mine = bench.freeSlot(), theirs = bench.freeSlot()
        bench.succeed(.create, part, form: form, 0, UInt64(mine))
        bench.succeed(.create, donated, form: form, 0, UInt64(theirs))
        let region = bench.object(part, as: Region.self)
        let next = region.pointee.next
        #expect(bench.revoke(donated) == .ok)
        #expect(bench.isEmpty(theirs) && !bench.isEmpty(mine) && region.pointee.next == next)
        #expect(bench.revoke(part) == .ok)
        #expect(bench.isEmpty(donated) && bench.isEmpty(mine) && region.pointee.next == region.pointee.start)
    }

    @Test func identifiersOfSpacesComeBack() {
        let bench = Bench()
        bench.checksInvariants = false
        for _ in 0..<600 {
            let space = bench.create(.addressSpace, 1)
            bench.delete(space)
        }
        #expect(bench.object(bench.create(.addressSpace, 1), as: AddressSpace.self).pointee.identifier == 2)
    }

    /// The mapping's capability stays behind when its space goes, and says nothing of the next space with the same
    /// VMID.
    @Test func aMappingOfASpaceThatIsGoneIsNothing() {
        let bench = Bench()
        let extent = bench.create(.extent, 0x2000, alignment: 4096)
        let first = bench.create(.addressSpace, 4), mapping = bench.freeSlot()
        bench.succeed(.map, first, UInt64(extent), 0x1000, 0, 0x1000, 3, UInt64(mapping))
        let identifier = bench.object(first, as: AddressSpace.self).pointee.identifier
        bench.delete(first)
        let second = bench.create(.addressSpace, 4)
        #expect(bench.object(second, as: AddressSpace.self).pointee.identifier == identifier)
        let other = bench.freeSlot()
        bench.succeed(.map, second, UInt64(extent), 0x1000, 0x1000, 0x1000, 3, UInt64(other))
        bench.delete(mapping)
        let space = bench.object(second, as: AddressSpace.self)
        #expect(K.leaf(space, GuestAddress(0x1000)) != nil)
        bench.delete(other)
        #expect(K.leaf(space, GuestAddress(0x1000)) == nil)
    }

    // MARK: Tables

    @Test func whatATableHeldGoesWithIt() {
        let bench = Bench()
        let table = bench.create(.capabilityTable, 300)
        let notification = bench.create(.notification)
        for slot in [1, 150, 299] as [UInt64] { bench.succeed(.derive, notification, UInt64(table), slot, 15, 0, 0) }
        bench.delete(table)
        #expect(bench.slot(notification).pointee.firstChild == nil)
        #expect(bench.model.kernelBoard.pointee.dyingTables == nil)
    }

    /// Tables hold each other's capabilities, and one its own.
    @Test func tablesWithinTables() {
        let bench = Bench()
        let outer = bench.create(.capabilityTable, 20), inner = bench.create(.capabilityTable, 20)
        let notification = bench.create(.notification)
        bench.succeed(.derive, outer, UInt64(outer), 1, 15, 0, 0)
        bench.succeed(.derive, inner, UInt64(outer), 2, 15, 0, 0)
        bench.succeed(.derive, outer, UInt64(inner), 1, 15, 0, 0)
        bench.succeed(.derive, notification, UInt64(inner), 2, 15, 0, 0)
        bench.delete(outer)
        #expect(bench.slot(inner).pointee.firstChild == nil && !bench.isEmpty(inner))
        bench.delete(inner)
        #expect(bench.slot(notification).pointee.firstChild == nil)
    }

    /// The first capability of an object lies in a table that goes: so does the object, and what was derived of it
    /// elsewhere.
    @Test func objectsGoWithTheirOwnersTable() {
        let bench = Bench(cores: 2)
        let table = bench.create(.capabilityTable, 40)
        let thread = bench.makeThread(priority: 5, core: 1, starts: false)
        let other = bench.create(.thread)
        _ = other
        let time = bench.makeScheduling(priority: 9, core: 1)
        // A thread whose table is the new one makes a notification in it.
        bench.succeed(.derive, bench.region, UInt64(table), 1, 15, 0, 0)
        bench.succeed(.derive, InitialSlot.table, UInt64(table), 2, 15, 0, 0)
        bench.succeed(
            .contextControl, thread.slot, form: ContextControl.configure.rawValue, UInt64(InitialSlot.space),
            UInt64(table),
            0, UInt64(time), 1)
        bench.start(thread)
        let form = UInt32(ObjectKind.notification.rawValue)
        bench.succeed(.create, 1, form: form, 0, 5, by: thread.context)
        let copy = bench.freeSlot()
        bench.succeed(.derive, 5, 2, UInt64(copy), 15, 0, 0, by: thread.context)
        #expect(bench.slot(copy).pointee.kind == .notification)
        bench.delete(table)
        #expect(bench.isEmpty(copy))
        #expect(thread.context.pointee.table == nil && thread.state == .ready)
        #expect(bench.operate(.signal, 5, 1, by: thread.context).status == .badCapability)
    }

    /// An object that was begun, aligned, behind a gap; then another is made that lies in the gap.
    @Test func zeroingSkipsNoGapOfAnAlignment() {
        let bench = Bench()
        let part = bench.create(.region, 1 << 20, alignment: Page.size)
        let extent = bench.freeSlot()
        bench.succeed(.create, part, form: UInt32(ObjectKind.extent.rawValue), 512 << 10, UInt64(extent), Page.size)
        let old = bench.memory(extent)
        let base = bench.slot(extent).pointee.object.value
        for index in 0..<(512 << 10) / 8 { old[index] = 0 }
        // The place where slot 100 of a table will be.
        let region = bench.object(part, as: Region.self)
        let place = region.pointee.start.value + 64 + 100 * 64
        let forged = CapabilityHeader.make(
            CapabilityValue(kind: .extent, rights: .all, isDevice: false, object: PhysicalAddress(0), word: 0),
            owner: false)
        old[Int(place - base) / 8] = forged
        old[Int(place - base) / 8 + 1] = 0x4000_0000
        old[Int(place - base) / 8 + 2] = 1 << 30
        #expect(bench.revoke(part) == .ok)
        #expect(region.pointee.next == region.pointee.start)
        let first = bench.freeSlot(), second = bench.freeSlot()
        let answer = bench.operate(
            .create, part, form: UInt32(ObjectKind.extent.rawValue), 64 << 10, UInt64(first), 64 << 10)
        #expect(answer.status == .again)
        bench.succeed(.create, part, form: UInt32(ObjectKind.capabilityTable.rawValue), 200, UInt64(second))
        let table = bench.object(second, as: CapabilityTable.self)
        let slot = table.pointee.slot(100)!
        let isEmpty = slot.pointee.isEmpty
        #expect(isEmpty, "a forged capability")
    }

    // MARK: Other cores

    /// What only another core may touch is removed there; two revokers may want the same core at once.
    @Test func twoRevokersShareACore() {
        let bench = Bench(cores: 3)
        let first = bench.makeThread(core: 2), second = bench.makeThread(core: 2)
        let helper = bench.makeThread(core: 1)
        func delete(_ slot: UInt32, by caller: Ref<ExecutionContext>) -> Status? {
            bench.operate(.revoke, slot, form: RevokeForm.delete.rawValue, by: caller).status
        }
        #expect(delete(first.slot, by: bench.root) == .again)
        #expect(delete(second.slot, by: helper.context) == .again)
        var rounds = 0
        while !(bench.isEmpty(first.slot) && bench.isEmpty(second.slot)), rounds < 100 {
            bench.settleAll()
            _ = delete(first.slot, by: bench.root)
            _ = delete(second.slot, by: helper.context)
            rounds += 1
        }
        #expect(rounds < 20)
        #expect(bench.current(2) == nil)
    }

    /// Its holder has thought better of it before the other core came to it.
    @Test func aDeleteThatIsNotFinishedIsVoidOnceOnlyDescendantsAreWanted() {
        let bench = Bench(cores: 2)
        let thread = bench.makeThread(core: 1)
        while bench.operate(.revoke, thread.slot, form: RevokeForm.delete.rawValue).status == .again,
            bench.core(1).pointee.errand.load() == 0
        { bench.settleAll() }
        #expect(bench.core(1).pointee.errand.load() != 0)
        #expect(bench.operate(.revoke, thread.slot).status == .ok)
        bench.settleAll()
        #expect(!bench.isEmpty(thread.slot) && thread.state == .ready)
    }

    /// The errand must not wait for whatever comes into the slot next.
    @Test func anErrandGoesWithItsNode() {
        let bench = Bench(cores: 2)
        let helper = bench.makeThread(priority: 20, core: 1), thread = bench.makeThread(core: 1)
        let delete = RevokeForm.delete.rawValue
        while bench.core(1).pointee.errand.load() == 0 {
            #expect(bench.operate(.revoke, thread.slot, form: delete).status == .again)
            if bench.core(1).pointee.errand.load() == 0 { bench.settleAll() }
        }
        // A thread of the other core does it by itself, before that core takes the interrupt.
        while bench.operate(.revoke, thread.slot, form: delete, by: helper.context).status == .again { bench.settle(0) }
        #expect(bench.isEmpty(thread.slot) && bench.core(1).pointee.errand.load() == 0)
        bench.succeed(.derive, helper.slot, UInt64(InitialSlot.table), UInt64(thread.slot), 15, 0, 0)
        bench.settleAll()
        #expect(!bench.isEmpty(thread.slot))
    }
}
