import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// The removal of an object: everything that goes with it, and everything that must stay.
@Suite struct RemoveEdgeTests {
    /// The kernel remembers the owner of the registers in the unit after another thread's end.
    @Test func theOwnerOfTheFloatingPointUnitKeepsIt() {
        let fixture = Fixture()
        let owner = fixture.makeThread(), other = fixture.makeThread(starts: false)
        fixture.sleepRoot()
        fixture.enter { K.floatingPointTrap($0, owner.context) }
        fixture.model.cores[0].floatingPoint = 77
        fixture.raiseRoot()
        fixture.delete(other.slot)
        #expect(fixture.core(0).pointee.floatingPointOwner == owner.context)
        fixture.enter { K.floatingPointTrap($0, fixture.root) }
        #expect(owner.context.pointee.floatingPoint.registers[0] == 77)
    }

    /// Time that nobody uses needs no errand.
    @Test func timeAtRestGoesAtOnce() {
        let fixture = Fixture(cores: 2)
        let time = fixture.makeScheduling(priority: 5, core: 1)
        let before = fixture.model.cores[1].interruptCount
        #expect(fixture.operate(.revoke, time, form: RevokeForm.delete.rawValue).status == .ok)
        #expect(fixture.isEmpty(time) && fixture.model.cores[1].interruptCount == before)
    }

    /// A line rises after the interrupt, or its hearer, was removed.
    @Test(arguments: [false, true])
    func anInterruptThatIsGoneDoesNotCome(deletesNotification: Bool) {
        let fixture = Fixture()
        let notification = fixture.create(.notification), interrupt = fixture.freeSlot()
        fixture.succeed(
            .system, RootSlot.system, form: SystemForm.createInterrupt.rawValue, 40, UInt64(interrupt),
            UInt64(fixture.region))
        fixture.succeed(.interruptControl, interrupt, form: InterruptControl.bind.rawValue, UInt64(notification), 1)
        fixture.delete(deletesNotification ? notification : interrupt)
        fixture.model.cores[0].setDeviceLine(40, true)
        #expect(fixture.model.cores[0].pendingInterrupt == nil)
    }

    /// The first capability of a table lies in another one that is being emptied: both are emptied to their ends.
    @Test func aTableThatDiesWithinADyingOne() {
        let fixture = Fixture()
        let outer = fixture.create(.capabilityTable, 40), notification = fixture.create(.notification)
        let thread = fixture.makeThread(priority: 31, starts: false)
        fixture.succeed(.derive, fixture.region, UInt64(outer), 1, 15)
        fixture.succeed(
            .contextControl, thread.slot, form: ContextControl.configure.rawValue, UInt64(InitialSlot.space),
            UInt64(outer), 0, UInt64(thread.scheduling), 0)
        for slot in [2, 20, 39] as [UInt64] { fixture.succeed(.derive, notification, UInt64(outer), slot, 15) }
        fixture.start(thread)
        fixture.succeed(.create, 1, form: UInt32(ObjectKind.capabilityTable.rawValue), 40, 10, by: thread.context)
        for slot in [1, 25, 39] as [UInt64] { fixture.succeed(.derive, 2, 10, slot, 15, by: thread.context) }
        fixture.enter { K.forceStop($0, thread.context) }
        #expect(fixture.current() == fixture.root)
        fixture.delete(outer)
        #expect(fixture.slot(notification).pointee.firstChild == nil)
        #expect(fixture.model.kernelBoard.pointee.dyingTables == nil)
    }

    /// Growth below the contents of a table could outrun the table's end.
    @Test func nothingGrowsBelowWhatADyingTableHolds() {
        let fixture = Fixture()
        let table = fixture.create(.capabilityTable, 16), notification = fixture.create(.notification)
        let thread = fixture.makeThread(priority: 31, starts: false), child = fixture.freeSlot()
        fixture.succeed(.derive, notification, UInt64(table), 1, 15)
        fixture.succeed(.derive, InitialSlot.table, UInt64(table), 2, 15)
        fixture.succeed(
            .contextControl, thread.slot, form: ContextControl.configure.rawValue, UInt64(InitialSlot.space),
            UInt64(table), 0, UInt64(thread.scheduling), 0)
        fixture.start(thread)
        fixture.succeed(.derive, 1, 2, UInt64(child), 15, by: thread.context)
        fixture.enter { K.forceStop($0, thread.context) }
        for _ in 0..<20 { _ = fixture.derive(child) }
        for _ in 0..<2 { #expect(fixture.operate(.revoke, table, form: RevokeForm.delete.rawValue).status == .again) }
        #expect(!fixture.isEmpty(child))
        let growth = fixture.operate(.derive, child, UInt64(InitialSlot.table), UInt64(fixture.freeSlot()), 15)
        #expect(growth.status == .badState)
        _ = fixture.derive(notification)
        // Its slot is empty already. The deletion in progress is no answer to another question.
        #expect(fixture.isEmpty(table) && fixture.operate(.revoke, table).status == .badCapability)
        fixture.delete(table)
        #expect(fixture.isEmpty(child))
    }

    /// The end of an empty table waits for no core, not even for one that stays in the kernel.
    @Test func theEndOfAnEmptyTableWaitsForNobody() {
        let fixture = Fixture(cores: 2)
        let slot = fixture.create(.capabilityTable, 100)
        let table = fixture.object(slot, as: CapabilityTable.self)
        func delete() -> Status? { fixture.operate(.revoke, slot, form: RevokeForm.delete.rawValue).status }
        K.enter(fixture.core(1))
        #expect(delete() == .again && table.pointee.emptied == 0)
        #expect(delete() == .again && table.pointee.emptied == 60)
        #expect(delete() == .ok && table.pointee.emptied == 100)
        K.leave(fixture.core(1))
    }

    /// One entry removes eight plain capabilities, or two that bring work.
    @Test func oneEntryRemovesABatch() {
        let fixture = Fixture()
        func removed(_ slots: [UInt32], of parent: UInt32) -> Int {
            #expect(fixture.operate(.revoke, parent).status == .again)
            let count = slots.count { fixture.isEmpty($0) }
            #expect(fixture.revoke(parent) == .ok && slots.allSatisfy { fixture.isEmpty($0) })
            return count
        }
        let notification = fixture.create(.notification), part = fixture.create(.region, 1 << 16)
        #expect(removed((0..<12).map { _ in fixture.derive(notification) }, of: notification) == 8)
        let objects = (0..<5).map { _ in fixture.freeSlot() }
        for slot in objects {
            fixture.succeed(.create, part, form: UInt32(ObjectKind.notification.rawValue), 0, UInt64(slot))
        }
        #expect(removed(objects, of: part) == 2)
        let extent = fixture.create(.extent, 8 * Page.size, alignment: Page.size)
        let space = fixture.create(.addressSpace, 4), mappings = (0..<5).map { _ in fixture.freeSlot() }
        for (index, slot) in mappings.enumerated() {
            fixture.succeed(.map, space, UInt64(extent), UInt64(index) << 16, 0, Page.size, 3, UInt64(slot))
        }
        #expect(removed(mappings, of: extent) == 2)
    }

    /// A region without a parent gives its memory back, too. A child of it has none to give.
    @Test func theRootOfTheTreeIsEmptied() {
        let fixture = Fixture()
        let region = fixture.object(fixture.region, as: Region.self), start = region.pointee.start
        _ = fixture.create(.notification)
        let child = fixture.derive(fixture.region)
        #expect(region.pointee.next != start)
        #expect(fixture.revoke(child) == .ok && region.pointee.next != start)
        #expect(fixture.revoke(fixture.region) == .ok && region.pointee.next == start)
    }

    @Test func onlyTheDoorbellsOfWhatIsGoneGo() {
        let fixture = Fixture()
        let notifications = (0..<3).map { _ in fixture.create(.notification) }, space = fixture.makeMachineSpace()
        for (index, slot) in notifications.enumerated() {
            fixture.succeed(.doorbell, space, 0x1000 * UInt64(index + 1), UInt64(slot), 1)
        }
        let table = fixture.object(space, as: AddressSpace.self).pointee.doorbells!
        fixture.delete(notifications[1])
        let told = (0..<DoorbellTable.count).compactMap { table.pointee.doorbells[$0].bell.notification?.address }
        #expect(told == [0, 2].map { fixture.slot(notifications[$0]).pointee.object })
    }

    /// These are the VMIDs of a word when all words before it are in use.
    @Test(arguments: 0..<4)
    func aSpaceGivesItsIdentifierBack(word: Int) {
        let fixture = Fixture(), board = fixture.model.kernelBoard
        fixture.checksInvariants = false
        for index in 0..<word { board.pointee.identifiers[index].set(.max) }
        let before = (0..<4).map { board.pointee.identifiers[$0].load() }
        for _ in 0..<2 {
            let slot = fixture.create(.addressSpace, 1)
            let identifier = Int(fixture.object(slot, as: AddressSpace.self).pointee.identifier)
            // The kernel has 0, and root has 1.
            #expect(identifier == word * 64 + (word == 0 ? 2 : 0))
            fixture.delete(slot)
            #expect((0..<4).map { board.pointee.identifiers[$0].load() } == before)
        }
        board.pointee.identifiers[3].set(.max)
        if word == 3 {
            let form = UInt32(ObjectKind.addressSpace.rawValue), slot = UInt64(fixture.freeSlot())
            #expect(fixture.operate(.create, fixture.region, form: form, 1, slot).status == .noMemory)
        }
    }

    /// The bindings of a space's doorbells end where its pool begins. Page tables look like capabilities here.
    @Test(arguments: [false, true]) func pageTablesAreNoDoorbells(hasDoorbells: Bool) {
        let fixture = Fixture()
        let space = hasDoorbells ? fixture.makeMachineSpace() : fixture.create(.addressSpace, 8)
        let extent = fixture.freeSlot()
        K.install(
            CapabilityValue(
                kind: .extent, rights: .all, isDevice: true, object: PhysicalAddress(1 << 32), word: 1 << 30),
            in: fixture.table, extent)
        fixture.checksInvariants = false
        for (address, size) in [(0x1000, 0x1000), (3 << 30, 1 << 30)] as [(UInt64, UInt64)] {
            fixture.succeed(.map, space, UInt64(extent), address, 0, size, 3, UInt64(fixture.freeSlot()))
        }
        let root = fixture.object(space, as: AddressSpace.self).pointee.root
        let pool = fixture.object(space, as: AddressSpace.self).pointee.poolEnd.value - 8 * Page.size
        let tables = [root, PhysicalAddress(pool)]
        func entries() -> [UInt64] {
            tables.flatMap { table in (0..<8).map { ModelHardware.readEntry(table, $0).bits } }
        }
        let before = entries()
        #expect(before[0] & 0xFF != 0 && before[3] & 0xFF != 0 && before[8] & 0xFF != 0)
        fixture.delete(space)
        #expect(entries() == before)
    }

    /// A thread with the floating-point unit ends itself. The next thread traps when it uses the unit.
    @Test func theFloatingPointUnitOfOneThatEndsItself() {
        let fixture = Fixture()
        let thread = fixture.makeThread(priority: 31)
        fixture.enter { K.floatingPointTrap($0, thread.context) }
        fixture.model.cores[0].floatingPoint = 77
        fixture.operate(.revoke, thread.slot, form: RevokeForm.delete.rawValue, by: thread.context)
        #expect(fixture.isEmpty(thread.slot) && fixture.current() == fixture.root)
        #expect(fixture.core(0).pointee.floatingPointOwner == nil)
        fixture.enter { K.floatingPointTrap($0, fixture.root) }
        #expect(fixture.model.cores[0].floatingPoint == 0)
    }

    @Test func emptySlotsOfATableArePassedOverQuickly() {
        let fixture = Fixture()
        let table = fixture.create(.capabilityTable, 300)
        var rounds = 1
        while fixture.operate(.revoke, table, form: RevokeForm.delete.rawValue).status == .again { rounds += 1 }
        #expect((5...7).contains(rounds))
    }

    /// A revoker of its parts does no more after its end, on anything that it had begun.
    @Test(arguments: [false, true])
    func aRevokerThatRemovesItselfStopsThere(isTable: Bool) {
        let fixture = Fixture()
        let part = fixture.create(.region, 1 << 17), notification = fixture.freeSlot(), mine = fixture.freeSlot()
        fixture.succeed(.create, part, form: UInt32(ObjectKind.notification.rawValue), 0, UInt64(notification))
        let kind = isTable ? ObjectKind.capabilityTable : .thread
        fixture.succeed(.create, part, form: UInt32(kind.rawValue), isTable ? 16 : 0, UInt64(mine))
        let thread =
            isTable
            ? fixture.makeThread(priority: 31, starts: false)
            : Tenant(
                context: fixture.object(mine, as: ExecutionContext.self), slot: mine,
                scheduling: fixture.makeScheduling(priority: 31))
        let table = isTable ? mine : InitialSlot.table
        fixture.succeed(
            .contextControl, thread.slot, form: ContextControl.configure.rawValue, UInt64(InitialSlot.space),
            UInt64(table), 0, UInt64(thread.scheduling), 0)
        fixture.start(thread)
        #expect(fixture.current() == thread.context)
        if isTable {
            // It finds the region of its table as if that were in this very table.
            fixture.checksInvariants = false
            thread.context.pointee.table = fixture.table
        }
        fixture.operate(.revoke, part, by: thread.context)
        // Its table has been taken from it, or it has ended itself.
        #expect(thread.context.pointee.table == nil || fixture.isEmpty(mine))
        #expect(fixture.isEmpty(mine) != isTable && !fixture.isEmpty(notification))
        // The revocation is not over, so the memory of the remaining objects is not given out again.
        let region = fixture.object(part, as: Region.self), extra = fixture.slot(part).pointee.extra
        #expect(region.pointee.next != region.pointee.start && extra & Revocation.inProgress != 0)
        if isTable { fixture.enter { K.forceStop($0, thread.context) } }
        #expect(fixture.revoke(part) == .ok && fixture.isEmpty(notification))
    }

    /// The hardware timer is not left set for a removed object.
    @Test func timersGoWithWhatTheyAreFor() {
        let fixture = Fixture()
        let notification = fixture.create(.notification), time = fixture.create(.schedulingContext)
        fixture.succeed(.timer, notification, form: TimerForm.set.rawValue, fixture.model.now.value + 500, 1)
        #expect(fixture.core(0).pointee.deadline != .never)
        fixture.delete(notification)
        #expect(fixture.core(0).pointee.deadline == .never)
        fixture.succeed(.scheduleControl, time, form: ScheduleControl.configure.rawValue, 0, 5, 1000, 100, 1000)
        var thread = fixture.makeThread(priority: 5, starts: false)
        thread.scheduling = time
        fixture.configure(thread)
        fixture.start(thread)
        fixture.sleepRoot()
        fixture.advance(100)
        fixture.raiseRoot()
        #expect(fixture.core(0).pointee.deadline != .never)
        fixture.delete(time)
        #expect(fixture.core(0).pointee.deadline == .never)
    }

    /// An object's former peer keeps no link into its memory.
    @Test func bindingsGoWithTheObjectThatTheyLieIn() {
        let fixture = Fixture()
        let notification = fixture.create(.notification), time = fixture.makeScheduling(priority: 3)
        let machine = fixture.makeVirtualCPU(starts: false), thread = fixture.makeThread(starts: false)
        fixture.succeed(.scheduleControl, time, form: ScheduleControl.bindOverrun.rawValue, UInt64(notification), 1)
        fixture.succeed(.doorbell, machine.space, 0x1000, UInt64(notification), 1)
        fixture.succeed(
            .contextControl, machine.slot, form: ContextControl.bindStopped.rawValue, UInt64(notification), 1)
        let portal = fixture.makePortal(to: thread)
        for slot in [time, machine.slot, machine.space, portal] { fixture.delete(slot) }
        #expect(
            fixture.slot(notification).pointee.firstChild == nil && fixture.slot(thread.slot).pointee.firstChild == nil)
    }

    /// Bits wait for the next thread if the thread that was to hear of them is destroyed.
    @Test(arguments: [false, true]) func bitsOutliveTheThreadThatHearsOfThem(deletesThread: Bool) {
        let fixture = Fixture()
        let first = fixture.makeThread(priority: 10, notified: true), notification = first.notification
        fixture.succeed(.signal, notification, 6)
        if deletesThread { fixture.delete(first.slot) }
        #expect(fixture.object(notification, as: KernelCore.Notification.self).pointee.bits.load() == 6)
        let second = fixture.makeThread(priority: 20)
        fixture.succeed(.notificationBind, notification, form: NotificationBind.thread.rawValue, UInt64(second.slot))
        fixture.sleepRoot()
        #expect(fixture.current() == second.context)
        let heard = fixture.wait(second)
        #expect(heard.status == .notified && heard.tag == 6)
    }

    /// Another revoker meanwhile empties the table that disappears with a capability.
    @Test func aDeletionOfATableReportsItsEnd() {
        let fixture = Fixture()
        let table = fixture.create(.capabilityTable, 100), other = fixture.create(.notification)
        #expect(fixture.operate(.revoke, table, form: RevokeForm.delete.rawValue).status == .again)
        #expect(fixture.isEmpty(table) && fixture.model.kernelBoard.pointee.dyingTables != nil)
        #expect(fixture.revoke(other) == .ok && fixture.model.kernelBoard.pointee.dyingTables == nil)
        #expect(fixture.operate(.revoke, table, form: RevokeForm.delete.rawValue).status == .ok)
        #expect(fixture.operate(.revoke, table, form: RevokeForm.delete.rawValue).status == .badCapability)
    }

    /// A capability that was being revoked, but not deleted, disappears with its ancestor. Nobody is told of a
    /// deletion.
    @Test func aSlotThatWasEmptiedForAnAncestorIsEmpty() {
        let fixture = Fixture()
        let notification = fixture.create(.notification), child = fixture.derive(notification)
        for _ in 0..<12 { _ = fixture.derive(child) }
        #expect(fixture.operate(.revoke, child).status == .again)
        #expect(fixture.revoke(notification) == .ok && fixture.isEmpty(child))
        #expect(fixture.operate(.revoke, child, form: RevokeForm.delete.rawValue).status == .badCapability)
    }

    /// Other cores may have looked up a removed capability of any kind, and use it until they leave the kernel.
    @Test(arguments: [ObjectKind.notification, .extent, .portal]) func removedCapabilitiesWaitForOtherCores(
        kind: ObjectKind
    ) {
        let fixture = Fixture(cores: 2)
        let slot = kind == .extent ? fixture.create(.extent, Page.size, alignment: Page.size) : fixture.create(kind)
        let child = fixture.derive(slot)
        K.enter(fixture.core(1))
        for _ in 0..<3 { #expect(fixture.operate(.revoke, slot).status == .again && fixture.isEmpty(child)) }
        K.leave(fixture.core(1))
        #expect(fixture.operate(.revoke, slot).status == .ok)
    }
}
