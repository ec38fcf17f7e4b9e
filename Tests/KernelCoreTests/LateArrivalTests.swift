import ABI
import MachineModel
import Testing

@testable import KernelCore

/// What was under way when the objects that it concerns were bound, moved to another core, or destroyed.
@Suite struct LateArrivalTests {
    /// The thread sleeps already, and nobody raises anything after this.
    @Test(arguments: [0, 1])
    func bitsFromBeforeTheBindingWake(core: Int) {
        let bench = Bench(cores: 2)
        let thread = bench.makeThread(priority: 10, core: core)
        let notification = bench.create(.notification)
        if core == 0 {
            bench.sleepRoot()
            bench.wait(thread)
            bench.raiseRoot()
        } else {
            bench.wait(thread)
        }
        bench.succeed(.signal, notification, 6)
        bench.succeed(.notificationBind, notification, form: NotificationBind.thread.rawValue, UInt64(thread.slot))
        bench.settle(1)
        #expect(thread.state == .ready)
        let heard = bench.answer(thread.context)
        #expect(heard.status == .notified && heard.tag == 6)
    }

    /// The same for a virtual CPU, which sleeps or was not asked yet; and for bits that a thread before it did not
    /// take.
    @Test(arguments: [0, 1], [false, true])
    func bitsFromBeforeTheBindingInterrupt(core: Int, wasAThreads: Bool) {
        let bench = Bench(cores: 2)
        let machine = bench.makeVirtualCPU(priority: 5, core: core)
        bench.succeed(.interruptControl, machine.slot, form: VirtualInterruptControl.setEdge.rawValue, 1, 0xFF)
        bench.succeed(.interruptControl, machine.slot, form: VirtualInterruptControl.enable.rawValue, 1, 0xFF)
        bench.succeed(.interruptControl, machine.slot, form: VirtualInterruptControl.setForwarding.rawValue, 0, 1)
        let notification = bench.create(.notification)
        if wasAThreads {
            let thread = bench.makeThread(priority: 5, core: 0)
            bench.succeed(.notificationBind, notification, form: NotificationBind.thread.rawValue, UInt64(thread.slot))
        }
        bench.succeed(.signal, notification, 6)
        bench.succeed(
            .notificationBind, notification, form: NotificationBind.virtualInterrupt.rawValue, UInt64(machine.slot), 33)
        #expect(bench.operate(.poll, notification).tag == 0)
        bench.settleAll()
        bench.sleepRoot()
        bench.settleAll()
        #expect(bench.current(core) == machine.context)
        #expect(bench.model.cores[core].run { bench.model.cores[core].acknowledge() } == 33)
    }

    /// Threads of core 1 that wait, each for a notification of its own.
    private func sleepers(_ count: Int, on bench: Bench) -> [Tenant] {
        let all = (0..<count).map { _ in
            let thread = bench.makeThread(priority: 5, core: 1, notified: true)
            bench.settle(1)
            return thread
        }
        for thread in all { bench.wait(thread) }
        return all
    }

    /// Signals to a core that does not look at its inbox meanwhile: an entry takes a few of them.
    @Test func anInboxIsWorkedOffInPieces() {
        let bench = Bench(cores: 2)
        let sinks = sleepers(50, on: bench)
        for sink in sinks { bench.succeed(.signal, sink.notification, 1) }
        let core = bench.model.cores[1]
        var woken = 0
        var entries = 0
        while core.pendingInterrupt != nil {
            bench.enter(1) { _ in _ = core.takeInterrupt() }
            let now = sinks.filter { $0.state == .ready }.count
            #expect(now - woken <= K.inboxBatch)
            woken = now
            entries += 1
        }
        #expect(woken == 50 && entries >= 50 / K.inboxBatch)
    }

    /// What comes into an inbox while there is an old list, with an interrupt that is answered by going on with that.
    @Test func whatComesMeanwhileIsNotForgotten() {
        let bench = Bench(cores: 2)
        let sinks = sleepers(2 * K.inboxBatch + 1, on: bench)
        for sink in sinks.dropLast() { bench.succeed(.signal, sink.notification, 1) }
        let core = bench.model.cores[1]
        bench.enter(1) { _ in _ = core.takeInterrupt() }
        #expect(core.kernelCore.pointee.unread != 0)
        bench.succeed(.signal, sinks.last!.notification, 1)
        // Somebody waits for this core meanwhile: it is not to be called quiet before the old list is done.
        let part = bench.create(.region, 1 << 16)
        let inside = bench.freeSlot()
        bench.succeed(.create, part, form: UInt32(ObjectKind.notification.rawValue), 0, UInt64(inside))
        #expect(bench.operate(.revoke, part).status == .again)
        bench.enter(1) { _ in _ = core.takeInterrupt() }
        #expect(bench.operate(.revoke, part).status == .again)
        bench.settle(1)
        #expect(sinks.allSatisfy { $0.state == .ready })
        #expect(bench.revoke(part) == .ok)
    }

    /// What is posted goes by a context's core, which its first configuration fixes: also when a part was taken away
    /// since.
    @Test func aContextKeepsItsCore() {
        let bench = Bench(cores: 3)
        let thread = bench.makeThread(core: 1, starts: false)
        let time = bench.makeScheduling(priority: 10, core: 2)
        func configure(_ time: UInt32, core: UInt64) -> Status? {
            bench.operate(
                .contextControl, thread.slot, form: ContextControl.configure.rawValue, UInt64(thread.space),
                UInt64(InitialSlot.table), 0, UInt64(time), core
            ).status
        }
        #expect(configure(time, core: 2) == .wrongCore)
        bench.delete(thread.scheduling)
        bench.settleAll()
        #expect(thread.context.pointee.isConfigured == false)
        #expect(configure(time, core: 2) == .wrongCore)
        #expect(configure(bench.makeScheduling(priority: 10, core: 1), core: 1) == .ok)
    }

    /// A core that had looked a context up may ask for its start when it is no more.
    @Test func whatIsDestroyedDoesNotStart() {
        let bench = Bench(cores: 2)
        let thread = bench.makeThread(core: 1)
        bench.delete(thread.slot)
        bench.enter { K.start($0, thread.context) }
        bench.settleAll()
        #expect(bench.current(1) == nil && thread.state == .stopped)
    }

    @Test func whatHasNoSpaceDoesNotStart() {
        let bench = Bench(cores: 2)
        let machine = bench.makeVirtualCPU(core: 1)
        bench.delete(machine.space)
        bench.enter { K.start($0, machine.context) }
        bench.settleAll()
        #expect(bench.current(1) == nil && machine.state == .stopped)
        #expect(bench.operate(.contextControl, machine.slot, form: ContextControl.start.rawValue).status == .badState)
    }

    /// A virtual CPU has one number, in one machine.
    @Test func aVirtualCPUThatGetsAnotherNumberLeavesTheFirst() {
        let bench = Bench()
        let machine = bench.makeVirtualCPU(affinity: 3, starts: false)
        let space = bench.object(machine.space, as: AddressSpace.self)
        bench.succeed(.contextControl, machine.slot, form: ContextControl.setAffinity.rawValue, 5)
        #expect(space.pointee.virtualCPUs[3] == nil && space.pointee.virtualCPUs[5] == machine.context)
        var moved = machine
        moved.space = bench.create(.addressSpace, 1)
        bench.configure(moved)
        #expect(space.pointee.virtualCPUs[5] == nil)
        bench.delete(machine.slot)
    }

    /// An object that was deleted by itself may be in another core's inbox; its memory must not come back before that
    /// core has looked.
    @Test func memoryWaitsForCoresThatUseWhatWasInIt() {
        let bench = Bench(cores: 2)
        let thread = bench.makeThread(core: 1)
        let part = bench.create(.region, 1 << 16)
        let notification = bench.freeSlot()
        bench.succeed(.create, part, form: UInt32(ObjectKind.notification.rawValue), 0, UInt64(notification))
        bench.succeed(.notificationBind, notification, form: NotificationBind.thread.rawValue, UInt64(thread.slot))
        bench.succeed(.signal, notification, 1)
        // Unbinds the first without waiting for anybody.
        let other = bench.create(.notification)
        bench.succeed(.notificationBind, other, form: NotificationBind.thread.rawValue, UInt64(thread.slot))
        bench.succeed(.revoke, notification, form: RevokeForm.delete.rawValue)
        #expect(bench.core(1).pointee.inbox.load() != 0)
        #expect(bench.operate(.revoke, part).status == .again)
        #expect(bench.operate(.revoke, part).status == .again)
        let region = bench.object(part, as: Region.self)
        #expect(region.pointee.next != region.pointee.start)
        #expect(bench.revoke(part) == .ok)
        #expect(bench.core(1).pointee.inbox.load() == 0)
        #expect(region.pointee.next == region.pointee.start)
    }

    /// A guest's translations and a component's must not meet under one VMID.
    @Test func aSpaceIsAMachinesOrComponents() {
        let bench = Bench()
        let machine = bench.makeVirtualCPU(starts: false)
        let thread = bench.makeThread(starts: false)
        func configure(_ tenant: Tenant, _ space: UInt32) -> Status? {
            bench.operate(
                .contextControl, tenant.slot, form: ContextControl.configure.rawValue, UInt64(space),
                UInt64(InitialSlot.table), 0,
                UInt64(tenant.scheduling), 0
            ).status
        }
        #expect(configure(thread, machine.space) == .badState)
        #expect(configure(machine, InitialSlot.space) == .badState)
        #expect(configure(machine, machine.space) == .ok)
    }

    /// What is told of a thread's end, in this core's own inbox, may go in the same entry as the thread.
    @Test func onOneCoreItsOwnInboxCounts() {
        let bench = Bench()
        let part = bench.create(.region, 1 << 16)
        let inside = bench.freeSlot()
        bench.succeed(.create, part, form: UInt32(ObjectKind.notification.rawValue), 0, UInt64(inside))
        let thread = bench.makeThread(priority: 10)
        bench.succeed(.contextControl, thread.slot, form: ContextControl.bindStopped.rawValue, UInt64(inside), 1)
        bench.sleepRoot()
        bench.enter { K.exit($0, thread.context, Message(1)) }
        bench.raiseRoot()
        #expect(bench.core(0).pointee.inbox.load() != 0)
        #expect(bench.operate(.revoke, part).status == .again)
        let region = bench.object(part, as: Region.self)
        #expect(region.pointee.next != region.pointee.start)
        #expect(bench.revoke(part) == .ok)
        #expect(region.pointee.next == region.pointee.start)
    }

    /// The fast path of a signal has raised the bits, and found that another core had bound the notification anew
    /// meanwhile.
    @Test func theGeneralPathTellsWhatTheFastPathCouldNot() {
        let bench = Bench()
        let thread = bench.makeThread(priority: 10, notified: true)
        bench.sleepRoot()
        bench.wait(thread)
        bench.raiseRoot()
        let notification = bench.object(thread.notification, as: KernelCore.Notification.self)
        notification.pointee.bits.set(4)
        bench.core(0).pointee.untold = notification
        bench.succeed(.signal, thread.notification, 4)
        #expect(thread.state == .ready && bench.answer(thread.context).tag == 4)
        #expect(bench.core(0).pointee.untold == nil)
    }
}
