import ABI
import HardwareModel
import Testing

@testable import KernelCore

private typealias Notification = KernelCore.Notification

/// Objects are destroyed while they are in use, in every state.
@Suite struct DestroyTests {
    // MARK: Contexts

    @Test(arguments: [0, 1])
    func aThreadThatRuns(core: Int) {
        let fixture = Fixture(cores: 2)
        let thread = fixture.makeThread(priority: 10, core: core)
        fixture.delete(thread.slot)
        #expect(thread.state == .stopped)
        fixture.settleAll()
        #expect(fixture.current(1) == nil)
        // Its scheduling context is free for another thread.
        let other = fixture.create(.thread)
        fixture.configure(
            Tenant(
                context: fixture.object(other, as: ExecutionContext.self), slot: other, scheduling: thread.scheduling),
            core: core)
    }

    /// The thread was inside its own system call, and nobody reads the answer.
    @Test func aThreadThatDestroysItself() {
        let fixture = Fixture(cores: 2)
        let thread = fixture.makeThread(core: 1, notified: true)
        for _ in 0..<10 where fixture.current(1) == thread.context {
            fixture.operate(.revoke, thread.slot, form: RevokeForm.delete.rawValue, by: thread.context)
            fixture.settleAll()
        }
        #expect(fixture.current(1) == nil && fixture.isEmpty(thread.slot))
        #expect(fixture.object(thread.notification, as: Notification.self).pointee.sink.load() == 0)
    }

    @Test(arguments: [false, true])
    func aThreadThatDestroysItsSpaceOrItsTime(isTime: Bool) {
        let fixture = Fixture(cores: 2)
        var thread = fixture.makeThread(core: 1, starts: false)
        thread.space = fixture.create(.addressSpace, 1)
        fixture.configure(thread, core: 1)
        fixture.start(thread)
        for _ in 0..<10 where fixture.current(1) == thread.context {
            fixture.operate(
                .revoke, isTime ? thread.scheduling : thread.space, form: RevokeForm.delete.rawValue, by: thread.context
            )
            fixture.settleAll()
        }
        #expect(thread.state == .stopped && fixture.current(1) == nil)
        #expect(fixture.operate(.contextControl, thread.slot, form: ContextControl.start.rawValue).status == .badState)
        fixture.delete(thread.slot)
    }

    @Test func aCallerThatIsServed() {
        let fixture = Fixture()
        let server = fixture.makeThread(priority: 20), client = fixture.makeThread(priority: 10)
        let portal = fixture.makePortal(to: server)
        fixture.sleepRoot()
        fixture.wait(server)
        fixture.call(portal, by: client)
        fixture.raiseRoot()
        fixture.delete(client.slot)
        #expect(server.state == .ready && server.context.pointee.caller == nil)
        fixture.sleepRoot()
        // The server continues when another caller calls, and finds nobody to answer.
        #expect(fixture.current() == nil)
        fixture.raiseRoot()
        let other = fixture.makeThread(priority: 10)
        fixture.sleepRoot()
        fixture.call(portal, by: other)
        #expect(fixture.current() == server.context && server.context.pointee.caller == nil)
        fixture.replyAndWait(server)
        #expect(fixture.current() == server.context && server.context.pointee.caller == other.context)
    }

    @Test func aCallerThatQueues() {
        let fixture = Fixture()
        let server = fixture.makeThread(priority: 5)
        let clients = (0..<3).map { _ in fixture.makeThread(priority: 10) }
        let portal = fixture.makePortal(to: server)
        fixture.sleepRoot()
        for client in clients {
            fixture.call(portal, by: client)
            fixture.advance(1000)  // a client that queues helps the server until its slice is over
        }
        fixture.raiseRoot()
        fixture.delete(clients[1].slot)
        fixture.sleepRoot()
        fixture.wait(server)
        #expect(server.context.pointee.caller == clients[0].context)
        fixture.replyAndWait(server)
        fixture.wait(clients[0])
        #expect(server.context.pointee.caller == clients[2].context)
    }

    /// Every caller that waits for it, served or queued, gets an answer.
    @Test func aServerWithCallers() {
        let fixture = Fixture()
        let server = fixture.makeThread(priority: 5)
        let clients = (0..<20).map { _ in fixture.makeThread(priority: 10) }
        let portal = fixture.makePortal(to: server)
        fixture.sleepRoot()
        for client in clients {
            fixture.call(portal, by: client)
            fixture.advance(1000)
        }
        fixture.wait(server)
        fixture.raiseRoot()
        // Between the entries of the revocation it takes no caller any more.
        #expect(fixture.operate(.revoke, server.slot, form: RevokeForm.delete.rawValue).status == .again)
        #expect(server.state == .stopped && !server.context.pointee.isConfigured)
        fixture.delete(server.slot)
        for client in clients {
            #expect(client.state == .ready)
            let answer = fixture.answer(client.context)
            #expect(answer.status == .dead && answer.tag == 1)
        }
        let object = fixture.object(portal, as: Portal.self)
        #expect(object.pointee.server == nil && object.pointee.generation == 1)
        #expect(fixture.operate(.call, portal).status == .dead)
    }

    @Test func aServerInTheMiddleOfAChain() {
        let fixture = Fixture()
        let inner = fixture.makeThread(priority: 20), middle = fixture.makeThread(priority: 20)
        let client = fixture.makeThread(priority: 10)
        let toInner = fixture.makePortal(to: inner), toMiddle = fixture.makePortal(to: middle)
        fixture.sleepRoot()
        fixture.wait(inner)
        fixture.wait(middle)
        fixture.call(toMiddle, by: client)
        fixture.call(toInner, by: middle)
        fixture.raiseRoot()
        fixture.delete(middle.slot)
        #expect(client.state == .ready && fixture.answer(client.context).status == .dead)
        #expect(inner.state == .ready && inner.context.pointee.caller == nil)
        fixture.sleepRoot()
        #expect(fixture.current() == client.context, "nobody pays for the inner one")
    }

    @Test func aThreadThatWaits() {
        let fixture = Fixture()
        let thread = fixture.makeThread(notified: true)
        fixture.sleepRoot()
        fixture.wait(thread)
        fixture.raiseRoot()
        fixture.delete(thread.slot)
        fixture.succeed(.signal, thread.notification, 4)
        #expect(fixture.operate(.poll, thread.notification).tag == 4)
    }

    @Test(arguments: [0, 1])
    func aVirtualCPUThatSleepsWithATimer(core: Int) {
        let fixture = Fixture(cores: 2)
        let machine = fixture.makeVirtualCPU(core: core, affinity: 2),
            other = fixture.makeVirtualCPU(priority: 4, core: core)
        if core == 0 { fixture.sleepRoot() }
        fixture.model.cores[core].setTimer(27, fixture.model.now + Ticks(500))
        fixture.waitForInterrupt(machine)
        #expect(
            fixture.current(core) == other.context && fixture.core(core).pointee.contextTimers.first == machine.context)
        if core == 0 { fixture.raiseRoot() }
        fixture.delete(machine.slot)
        #expect(fixture.core(core).pointee.contextTimers.first == nil)
        #expect(fixture.object(machine.space, as: AddressSpace.self).pointee.virtualCPUs[2] == nil)
        fixture.advance(1000)
    }

    @Test(arguments: [0, 1])
    func aVirtualCPUThatIsLoaded(core: Int) {
        let fixture = Fixture(cores: 2)
        let machine = fixture.makeVirtualCPU(core: core)
        if core == 0 { fixture.sleepRoot() }
        fixture.enter(core) { K.floatingPointTrap($0, machine.context) }
        if core == 0 { fixture.raiseRoot() }
        #expect(fixture.core(core).pointee.loaded == machine.context)
        #expect(fixture.core(core).pointee.floatingPointOwner == machine.context)
        fixture.delete(machine.slot)
        #expect(fixture.core(core).pointee.loaded == nil)
        #expect(fixture.core(core).pointee.floatingPointOwner != machine.context)
        fixture.delete(machine.space)
    }

    @Test func aContextWhoseFloatingPointRegistersAreInTheUnit() {
        let fixture = Fixture()
        let thread = fixture.makeThread()
        fixture.sleepRoot()
        fixture.enter { K.floatingPointTrap($0, thread.context) }
        fixture.raiseRoot()
        #expect(fixture.core(0).pointee.floatingPointOwner == thread.context)
        fixture.delete(thread.slot)
        #expect(fixture.core(0).pointee.floatingPointOwner == nil && fixture.core(0).pointee.floatingPointTraps)
    }

    @Test func aVirtualCPUThatItsMonitorServes() {
        let fixture = Fixture()
        let monitor = fixture.makeThread(priority: 9)
        let machine = fixture.makeVirtualCPU(portal: fixture.makePortal(to: monitor))
        fixture.sleepRoot()
        fixture.wait(monitor)
        fixture.exit(machine, Words(1))
        fixture.raiseRoot()
        fixture.delete(machine.slot)
        fixture.sleepRoot()
        #expect(fixture.current() == nil && monitor.state == .ready && monitor.context.pointee.caller == nil)
    }

    /// The virtual CPU stops, and its supervisor is told.
    @Test func theMonitorOfAVirtualCPU() {
        let fixture = Fixture()
        let monitor = fixture.makeThread(priority: 9), watcher = fixture.create(.notification)
        let served = fixture.makeVirtualCPU(portal: fixture.makePortal(to: monitor))
        for machine in [served] {
            fixture.succeed(
                .contextControl, machine.slot, form: ContextControl.bindStopped.rawValue, UInt64(watcher), 0x10)
        }
        fixture.sleepRoot()
        fixture.wait(monitor)
        fixture.exit(served, Words(1))
        fixture.raiseRoot()
        fixture.delete(monitor.slot)
        #expect(served.state == .stopped)
        #expect(fixture.operate(.poll, watcher).tag == 0x10)
        // Its next exit has no server either.
        fixture.start(served)
        fixture.sleepRoot()
        fixture.exit(served, Words(2))
        #expect(served.state == .stopped)
        fixture.raiseRoot()
        #expect(fixture.operate(.poll, watcher).tag == 0x10)
    }

    // MARK: Parts of a context

    @Test(arguments: [NodeRole.space, .scheduling, .table, .faultPortal, .messagePage, .stopped])
    func aPartOfAContext(role: NodeRole) {
        let fixture = Fixture(cores: 2)
        let table = fixture.create(.capabilityTable, 16), space = fixture.create(.addressSpace, 1)
        let server = fixture.makeThread(core: 1)
        let portal = fixture.makePortal(to: server), watcher = fixture.create(.notification)
        let thread = fixture.makeThread(priority: 20, core: 1, starts: false)
        fixture.succeed(
            .contextControl, thread.slot, form: ContextControl.configure.rawValue, UInt64(space), UInt64(table),
            UInt64(portal), UInt64(thread.scheduling), 1)
        let page = fixture.create(.extent, 4096, alignment: 4096)
        fixture.succeed(.contextControl, thread.slot, form: ContextControl.setMessagePage.rawValue, UInt64(page), 0)
        fixture.succeed(.contextControl, thread.slot, form: ContextControl.bindStopped.rawValue, UInt64(watcher), 1)
        fixture.start(thread)
        #expect(fixture.current(1) == thread.context)
        let slots: [NodeRole: UInt32] = [
            .space: space, .scheduling: thread.scheduling, .table: table, .faultPortal: portal, .messagePage: page,
            .stopped: watcher,
        ]
        fixture.delete(slots[role]!)
        fixture.settleAll()
        let mayRun = role != .space && role != .scheduling
        #expect((fixture.current(1) == thread.context) == mayRun)
        #expect(thread.context.pointee.isConfigured == mayRun)
        if !mayRun {
            #expect(thread.state == .stopped)
            #expect(
                fixture.operate(.contextControl, thread.slot, form: ContextControl.start.rawValue).status == .badState)
        }
        fixture.delete(thread.slot)
    }

    @Test func aSpaceThatStillRunsOnOtherCores() {
        let fixture = Fixture(cores: 3)
        let space = fixture.create(.addressSpace, 1)
        var threads: [Tenant] = []
        for core in 1..<3 {
            let thread = fixture.makeThread(core: core, starts: false)
            fixture.succeed(
                .contextControl, thread.slot, form: ContextControl.configure.rawValue, UInt64(space),
                UInt64(InitialSlot.table), 0, UInt64(thread.scheduling), UInt64(core))
            fixture.start(thread)
            threads.append(thread)
        }
        let translation = fixture.object(space, as: AddressSpace.self).pointee.translation
        #expect(fixture.core(1).pointee.translation == translation)
        fixture.delete(space)
        for core in 1..<3 {
            #expect(fixture.core(core).pointee.translation != translation && fixture.current(core) == nil)
        }
    }

    @Test func timeThatACallerLent() {
        let fixture = Fixture()
        let server = fixture.makeThread(priority: 5), client = fixture.makeThread(priority: 10)
        let portal = fixture.makePortal(to: server)
        fixture.sleepRoot()
        fixture.advance(0)
        fixture.call(portal, by: client)
        fixture.wait(server)
        #expect(server.context.pointee.caller == client.context)
        fixture.raiseRoot()
        fixture.delete(client.scheduling)
        #expect(client.state == .stopped && fixture.answer(client.context).status == .dead)
        fixture.sleepRoot()
        #expect(fixture.current() == nil && server.state == .ready)
    }

    @Test func timeThatWaitsForItsNextPeriod() {
        for core in 0..<2 {
            let fixture = Fixture(cores: 2)
            let thread = fixture.makeThread(priority: 5, core: core, starts: false)
            let time = fixture.create(.schedulingContext)
            fixture.succeed(
                .scheduleControl, time, form: ScheduleControl.configure.rawValue, UInt64(core), 5, 1000, 100, 1000)
            var budgeted = thread
            budgeted.scheduling = time
            fixture.configure(budgeted, core: core)
            fixture.start(budgeted)
            if core == 0 { fixture.sleepRoot() }
            fixture.advance(100)
            #expect(fixture.core(core).pointee.budgetTimers.first == fixture.object(time, as: SchedulingContext.self))
            if core == 0 { fixture.raiseRoot() }
            fixture.delete(time)
            #expect(fixture.core(core).pointee.budgetTimers.first == nil)
            fixture.advance(2000)
            #expect(thread.state == .stopped)
        }
    }

    // MARK: Notifications, portals, interrupts, doorbells

    @Test(arguments: [0, 1])
    func aNotificationWhoseTimerIsArmed(core: Int) {
        let fixture = Fixture(cores: 2)
        let thread = fixture.makeThread(core: 1)
        let notification = fixture.create(.notification)
        let caller = core == 0 ? fixture.root : thread.context
        fixture.succeed(
            .timer, notification, form: TimerForm.set.rawValue, fixture.model.now.value + 500, 1, by: caller)
        fixture.delete(notification)
        #expect(fixture.core(core).pointee.notificationTimers.first == nil)
        fixture.advance(1000)
    }

    @Test func aNotificationInAnInbox() {
        let fixture = Fixture(cores: 2)
        let thread = fixture.makeThread(core: 1, notified: true)
        fixture.wait(thread)
        fixture.succeed(.signal, thread.notification, 1)
        #expect(fixture.core(1).pointee.inbox.load() != 0)
        fixture.delete(thread.notification)
        fixture.settleAll()
        #expect(thread.context.pointee.notification == nil)
    }

    @Test func aNotificationThatIsToldOfEverything() {
        let fixture = Fixture()
        let notification = fixture.create(.notification)
        let time = fixture.makeScheduling(priority: 3), machine = fixture.makeVirtualCPU(starts: false)
        fixture.succeed(.scheduleControl, time, form: ScheduleControl.bindOverrun.rawValue, UInt64(notification), 1)
        fixture.succeed(
            .contextControl, machine.slot, form: ContextControl.bindStopped.rawValue, UInt64(notification), 1)
        fixture.succeed(.doorbell, machine.space, 0x1000, UInt64(notification), 1)
        let interrupt = fixture.freeSlot()
        fixture.succeed(
            .system, RootSlot.system, form: SystemForm.createInterrupt.rawValue, 40, UInt64(interrupt),
            UInt64(fixture.region))
        fixture.succeed(.interruptControl, interrupt, form: InterruptControl.bind.rawValue, UInt64(notification), 1)
        fixture.delete(notification)
        #expect(fixture.object(time, as: SchedulingContext.self).pointee.overrun.notification == nil)
        #expect(machine.context.pointee.stopped.notification == nil)
        #expect(fixture.object(interrupt, as: Interrupt.self).pointee.bell.notification == nil)
        let space = fixture.object(machine.space, as: AddressSpace.self)
        #expect(fixture.bell(machine, 0x1000) == nil)
        // Another object can take its place.
        let other = fixture.create(.notification)
        fixture.succeed(.doorbell, machine.space, 0x2000, UInt64(other), 1)
        #expect(space.pointee.doorbells?.pointee.used == 1)
    }

    @Test func aBoundInterrupt() {
        let fixture = Fixture()
        let notification = fixture.create(.notification), interrupt = fixture.freeSlot()
        func create() -> Status? {
            fixture.operate(
                .system, RootSlot.system, form: SystemForm.createInterrupt.rawValue, 40, UInt64(interrupt),
                UInt64(fixture.region)
            ).status
        }
        #expect(create() == .ok)
        fixture.succeed(.interruptControl, interrupt, form: InterruptControl.bind.rawValue, UInt64(notification), 1)
        fixture.model.cores[0].setDeviceLine(40, true)
        fixture.settle()
        #expect(fixture.operate(.poll, notification).tag == 1)
        fixture.delete(interrupt)
        #expect(fixture.model.cores[0].pendingInterrupt == nil)
        #expect(fixture.slot(notification).pointee.firstChild == nil)
        #expect(create() == .ok, "its number is free again")
    }

    @Test func aPortalThatFaultsGoTo() {
        let fixture = Fixture()
        let server = fixture.makeThread(priority: 9)
        let portal = fixture.makePortal(to: server), watcher = fixture.create(.notification)
        let machine = fixture.makeVirtualCPU(portal: portal)
        fixture.succeed(.contextControl, machine.slot, form: ContextControl.bindStopped.rawValue, UInt64(watcher), 2)
        fixture.delete(portal)
        #expect(fixture.slot(server.slot).pointee.firstChild == nil)
        fixture.sleepRoot()
        fixture.wait(server)
        fixture.exit(machine, Words(1))
        #expect(machine.state == .stopped)
        fixture.raiseRoot()
        #expect(fixture.operate(.poll, watcher).tag == 2)
    }
}
