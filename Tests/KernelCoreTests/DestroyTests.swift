import ABI
import MachineModel
import Testing

@testable import KernelCore

private typealias Notification = KernelCore.Notification

/// Objects that are destroyed while they are in use, whatever they are doing.
@Suite struct DestroyTests {
    // MARK: Contexts

    @Test(arguments: [0, 1])
    func aThreadThatRuns(core: Int) {
        let bench = Bench(cores: 2)
        let thread = bench.makeThread(priority: 10, core: core)
        bench.delete(thread.slot)
        #expect(thread.state == .stopped)
        bench.settleAll()
        #expect(bench.current(1) == nil)
        // Its time is free for another.
        let other = bench.create(.thread)
        bench.configure(
            Tenant(context: bench.object(other, as: ExecutionContext.self), slot: other, scheduling: thread.scheduling),
            core: core)
    }

    /// It was inside its own system call; nobody reads the answer.
    @Test func aThreadThatDestroysItself() {
        let bench = Bench(cores: 2)
        let thread = bench.makeThread(core: 1, notified: true)
        for _ in 0..<10 where bench.current(1) == thread.context {
            bench.operate(.revoke, thread.slot, form: RevokeForm.delete.rawValue, by: thread.context)
            bench.settleAll()
        }
        #expect(bench.current(1) == nil && bench.isEmpty(thread.slot))
        #expect(bench.object(thread.notification, as: Notification.self).pointee.sink.load() == 0)
    }

    @Test(arguments: [false, true])
    func aThreadThatDestroysItsSpaceOrItsTime(isTime: Bool) {
        let bench = Bench(cores: 2)
        var thread = bench.makeThread(core: 1, starts: false)
        thread.space = bench.create(.addressSpace, 1)
        bench.configure(thread, core: 1)
        bench.start(thread)
        for _ in 0..<10 where bench.current(1) == thread.context {
            bench.operate(
                .revoke, isTime ? thread.scheduling : thread.space, form: RevokeForm.delete.rawValue, by: thread.context
            )
            bench.settleAll()
        }
        #expect(thread.state == .stopped && bench.current(1) == nil)
        #expect(bench.operate(.contextControl, thread.slot, form: ContextControl.start.rawValue).status == .badState)
        bench.delete(thread.slot)
    }

    @Test func aCallerThatIsServed() {
        let bench = Bench()
        let server = bench.makeThread(priority: 20), client = bench.makeThread(priority: 10)
        let portal = bench.makePortal(to: server)
        bench.sleepRoot()
        bench.wait(server)
        bench.call(portal, by: client)
        bench.raiseRoot()
        bench.delete(client.slot)
        #expect(server.state == .ready && server.context.pointee.caller == nil)
        bench.sleepRoot()
        // It goes on once somebody else calls, and finds nobody to answer.
        #expect(bench.current() == nil)
        bench.raiseRoot()
        let other = bench.makeThread(priority: 10)
        bench.sleepRoot()
        bench.call(portal, by: other)
        #expect(bench.current() == server.context && server.context.pointee.caller == nil)
        bench.replyAndWait(server)
        #expect(bench.current() == server.context && server.context.pointee.caller == other.context)
    }

    @Test func aCallerThatQueues() {
        let bench = Bench()
        let server = bench.makeThread(priority: 5)
        let clients = (0..<3).map { _ in bench.makeThread(priority: 10) }
        let portal = bench.makePortal(to: server)
        bench.sleepRoot()
        for client in clients {
            bench.call(portal, by: client)
            bench.advance(1000)  // a client that queues helps the server until its slice is over
        }
        bench.raiseRoot()
        bench.delete(clients[1].slot)
        bench.sleepRoot()
        bench.wait(server)
        #expect(server.context.pointee.caller == clients[0].context)
        bench.replyAndWait(server)
        bench.wait(clients[0])
        #expect(server.context.pointee.caller == clients[2].context)
    }

    /// Everyone who waits for it, whether served or queued, hears of it.
    @Test func aServerWithCallers() {
        let bench = Bench()
        let server = bench.makeThread(priority: 5)
        let clients = (0..<20).map { _ in bench.makeThread(priority: 10) }
        let portal = bench.makePortal(to: server)
        bench.sleepRoot()
        for client in clients {
            bench.call(portal, by: client)
            bench.advance(1000)
        }
        bench.wait(server)
        bench.raiseRoot()
        // It takes no caller any more between the entries that this takes.
        #expect(bench.operate(.revoke, server.slot, form: RevokeForm.delete.rawValue).status == .again)
        #expect(server.state == .stopped && !server.context.pointee.isConfigured)
        bench.delete(server.slot)
        for client in clients {
            #expect(client.state == .ready)
            let answer = bench.answer(client.context)
            #expect(answer.status == .dead && answer.tag == 1)
        }
        let object = bench.object(portal, as: Portal.self)
        #expect(object.pointee.server == nil && object.pointee.generation == 1)
        #expect(bench.operate(.call, portal).status == .dead)
    }

    @Test func aServerInTheMiddleOfAChain() {
        let bench = Bench()
        let inner = bench.makeThread(priority: 20), middle = bench.makeThread(priority: 20)
        let client = bench.makeThread(priority: 10)
        let toInner = bench.makePortal(to: inner), toMiddle = bench.makePortal(to: middle)
        bench.sleepRoot()
        bench.wait(inner)
        bench.wait(middle)
        bench.call(toMiddle, by: client)
        bench.call(toInner, by: middle)
        bench.raiseRoot()
        bench.delete(middle.slot)
        #expect(client.state == .ready && bench.answer(client.context).status == .dead)
        #expect(inner.state == .ready && inner.context.pointee.caller == nil)
        bench.sleepRoot()
        #expect(bench.current() == client.context, "nobody pays for the inner one")
    }

    @Test func aThreadThatWaits() {
        let bench = Bench()
        let thread = bench.makeThread(notified: true)
        bench.sleepRoot()
        bench.wait(thread)
        bench.raiseRoot()
        bench.delete(thread.slot)
        bench.succeed(.signal, thread.notification, 4)
        #expect(bench.operate(.poll, thread.notification).tag == 4)
    }

    @Test(arguments: [0, 1])
    func aVirtualCPUThatSleepsWithATimer(core: Int) {
        let bench = Bench(cores: 2)
        let machine = bench.makeVirtualCPU(core: core, affinity: 2),
            other = bench.makeVirtualCPU(priority: 4, core: core)
        if core == 0 { bench.sleepRoot() }
        bench.model.cores[core].setTimer(27, bench.model.now + Ticks(500))
        bench.waitForInterrupt(machine)
        #expect(bench.current(core) == other.context && bench.core(core).pointee.contextTimers.first == machine.context)
        if core == 0 { bench.raiseRoot() }
        bench.delete(machine.slot)
        #expect(bench.core(core).pointee.contextTimers.first == nil)
        #expect(bench.object(machine.space, as: AddressSpace.self).pointee.virtualCPUs[2] == nil)
        bench.advance(1000)
    }

    @Test(arguments: [0, 1])
    func aVirtualCPUThatIsLoaded(core: Int) {
        let bench = Bench(cores: 2)
        let machine = bench.makeVirtualCPU(core: core)
        if core == 0 { bench.sleepRoot() }
        bench.enter(core) { K.floatingPointTrap($0, machine.context) }
        if core == 0 { bench.raiseRoot() }
        #expect(bench.core(core).pointee.loaded == machine.context)
        #expect(bench.core(core).pointee.floatingPointOwner == machine.context)
        bench.delete(machine.slot)
        #expect(bench.core(core).pointee.loaded == nil)
        #expect(bench.core(core).pointee.floatingPointOwner != machine.context)
        bench.delete(machine.space)
    }

    @Test func aContextWhoseFloatingPointRegistersAreInTheUnit() {
        let bench = Bench()
        let thread = bench.makeThread()
        bench.sleepRoot()
        bench.enter { K.floatingPointTrap($0, thread.context) }
        bench.raiseRoot()
        #expect(bench.core(0).pointee.floatingPointOwner == thread.context)
        bench.delete(thread.slot)
        #expect(bench.core(0).pointee.floatingPointOwner == nil && bench.core(0).pointee.floatingPointTraps)
    }

    @Test func aVirtualCPUThatItsMonitorServes() {
        let bench = Bench()
        let monitor = bench.makeThread(priority: 9)
        let machine = bench.makeVirtualCPU(portal: bench.makePortal(to: monitor))
        bench.sleepRoot()
        bench.wait(monitor)
        bench.exit(machine, Message(1))
        bench.raiseRoot()
        bench.delete(machine.slot)
        bench.sleepRoot()
        #expect(bench.current() == nil && monitor.state == .ready && monitor.context.pointee.caller == nil)
    }

    /// It stops, and whoever is to know is told.
    @Test func theMonitorOfAVirtualCPU() {
        let bench = Bench()
        let monitor = bench.makeThread(priority: 9), watcher = bench.create(.notification)
        let served = bench.makeVirtualCPU(portal: bench.makePortal(to: monitor))
        for machine in [served] {
            bench.succeed(
                .contextControl, machine.slot, form: ContextControl.bindStopped.rawValue, UInt64(watcher), 0x10)
        }
        bench.sleepRoot()
        bench.wait(monitor)
        bench.exit(served, Message(1))
        bench.raiseRoot()
        bench.delete(monitor.slot)
        #expect(served.state == .stopped)
        #expect(bench.operate(.poll, watcher).tag == 0x10)
        // Its next exit finds nobody, too.
        bench.start(served)
        bench.sleepRoot()
        bench.exit(served, Message(2))
        #expect(served.state == .stopped)
        bench.raiseRoot()
        #expect(bench.operate(.poll, watcher).tag == 0x10)
    }

    // MARK: What a context is made of

    @Test(arguments: [NodeRole.space, .scheduling, .table, .faultPortal, .messagePage, .stopped])
    func aPartOfAContext(role: NodeRole) {
        let bench = Bench(cores: 2)
        let table = bench.create(.capabilityTable, 16), space = bench.create(.addressSpace, 1)
        let server = bench.makeThread(core: 1)
        let portal = bench.makePortal(to: server), watcher = bench.create(.notification)
        let thread = bench.makeThread(priority: 20, core: 1, starts: false)
        bench.succeed(
            .contextControl, thread.slot, form: ContextControl.configure.rawValue, UInt64(space), UInt64(table),
            UInt64(portal), UInt64(thread.scheduling), 1)
        let page = bench.create(.extent, 4096, alignment: 4096)
        bench.succeed(.contextControl, thread.slot, form: ContextControl.setMessagePage.rawValue, UInt64(page), 0)
        bench.succeed(.contextControl, thread.slot, form: ContextControl.bindStopped.rawValue, UInt64(watcher), 1)
        bench.start(thread)
        #expect(bench.current(1) == thread.context)
        let slots: [NodeRole: UInt32] = [
            .space: space, .scheduling: thread.scheduling, .table: table, .faultPortal: portal, .messagePage: page,
            .stopped: watcher,
        ]
        bench.delete(slots[role]!)
        bench.settleAll()
        let mayRun = role != .space && role != .scheduling
        #expect((bench.current(1) == thread.context) == mayRun)
        #expect(thread.context.pointee.isConfigured == mayRun)
        if !mayRun {
            #expect(thread.state == .stopped)
            #expect(
                bench.operate(.contextControl, thread.slot, form: ContextControl.start.rawValue).status == .badState)
        }
        bench.delete(thread.slot)
    }

    @Test func aSpaceThatStillRunsOnOtherCores() {
        let bench = Bench(cores: 3)
        let space = bench.create(.addressSpace, 1)
        var threads: [Tenant] = []
        for core in 1..<3 {
            let thread = bench.makeThread(core: core, starts: false)
            bench.succeed(
                .contextControl, thread.slot, form: ContextControl.configure.rawValue, UInt64(space),
                UInt64(InitialSlot.table), 0, UInt64(thread.scheduling), UInt64(core))
            bench.start(thread)
            threads.append(thread)
        }
        let translation = bench.object(space, as: AddressSpace.self).pointee.translation
        #expect(bench.core(1).pointee.translation == translation)
        bench.delete(space)
        for core in 1..<3 { #expect(bench.core(core).pointee.translation != translation && bench.current(core) == nil) }
    }

    @Test func timeThatACallerLent() {
        let bench = Bench()
        let server = bench.makeThread(priority: 5), client = bench.makeThread(priority: 10)
        let portal = bench.makePortal(to: server)
        bench.sleepRoot()
        bench.advance(0)
        bench.call(portal, by: client)
        bench.wait(server)
        #expect(server.context.pointee.caller == client.context)
        bench.raiseRoot()
        bench.delete(client.scheduling)
        #expect(client.state == .stopped && bench.answer(client.context).status == .dead)
        bench.sleepRoot()
        #expect(bench.current() == nil && server.state == .ready)
    }

    @Test func timeThatWaitsForItsNextPeriod() {
        for core in 0..<2 {
            let bench = Bench(cores: 2)
            let thread = bench.makeThread(priority: 5, core: core, starts: false)
            let time = bench.create(.schedulingContext)
            bench.succeed(
                .scheduleControl, time, form: ScheduleControl.configure.rawValue, UInt64(core), 5, 1000, 100, 1000)
            var budgeted = thread
            budgeted.scheduling = time
            bench.configure(budgeted, core: core)
            bench.start(budgeted)
            if core == 0 { bench.sleepRoot() }
            bench.advance(100)
            #expect(bench.core(core).pointee.budgetTimers.first == bench.object(time, as: SchedulingContext.self))
            if core == 0 { bench.raiseRoot() }
            bench.delete(time)
            #expect(bench.core(core).pointee.budgetTimers.first == nil)
            bench.advance(2000)
            #expect(thread.state == .stopped)
        }
    }

    // MARK: Notifications, portals, interrupts, doorbells

    @Test(arguments: [0, 1])
    func aNotificationWhoseTimerIsArmed(core: Int) {
        let bench = Bench(cores: 2)
        let thread = bench.makeThread(core: 1)
        let notification = bench.create(.notification)
        let caller = core == 0 ? bench.root : thread.context
        bench.succeed(
            .timer, notification, form: TimerForm.set.rawValue, bench.model.now.value + 500, 1, by: caller)
        bench.delete(notification)
        #expect(bench.core(core).pointee.notificationTimers.first == nil)
        bench.advance(1000)
    }

    @Test func aNotificationInAnInbox() {
        let bench = Bench(cores: 2)
        let thread = bench.makeThread(core: 1, notified: true)
        bench.wait(thread)
        bench.succeed(.signal, thread.notification, 1)
        #expect(bench.core(1).pointee.inbox.load() != 0)
        bench.delete(thread.notification)
        bench.settleAll()
        #expect(thread.context.pointee.notification == nil)
    }

    @Test func aNotificationThatIsToldOfEverything() {
        let bench = Bench()
        let notification = bench.create(.notification)
        let time = bench.makeScheduling(priority: 3), machine = bench.makeVirtualCPU(starts: false)
        bench.succeed(.scheduleControl, time, form: ScheduleControl.bindOverrun.rawValue, UInt64(notification), 1)
        bench.succeed(.contextControl, machine.slot, form: ContextControl.bindStopped.rawValue, UInt64(notification), 1)
        bench.succeed(.doorbell, machine.space, 0x1000, UInt64(notification), 1)
        let interrupt = bench.freeSlot()
        bench.succeed(
            .system, InitialSlot.system, form: SystemForm.createInterrupt.rawValue, 40, UInt64(interrupt),
            UInt64(bench.region))
        bench.succeed(.interruptControl, interrupt, form: InterruptControl.bind.rawValue, UInt64(notification), 1)
        bench.delete(notification)
        #expect(bench.object(time, as: SchedulingContext.self).pointee.overrun.notification == nil)
        #expect(machine.context.pointee.stopped.notification == nil)
        #expect(bench.object(interrupt, as: Interrupt.self).pointee.bell.notification == nil)
        let space = bench.object(machine.space, as: AddressSpace.self)
        #expect(!K.ring(bench.core(0), space, GuestAddress(0x1000)))
        // Its place is free again.
        let other = bench.create(.notification)
        bench.succeed(.doorbell, machine.space, 0x2000, UInt64(other), 1)
        #expect(space.pointee.doorbellCount == 1)
    }

    @Test func aBoundInterrupt() {
        let bench = Bench()
        let notification = bench.create(.notification), interrupt = bench.freeSlot()
        func create() -> Status? {
            bench.operate(
                .system, InitialSlot.system, form: SystemForm.createInterrupt.rawValue, 40, UInt64(interrupt),
                UInt64(bench.region)
            ).status
        }
        #expect(create() == .ok)
        bench.succeed(.interruptControl, interrupt, form: InterruptControl.bind.rawValue, UInt64(notification), 1)
        bench.model.cores[0].setDeviceLine(40, true)
        bench.settle()
        #expect(bench.operate(.poll, notification).tag == 1)
        bench.delete(interrupt)
        #expect(bench.model.cores[0].pendingInterrupt == nil)
        #expect(bench.slot(notification).pointee.firstChild == nil)
        #expect(create() == .ok, "its number is free again")
    }

    @Test func aPortalThatFaultsGoTo() {
        let bench = Bench()
        let server = bench.makeThread(priority: 9)
        let portal = bench.makePortal(to: server), watcher = bench.create(.notification)
        let machine = bench.makeVirtualCPU(portal: portal)
        bench.succeed(.contextControl, machine.slot, form: ContextControl.bindStopped.rawValue, UInt64(watcher), 2)
        bench.delete(portal)
        #expect(bench.slot(server.slot).pointee.firstChild == nil)
        bench.sleepRoot()
        bench.wait(server)
        bench.exit(machine, Message(1))
        #expect(machine.state == .stopped)
        bench.raiseRoot()
        #expect(bench.operate(.poll, watcher).tag == 2)
    }
}
