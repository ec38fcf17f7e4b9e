import ABI
import MachineModel
import Testing

@testable import KernelCore

/// Removing an object: all that goes with it, and all that must stay.
@Suite struct RemoveEdgeTests {
    /// Another thread's end is no reason to forget whose registers are in the unit.
    @Test func theOwnerOfTheFloatingPointUnitKeepsIt() {
        let bench = Bench()
        let owner = bench.makeThread(), other = bench.makeThread(starts: false)
        bench.sleepRoot()
        bench.enter { K.floatingPointTrap($0, owner.context) }
        bench.model.cores[0].floatingPoint = 77
        bench.raiseRoot()
        bench.delete(other.slot)
        #expect(bench.core(0).pointee.floatingPointOwner == owner.context)
        bench.enter { K.floatingPointTrap($0, bench.root) }
        #expect(owner.context.pointee.floatingPoint.registers[0] == 77)
    }

    /// Time that nobody uses is nobody's errand.
    @Test func timeAtRestGoesAtOnce() {
        let bench = Bench(cores: 2)
        let time = bench.makeScheduling(priority: 5, core: 1)
        let before = bench.model.cores[1].interruptCount
        #expect(bench.operate(.revoke, time, form: RevokeForm.delete.rawValue).status == .ok)
        #expect(bench.isEmpty(time) && bench.model.cores[1].interruptCount == before)
    }

    /// A line that rises after the interrupt, or what hears of it, was taken away.
    @Test(arguments: [false, true])
    func anInterruptThatIsGoneDoesNotCome(deletesNotification: Bool) {
        let bench = Bench()
        let notification = bench.create(.notification), interrupt = bench.freeSlot()
        bench.succeed(
            .system, InitialSlot.system, form: SystemForm.createInterrupt.rawValue, 40, UInt64(interrupt),
            UInt64(bench.region))
        bench.succeed(.interruptControl, interrupt, form: InterruptControl.bind.rawValue, UInt64(notification), 1)
        bench.delete(deletesNotification ? notification : interrupt)
        bench.model.cores[0].setDeviceLine(40, true)
        #expect(bench.model.cores[0].pendingInterrupt == nil)
    }

    /// The first capability of a table lies in another one that is being emptied: both are emptied to their ends.
    @Test func aTableThatDiesWithinADyingOne() {
        let bench = Bench()
        let outer = bench.create(.capabilityTable, 40), notification = bench.create(.notification)
        let thread = bench.makeThread(priority: 31, starts: false)
        bench.succeed(.derive, bench.region, UInt64(outer), 1, 15)
        bench.succeed(
            .contextControl, thread.slot, form: ContextControl.configure.rawValue, UInt64(InitialSlot.space),
            UInt64(outer), 0, UInt64(thread.scheduling), 0)
        for slot in [2, 20, 39] as [UInt64] { bench.succeed(.derive, notification, UInt64(outer), slot, 15) }
        bench.start(thread)
        bench.succeed(.create, 1, form: UInt32(ObjectKind.capabilityTable.rawValue), 40, 10, by: thread.context)
        for slot in [1, 25, 39] as [UInt64] { bench.succeed(.derive, 2, 10, slot, 15, by: thread.context) }
        bench.enter { K.forceStop($0, thread.context) }
        #expect(bench.current() == bench.root)
        bench.delete(outer)
        #expect(bench.slot(notification).pointee.firstChild == nil)
        #expect(bench.model.kernelBoard.pointee.dyingTables == nil)
    }

    /// Growth below what a table held could outrun its end.
    @Test func nothingGrowsBelowWhatADyingTableHolds() {
        let bench = Bench()
        let table = bench.create(.capabilityTable, 16), notification = bench.create(.notification)
        let thread = bench.makeThread(priority: 31, starts: false), child = bench.freeSlot()
        bench.succeed(.derive, notification, UInt64(table), 1, 15)
        bench.succeed(.derive, InitialSlot.table, UInt64(table), 2, 15)
        bench.succeed(
            .contextControl, thread.slot, form: ContextControl.configure.rawValue, UInt64(InitialSlot.space),
            UInt64(table), 0, UInt64(thread.scheduling), 0)
        bench.start(thread)
        bench.succeed(.derive, 1, 2, UInt64(child), 15, by: thread.context)
        bench.enter { K.forceStop($0, thread.context) }
        for _ in 0..<20 { _ = bench.derive(child) }
        for _ in 0..<2 { #expect(bench.operate(.revoke, table, form: RevokeForm.delete.rawValue).status == .again) }
        #expect(!bench.isEmpty(child))
        let growth = bench.operate(.derive, child, UInt64(InitialSlot.table), UInt64(bench.freeSlot()), 15)
        #expect(growth.status == .badState)
        _ = bench.derive(notification)
        // Its slot is empty already: that it is being deleted is no answer to another question.
        #expect(bench.isEmpty(table) && bench.operate(.revoke, table).status == .badCapability)
        bench.delete(table)
        #expect(bench.isEmpty(child))
    }

    /// A table that held nothing is nobody's: its end waits for no core, not even for one that stays in the kernel.
    @Test func theEndOfAnEmptyTableWaitsForNobody() {
        let bench = Bench(cores: 2)
        let slot = bench.create(.capabilityTable, 100)
        let table = bench.object(slot, as: CapabilityTable.self)
        func delete() -> Status? { bench.operate(.revoke, slot, form: RevokeForm.delete.rawValue).status }
        K.enter(bench.core(1))
        #expect(delete() == .again && table.pointee.emptied == 0)
        #expect(delete() == .again && table.pointee.emptied == 60)
        #expect(delete() == .ok && table.pointee.emptied == 100)
        K.leave(bench.core(1))
    }

    /// One entry removes eight plain capabilities, or two that bring work.
    @Test func oneEntryRemovesABatch() {
        let bench = Bench()
        func removed(_ slots: [UInt32], of parent: UInt32) -> Int {
            #expect(bench.operate(.revoke, parent).status == .again)
            let count = slots.count { bench.isEmpty($0) }
            #expect(bench.revoke(parent) == .ok && slots.allSatisfy { bench.isEmpty($0) })
            return count
        }
        let notification = bench.create(.notification), part = bench.create(.region, 1 << 16)
        #expect(removed((0..<12).map { _ in bench.derive(notification) }, of: notification) == 8)
        let objects = (0..<5).map { _ in bench.freeSlot() }
        for slot in objects {
            bench.succeed(.create, part, form: UInt32(ObjectKind.notification.rawValue), 0, UInt64(slot))
        }
        #expect(removed(objects, of: part) == 2)
        let extent = bench.create(.extent, 8 * Page.size, alignment: Page.size)
        let space = bench.create(.addressSpace, 4), mappings = (0..<5).map { _ in bench.freeSlot() }
        for (index, slot) in mappings.enumerated() {
            bench.succeed(.map, space, UInt64(extent), UInt64(index) << 16, 0, Page.size, 3, UInt64(slot))
        }
        #expect(removed(mappings, of: extent) == 2)
    }

    /// A region that nobody derived gives its memory back, too; a child of it has none to give.
    @Test func theRootOfTheTreeIsEmptied() {
        let bench = Bench()
        let region = bench.object(bench.region, as: Region.self), start = region.pointee.start
        _ = bench.create(.notification)
        let child = bench.derive(bench.region)
        #expect(region.pointee.next != start)
        #expect(bench.revoke(child) == .ok && region.pointee.next != start)
        #expect(bench.revoke(bench.region) == .ok && region.pointee.next == start)
    }

    @Test func onlyTheDoorbellsOfWhatIsGoneGo() {
        let bench = Bench()
        let notifications = (0..<3).map { _ in bench.create(.notification) }, space = bench.create(.addressSpace, 1)
        for (index, slot) in notifications.enumerated() {
            bench.succeed(.doorbell, space, 0x1000 * UInt64(index + 1), UInt64(slot), 1)
        }
        let target = bench.object(space, as: AddressSpace.self)
        bench.delete(notifications[1])
        let told = (0..<8).compactMap { target.pointee.doorbells[$0].notification?.address }
        #expect(told == [0, 2].map { bench.slot(notifications[$0]).pointee.object })
    }

    /// The VMIDs of a word, when all of the words before are taken.
    @Test(arguments: 0..<4)
    func aSpaceGivesItsIdentifierBack(word: Int) {
        let bench = Bench(), board = bench.model.kernelBoard
        bench.checksInvariants = false
        for index in 0..<word { board.pointee.identifiers[index].set(.max) }
        let before = (0..<4).map { board.pointee.identifiers[$0].load() }
        for _ in 0..<2 {
            let slot = bench.create(.addressSpace, 1)
            let identifier = Int(bench.object(slot, as: AddressSpace.self).pointee.identifier)
            // 0 is the kernel's, 1 root's.
            #expect(identifier == word * 64 + (word == 0 ? 2 : 0))
            bench.delete(slot)
            #expect((0..<4).map { board.pointee.identifiers[$0].load() } == before)
        }
        board.pointee.identifiers[3].set(.max)
        if word == 3 {
            let form = UInt32(ObjectKind.addressSpace.rawValue), slot = UInt64(bench.freeSlot())
            #expect(bench.operate(.create, bench.region, form: form, 1, slot).status == .noMemory)
        }
    }

    /// The bindings of a space's doorbells end where its root table begins, which looks like a capability here.
    @Test func whatLiesBehindTheDoorbellsIsNone() {
        let bench = Bench()
        let space = bench.create(.addressSpace, 8), extent = bench.freeSlot()
        K.install(
            CapabilityValue(
                kind: .extent, rights: .all, isDevice: true, object: PhysicalAddress(1 << 32), word: 1 << 30),
            in: bench.table, extent)
        bench.checksInvariants = false
        for (address, size) in [(0x1000, 0x1000), (3 << 30, 1 << 30)] as [(UInt64, UInt64)] {
            bench.succeed(.map, space, UInt64(extent), address, 0, size, 3, UInt64(bench.freeSlot()))
        }
        let root = bench.object(space, as: AddressSpace.self).pointee.root
        let before = (0..<8).map { ModelMachine.readEntry(root, $0).bits }
        #expect(before[0] & 0xFF != 0 && before[3] & 0xFF != 0)
        bench.delete(space)
        #expect((0..<8).map { ModelMachine.readEntry(root, $0).bits } == before)
    }

    /// A thread that has the floating-point unit ends itself: whoever is next traps when it uses the unit.
    @Test func theFloatingPointUnitOfOneThatEndsItself() {
        let bench = Bench()
        let thread = bench.makeThread(priority: 31)
        bench.enter { K.floatingPointTrap($0, thread.context) }
        bench.model.cores[0].floatingPoint = 77
        bench.operate(.revoke, thread.slot, form: RevokeForm.delete.rawValue, by: thread.context)
        #expect(bench.isEmpty(thread.slot) && bench.current() == bench.root)
        #expect(bench.core(0).pointee.floatingPointOwner == nil)
        bench.enter { K.floatingPointTrap($0, bench.root) }
        #expect(bench.model.cores[0].floatingPoint == 0)
    }

    @Test func emptySlotsOfATableArePassedOverQuickly() {
        let bench = Bench()
        let table = bench.create(.capabilityTable, 300)
        var rounds = 1
        while bench.operate(.revoke, table, form: RevokeForm.delete.rawValue).status == .again { rounds += 1 }
        #expect((5...7).contains(rounds))
    }

    /// A revoker of its parts does no more once it is gone, on anything that it had begun.
    @Test(arguments: [false, true])
    func aRevokerThatRemovesItselfStopsThere(isTable: Bool) {
        let bench = Bench()
        let part = bench.create(.region, 1 << 17), notification = bench.freeSlot(), mine = bench.freeSlot()
        bench.succeed(.create, part, form: UInt32(ObjectKind.notification.rawValue), 0, UInt64(notification))
        let kind = isTable ? ObjectKind.capabilityTable : .thread
        bench.succeed(.create, part, form: UInt32(kind.rawValue), isTable ? 16 : 0, UInt64(mine))
        let thread =
            isTable
            ? bench.makeThread(priority: 31, starts: false)
            : Tenant(
                context: bench.object(mine, as: ExecutionContext.self), slot: mine,
                scheduling: bench.makeScheduling(priority: 31))
        let table = isTable ? mine : InitialSlot.table
        bench.succeed(
            .contextControl, thread.slot, form: ContextControl.configure.rawValue, UInt64(InitialSlot.space),
            UInt64(table), 0, UInt64(thread.scheduling), 0)
        bench.start(thread)
        #expect(bench.current() == thread.context)
        if isTable {
            // It finds the region that its table is of, as if that were in this very table.
            bench.checksInvariants = false
            thread.context.pointee.table = bench.table
        }
        bench.operate(.revoke, part, by: thread.context)
        // Its table has been taken from it, or it is gone itself.
        #expect(thread.context.pointee.table == nil || bench.isEmpty(mine))
        #expect(bench.isEmpty(mine) != isTable && !bench.isEmpty(notification))
        // The revocation is not over: the memory of what is left is not given out again.
        let region = bench.object(part, as: Region.self), extra = bench.slot(part).pointee.extra
        #expect(region.pointee.next != region.pointee.start && extra & Revocation.inProgress != 0)
        if isTable { bench.enter { K.forceStop($0, thread.context) } }
        #expect(bench.revoke(part) == .ok && bench.isEmpty(notification))
    }

    /// The hardware timer is not left for what is gone.
    @Test func timersGoWithWhatTheyAreFor() {
        let bench = Bench()
        let notification = bench.create(.notification), time = bench.create(.schedulingContext)
        bench.succeed(.timer, notification, form: TimerForm.set.rawValue, bench.model.now.value + 500, 1)
        #expect(bench.core(0).pointee.deadline != .never)
        bench.delete(notification)
        #expect(bench.core(0).pointee.deadline == .never)
        bench.succeed(.scheduleControl, time, form: ScheduleControl.configure.rawValue, 0, 5, 1000, 100, 1000)
        var thread = bench.makeThread(priority: 5, starts: false)
        thread.scheduling = time
        bench.configure(thread)
        bench.start(thread)
        bench.sleepRoot()
        bench.advance(100)
        bench.raiseRoot()
        #expect(bench.core(0).pointee.deadline != .never)
        bench.delete(time)
        #expect(bench.core(0).pointee.deadline == .never)
    }

    /// An object's former peer keeps no link into its memory.
    @Test func bindingsGoWithTheObjectThatTheyLieIn() {
        let bench = Bench()
        let notification = bench.create(.notification), time = bench.makeScheduling(priority: 3)
        let machine = bench.makeVirtualCPU(starts: false), thread = bench.makeThread(starts: false)
        bench.succeed(.scheduleControl, time, form: ScheduleControl.bindOverrun.rawValue, UInt64(notification), 1)
        bench.succeed(.doorbell, machine.space, 0x1000, UInt64(notification), 1)
        bench.succeed(.contextControl, machine.slot, form: ContextControl.bindStopped.rawValue, UInt64(notification), 1)
        let portal = bench.makePortal(to: thread)
        for slot in [time, machine.slot, machine.space, portal] { bench.delete(slot) }
        #expect(bench.slot(notification).pointee.firstChild == nil && bench.slot(thread.slot).pointee.firstChild == nil)
    }

    /// Bits wait for the next thread when the one that was to hear of them goes.
    @Test(arguments: [false, true]) func bitsOutliveTheThreadThatHearsOfThem(deletesThread: Bool) {
        let bench = Bench()
        let first = bench.makeThread(priority: 10, notified: true), notification = first.notification
        bench.succeed(.signal, notification, 6)
        if deletesThread { bench.delete(first.slot) }
        #expect(bench.object(notification, as: KernelCore.Notification.self).pointee.bits.load() == 6)
        let second = bench.makeThread(priority: 20)
        bench.succeed(.notificationBind, notification, form: NotificationBind.thread.rawValue, UInt64(second.slot))
        bench.sleepRoot()
        #expect(bench.current() == second.context)
        let heard = bench.wait(second)
        #expect(heard.status == .notified && heard.tag == 6)
    }

    /// The table that goes with a capability is emptied by another revoker meanwhile.
    @Test func whoDeletesATableHearsOfItsEnd() {
        let bench = Bench()
        let table = bench.create(.capabilityTable, 100), other = bench.create(.notification)
        #expect(bench.operate(.revoke, table, form: RevokeForm.delete.rawValue).status == .again)
        #expect(bench.isEmpty(table) && bench.model.kernelBoard.pointee.dyingTables != nil)
        #expect(bench.revoke(other) == .ok && bench.model.kernelBoard.pointee.dyingTables == nil)
        #expect(bench.operate(.revoke, table, form: RevokeForm.delete.rawValue).status == .ok)
        #expect(bench.operate(.revoke, table, form: RevokeForm.delete.rawValue).status == .badCapability)
    }

    /// A capability that was being revoked, but not deleted, goes with its ancestor: nobody is told that it was
    /// deleted.
    @Test func aSlotThatWasEmptiedForAnAncestorIsEmpty() {
        let bench = Bench()
        let notification = bench.create(.notification), child = bench.derive(notification)
        for _ in 0..<12 { _ = bench.derive(child) }
        #expect(bench.operate(.revoke, child).status == .again)
        #expect(bench.revoke(notification) == .ok && bench.isEmpty(child))
        #expect(bench.operate(.revoke, child, form: RevokeForm.delete.rawValue).status == .badCapability)
    }

    /// Other cores may have looked up a capability that is removed, of whatever kind, and use it until they leave.
    @Test(arguments: [ObjectKind.notification, .extent, .portal]) func removedCapabilitiesWaitForOtherCores(
        kind: ObjectKind
    ) {
        let bench = Bench(cores: 2)
        let slot = kind == .extent ? bench.create(.extent, Page.size, alignment: Page.size) : bench.create(kind)
        let child = bench.derive(slot)
        K.enter(bench.core(1))
        for _ in 0..<3 { #expect(bench.operate(.revoke, slot).status == .again && bench.isEmpty(child)) }
        K.leave(bench.core(1))
        #expect(bench.operate(.revoke, slot).status == .ok)
    }
}
