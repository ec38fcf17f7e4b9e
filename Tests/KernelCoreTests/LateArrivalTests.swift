import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// Actions are under way when their objects are bound, moved to another core, or destroyed.
@Suite struct LateArrivalTests {
    /// The thread sleeps already, and nobody raises bits afterwards.
    @Test(arguments: [0, 1])
    func bitsFromBeforeTheBindingWake(core: Int) {
        let fixture = Fixture(cores: 2)
        let thread = fixture.makeThread(priority: 10, core: core)
        let notification = fixture.create(.notification)
        if core == 0 {
            fixture.sleepRoot()
            fixture.wait(thread)
            fixture.raiseRoot()
        } else {
            fixture.wait(thread)
        }
        fixture.succeed(.signal, notification, 6)
        fixture.succeed(.notificationBind, notification, form: NotificationBind.thread.rawValue, UInt64(thread.slot))
        fixture.settle(1)
        #expect(thread.state == .ready)
        let heard = fixture.answer(thread.context)
        #expect(heard.status == .notified && heard.tag == 6)
    }

    /// The same holds for a virtual CPU, which sleeps or was not asked yet, and for bits that an earlier thread did not
    /// take.
    @Test(arguments: [0, 1], [false, true])
    func bitsFromBeforeTheBindingInterrupt(core: Int, wasAThreads: Bool) {
        let fixture = Fixture(cores: 2)
        let machine = fixture.makeVirtualCPU(priority: 5, core: core)
        fixture.succeed(.interruptControl, machine.slot, form: VirtualInterruptControl.setEdge.rawValue, 1, 0xFF)
        fixture.succeed(.interruptControl, machine.slot, form: VirtualInterruptControl.enable.rawValue, 1, 0xFF)
        fixture.succeed(.interruptControl, machine.slot, form: VirtualInterruptControl.setForwarding.rawValue, 0, 1)
        let notification = fixture.create(.notification)
        if wasAThreads {
            let thread = fixture.makeThread(priority: 5, core: 0)
            fixture.succeed(
                .notificationBind, notification, form: NotificationBind.thread.rawValue, UInt64(thread.slot))
        }
        fixture.succeed(.signal, notification, 6)
        fixture.succeed(
            .notificationBind, notification, form: NotificationBind.virtualInterrupt.rawValue, UInt64(machine.slot), 33)
        #expect(fixture.operate(.poll, notification).tag == 0)
        fixture.settleAll()
        fixture.sleepRoot()
        fixture.settleAll()
        #expect(fixture.current(core) == machine.context)
        #expect(fixture.model.cores[core].run { fixture.model.cores[core].acknowledge() } == 33)
    }

    /// Makes threads of core 1 that wait, each for a notification of its own.
    private func sleepers(_ count: Int, on fixture: Fixture) -> [Tenant] {
        let all = (0..<count).map { _ in
            let thread = fixture.makeThread(priority: 5, core: 1, notified: true)
            fixture.settle(1)
            return thread
        }
        for thread in all { fixture.wait(thread) }
        return all
    }

    /// Signals go to a core that does not look at its inbox meanwhile. An entry takes a few of them.
    @Test func anInboxIsWorkedOffInPieces() {
        let fixture = Fixture(cores: 2)
        let sinks = sleepers(50, on: fixture)
        for sink in sinks { fixture.succeed(.signal, sink.notification, 1) }
        let core = fixture.model.cores[1]
        var woken = 0
        var entries = 0
        while core.pendingInterrupt != nil {
            fixture.enter(1) { _ in _ = core.takeInterrupt() }
            let now = sinks.filter { $0.state == .ready }.count
            #expect(now - woken <= K.inboxBatch)
            woken = now
            entries += 1
        }
        #expect(woken == 50 && entries >= 50 / K.inboxBatch)
    }

    /// Items come into an inbox while an old list exists, with an interrupt that is answered by continuing with that
    /// list.
    @Test func itemsThatComeMeanwhileAreNotForgotten() {
        let fixture = Fixture(cores: 2)
        let sinks = sleepers(2 * K.inboxBatch + 1, on: fixture)
        for sink in sinks.dropLast() { fixture.succeed(.signal, sink.notification, 1) }
        let core = fixture.model.cores[1]
        fixture.enter(1) { _ in _ = core.takeInterrupt() }
        #expect(core.kernelCore.pointee.unread != 0)
        fixture.succeed(.signal, sinks.last!.notification, 1)
        // A revoker waits for this core meanwhile. The core must not count as quiet before the old list is done.
        let part = fixture.create(.region, 1 << 16)
        let inside = fixture.freeSlot()
        fixture.succeed(.create, part, form: UInt32(ObjectKind.notification.rawValue), 0, UInt64(inside))
        #expect(fixture.operate(.revoke, part).status == .again)
        fixture.enter(1) { _ in _ = core.takeInterrupt() }
        #expect(fixture.operate(.revoke, part).status == .again)
        fixture.settle(1)
        #expect(sinks.allSatisfy { $0.state == .ready })
        #expect(fixture.revoke(part) == .ok)
    }

    /// Items are posted to a context's core, which its first configuration fixes, also after a part was revoked.
    @Test func aContextKeepsItsCore() {
        let fixture = Fixture(cores: 3)
        let thread = fixture.makeThread(core: 1, starts: false)
        let time = fixture.makeScheduling(priority: 10, core: 2)
        func configure(_ time: UInt32, core: UInt64) -> Status? {
            fixture.operate(
                .contextControl, thread.slot, form: ContextControl.configure.rawValue, UInt64(thread.space),
                UInt64(InitialSlot.table), 0, UInt64(time), core
            ).status
        }
        #expect(configure(time, core: 2) == .wrongCore)
        fixture.delete(thread.scheduling)
        fixture.settleAll()
        #expect(thread.context.pointee.isConfigured == false)
        #expect(configure(time, core: 2) == .wrongCore)
        #expect(configure(fixture.makeScheduling(priority: 10, core: 1), core: 1) == .ok)
    }

    /// A core that had looked a context up may ask for its start after its end.
    @Test func aDestroyedThreadDoesNotStart() {
        let fixture = Fixture(cores: 2)
        let thread = fixture.makeThread(core: 1)
        fixture.delete(thread.slot)
        fixture.enter { K.start($0, thread.context) }
        fixture.settleAll()
        #expect(fixture.current(1) == nil && thread.state == .stopped)
    }

    @Test func aMachineWithoutASpaceDoesNotStart() {
        let fixture = Fixture(cores: 2)
        let machine = fixture.makeVirtualCPU(core: 1)
        fixture.delete(machine.space)
        fixture.enter { K.start($0, machine.context) }
        fixture.settleAll()
        #expect(fixture.current(1) == nil && machine.state == .stopped)
        #expect(fixture.operate(.contextControl, machine.slot, form: ContextControl.start.rawValue).status == .badState)
    }

    /// A virtual CPU has one number, in one machine.
    @Test func aVirtualCPUThatGetsAnotherNumberLeavesTheFirst() {
        let fixture = Fixture()
        let machine = fixture.makeVirtualCPU(affinity: 3, starts: false)
        let space = fixture.object(machine.space, as: AddressSpace.self)
        fixture.succeed(.contextControl, machine.slot, form: ContextControl.setAffinity.rawValue, 5)
        #expect(space.pointee.virtualCPUs[3] == nil && space.pointee.virtualCPUs[5] == machine.context)
        var moved = machine
        moved.space = fixture.create(.addressSpace, 1)
        fixture.configure(moved)
        #expect(space.pointee.virtualCPUs[5] == nil)
        fixture.delete(machine.slot)
    }

    /// An object that was deleted by itself may be in another core's inbox. Its memory must not come back before that
    /// core has looked.
    @Test func memoryWaitsForCoresThatUseWhatWasInIt() {
        let fixture = Fixture(cores: 2)
        let thread = fixture.makeThread(core: 1)
        let part = fixture.create(.region, 1 << 16)
        let notification = fixture.freeSlot()
        fixture.succeed(.create, part, form: UInt32(ObjectKind.notification.rawValue), 0, UInt64(notification))
        fixture.succeed(.notificationBind, notification, form: NotificationBind.thread.rawValue, UInt64(thread.slot))
        fixture.succeed(.signal, notification, 1)
        // This unbinds the first one without waiting for another core.
        let other = fixture.create(.notification)
        fixture.succeed(.notificationBind, other, form: NotificationBind.thread.rawValue, UInt64(thread.slot))
        fixture.succeed(.revoke, notification, form: RevokeForm.delete.rawValue)
        #expect(fixture.core(1).pointee.inbox.load() != 0)
        #expect(fixture.operate(.revoke, part).status == .again)
        #expect(fixture.operate(.revoke, part).status == .again)
        let region = fixture.object(part, as: Region.self)
        #expect(region.pointee.next != region.pointee.start)
        #expect(fixture.revoke(part) == .ok)
        #expect(fixture.core(1).pointee.inbox.load() == 0)
        #expect(region.pointee.next == region.pointee.start)
    }

    /// A guest's translations and a component's must not meet under one VMID.
    @Test func aSpaceIsAMachinesOrComponents() {
        let fixture = Fixture()
        let machine = fixture.makeVirtualCPU(starts: false)
        let thread = fixture.makeThread(starts: false)
        func configure(_ tenant: Tenant, _ space: UInt32) -> Status? {
            fixture.operate(
                .contextControl, tenant.slot, form: ContextControl.configure.rawValue, UInt64(space),
                UInt64(InitialSlot.table), 0,
                UInt64(tenant.scheduling), 0
            ).status
        }
        #expect(configure(thread, machine.space) == .badState)
        #expect(configure(machine, InitialSlot.space) == .badState)
        #expect(configure(machine, machine.space) == .ok)
    }

    /// The report of a thread's end, in this core's own inbox, may disappear in the same entry as the thread.
    @Test func onOneCoreItsOwnInboxCounts() {
        let fixture = Fixture()
        let part = fixture.create(.region, 1 << 16)
        let inside = fixture.freeSlot()
        fixture.succeed(.create, part, form: UInt32(ObjectKind.notification.rawValue), 0, UInt64(inside))
        let thread = fixture.makeThread(priority: 10)
        fixture.succeed(.contextControl, thread.slot, form: ContextControl.bindStopped.rawValue, UInt64(inside), 1)
        fixture.sleepRoot()
        fixture.enter { K.exit($0, thread.context, Words(1)) }
        fixture.raiseRoot()
        #expect(fixture.core(0).pointee.inbox.load() != 0)
        #expect(fixture.operate(.revoke, part).status == .again)
        let region = fixture.object(part, as: Region.self)
        #expect(region.pointee.next != region.pointee.start)
        #expect(fixture.revoke(part) == .ok)
        #expect(region.pointee.next == region.pointee.start)
    }

    /// The fast path of a signal has raised the bits, and found that another core had meanwhile bound the notification
    /// anew.
    @Test func theGeneralPathTellsWhatTheFastPathCouldNot() {
        let fixture = Fixture()
        let thread = fixture.makeThread(priority: 10, notified: true)
        fixture.sleepRoot()
        fixture.wait(thread)
        fixture.raiseRoot()
        let notification = fixture.object(thread.notification, as: KernelCore.Notification.self)
        notification.pointee.bits.set(4)
        fixture.core(0).pointee.untold = notification
        fixture.succeed(.signal, thread.notification, 4)
        #expect(thread.state == .ready && fixture.answer(thread.context).tag == 4)
        #expect(fixture.core(0).pointee.untold == nil)
    }
}
