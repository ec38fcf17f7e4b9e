import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// A client with an abort mask of 2 and a server that serves it.
private struct Abortable {
    let fixture: Fixture
    let server: Tenant
    let client: Tenant
    let portal: UInt32
    let core: Int

    init(core: Int = 0) {
        fixture = Fixture(cores: 2)
        self.core = core
        server = fixture.makeThread(priority: 20, core: core)
        client = fixture.makeThread(priority: 10, core: core, notified: true)
        portal = fixture.makePortal(to: server)
        let form = ContextControl.setAbortMask.rawValue
        if core == 0 {
            fixture.succeed(.contextControl, client.slot, form: form, 2)
            fixture.sleepRoot()
            fixture.wait(server)
        } else {
            fixture.wait(server)
            fixture.succeed(.contextControl, client.slot, form: form, 2, by: client.context)
        }
    }

    var answer: Answer { fixture.answer(client.context) }
    func call() { fixture.call(portal, by: client) }
    func byRoot(_ body: () -> Void) {
        if core == 0 { fixture.raiseRoot() }
        body()
        if core == 0 { fixture.sleepRoot() }
    }
}

@Suite struct AbortTests {
    @Test func aBitOfTheMaskEndsTheCall() {
        let board = Abortable()
        board.call()
        #expect(board.fixture.current() == board.server.context)
        board.byRoot { board.fixture.succeed(.signal, board.client.notification, 1) }
        #expect(board.client.state == .calling, "a bit beside the mask")
        board.byRoot { board.fixture.succeed(.signal, board.client.notification, 2) }
        #expect(board.client.state == .ready && board.answer.status == .aborted && board.answer.tag == 1)
        // The bits stay.
        #expect(
            board.fixture.object(board.client.notification, as: KernelCore.Notification.self).pointee.bits.load() == 3)
        // The server is an orphan. It continues when another caller pays for it, and its answer reaches nobody.
        #expect(board.server.state == .ready && board.server.context.pointee.caller == nil)
        #expect(board.fixture.current() == board.client.context)
        let heard = board.fixture.wait(board.client)
        #expect(heard.status == .notified && heard.tag == 3)
    }

    @Test func fromAnotherCore() {
        let board = Abortable(core: 1)
        board.call()
        board.fixture.succeed(.signal, board.client.notification, 2)
        #expect(board.client.state == .calling, "not yet")
        board.fixture.settle(1)
        #expect(board.client.state == .ready && board.answer.status == .aborted)
    }

    @Test func aBitThatIsPendingEndsTheCallAtOnce() {
        let board = Abortable()
        board.byRoot { board.fixture.succeed(.signal, board.client.notification, 2) }
        board.call()
        #expect(board.fixture.current() == board.client.context)
        #expect(board.answer.status == .aborted && board.answer.tag == 1)
        #expect(board.server.state == .waiting)
        #expect(board.fixture.operate(.poll, board.client.notification, by: board.client.context).tag == 2)
        board.call()
        #expect(board.fixture.current() == board.server.context)
    }

    @Test func aMaskThatIsSetLaterCountsForTheCallThatIsUnderWay() {
        let board = Abortable()
        board.byRoot { board.fixture.succeed(.signal, board.client.notification, 4) }
        board.call()
        #expect(board.client.state == .calling)
        board.byRoot {
            board.fixture.succeed(.contextControl, board.client.slot, form: ContextControl.setAbortMask.rawValue, 4)
        }
        #expect(board.answer.status == .aborted)
    }

    @Test func aTimerIsADeadline() {
        let board = Abortable()
        board.fixture.raiseRoot()
        board.fixture.succeed(
            .timer, board.client.notification, form: TimerForm.set.rawValue, board.fixture.model.now.value + 500, 2)
        board.fixture.sleepRoot()
        board.call()
        board.fixture.advance(499)
        #expect(board.client.state == .calling)
        board.fixture.advance(1)
        #expect(board.client.state == .ready && board.answer.status == .aborted)
    }

    @Test func whileItQueues() {
        let fixture = Fixture()
        let server = fixture.makeThread(priority: 5)
        let clients = (0..<3).map { _ in fixture.makeThread(priority: 10, notified: true) }
        let portal = fixture.makePortal(to: server)
        for client in clients {
            fixture.succeed(.contextControl, client.slot, form: ContextControl.setAbortMask.rawValue, 2)
        }
        fixture.sleepRoot()
        for client in clients {
            fixture.call(portal, by: client)
            #expect(fixture.current() == server.context)
            fixture.advance(1000)
        }
        fixture.raise(clients[1].notification, 2)
        #expect(fixture.answer(clients[1].context).status == .aborted)
        fixture.advance(1000)
        #expect(fixture.current() == clients[1].context)
        fixture.wait(clients[1])
        fixture.wait(clients[1])
        // The server serves no caller yet.
        fixture.wait(server)
        fixture.replyAndWait(server)
        if fixture.current() == clients[0].context { fixture.wait(clients[0]) }
        #expect(server.context.pointee.caller == clients[2].context)
    }

    /// The middle of a chain leaves it. The first caller gets its time back only when the middle one answers.
    @Test func inTheMiddleOfAChain() {
        let fixture = Fixture()
        let inner = fixture.makeThread(priority: 20), middle = fixture.makeThread(priority: 20, notified: true)
        let client = fixture.makeThread(priority: 10)
        let toInner = fixture.makePortal(to: inner), toMiddle = fixture.makePortal(to: middle)
        fixture.succeed(.contextControl, middle.slot, form: ContextControl.setAbortMask.rawValue, 2)
        fixture.sleepRoot()
        fixture.wait(inner)
        fixture.wait(middle)
        fixture.call(toMiddle, by: client)
        fixture.call(toInner, by: middle)
        fixture.raise(middle.notification, 2)
        #expect(middle.state == .ready && fixture.answer(middle.context).status == .aborted)
        #expect(client.state == .calling && client.context.pointee.server == middle.context)
        // The bits have brought the middle one's own time, beside that of the client. The inner one is an orphan.
        #expect(fixture.current() == middle.context && inner.state == .ready)
        #expect(middle.context.pointee.usesOwnTime && !inner.context.pointee.usesOwnTime)
        fixture.replyAndWait(middle, 5)
        // The bits that aborted it are still there.
        #expect(middle.state == .ready && fixture.answer(middle.context).status == .notified)
        fixture.wait(middle)
        #expect(fixture.current() == client.context && fixture.answer(client.context).words[0] == 5)
    }

    /// The first of a chain leaves it, and nobody behind it keeps its time.
    @Test func atTheBeginningOfAChain() {
        let fixture = Fixture()
        let inner = fixture.makeThread(priority: 4), middle = fixture.makeThread(priority: 5)
        let client = fixture.makeThread(priority: 10, notified: true)
        let toInner = fixture.makePortal(to: inner), toMiddle = fixture.makePortal(to: middle)
        fixture.succeed(.contextControl, client.slot, form: ContextControl.setAbortMask.rawValue, 2)
        fixture.succeed(.contextControl, client.slot, form: ContextControl.stop.rawValue)
        fixture.sleepRoot()
        fixture.wait(middle)
        fixture.wait(inner)
        fixture.raiseRoot()
        fixture.start(client)
        fixture.sleepRoot()
        fixture.call(toMiddle, by: client)
        fixture.call(toInner, by: middle)
        #expect(fixture.current() == inner.context)
        fixture.raise(client.notification, 2)
        #expect(fixture.current() == client.context && fixture.answer(client.context).status == .aborted)
        #expect(fixture.core(0).pointee.scheduling == client.context.pointee.home)
        #expect(middle.state == .calling && inner.state == .ready)
        // Its next call has to pay for the rest first.
        _ = fixture.operate(.poll, client.notification, by: client.context)
        fixture.call(toMiddle, by: client)
        #expect(fixture.current() == inner.context)
        #expect(fixture.core(0).pointee.scheduling == client.context.pointee.home)
        fixture.replyAndWait(inner, 3)
        #expect(fixture.current() == middle.context && fixture.answer(middle.context).words[0] == 3)
        fixture.replyAndWait(middle)
        #expect(fixture.current() == middle.context && middle.context.pointee.caller == client.context)
        fixture.replyAndWait(middle)
        #expect(fixture.current() == client.context)
    }

    @Test func byHand() {
        let board = Abortable(core: 1)
        let abort = ContextControl.abort.rawValue
        #expect(board.fixture.operate(.contextControl, board.client.slot, form: abort).status == .wrongCore)
        let local = Abortable()
        local.byRoot {
            #expect(local.fixture.operate(.contextControl, local.client.slot, form: abort).status == .badState)
        }
        local.call()
        local.byRoot { local.fixture.succeed(.contextControl, local.client.slot, form: abort) }
        #expect(local.answer.status == .aborted && local.answer.tag == 1)
        #expect(
            local.fixture.object(local.client.notification, as: KernelCore.Notification.self).pointee.bits.load() == 0)
    }

    /// The fault that is being served is given up, and its context stays stopped.
    @Test func anExitByHand() {
        let fixture = Fixture()
        let monitor = fixture.makeThread(priority: 9)
        let machine = fixture.makeVirtualCPU(portal: fixture.makePortal(to: monitor))
        fixture.sleepRoot()
        fixture.wait(monitor)
        fixture.exit(machine, Message(1))
        fixture.raiseRoot()
        fixture.succeed(.contextControl, machine.slot, form: ContextControl.abort.rawValue)
        #expect(machine.state == .stopped && monitor.context.pointee.caller == nil)
        fixture.sleepRoot()
        #expect(fixture.current() == nil && monitor.state == .ready, "an orphan")
    }

    @Test func oneThatWasToBeStoppedStops() {
        let board = Abortable()
        board.call()
        board.byRoot {
            board.fixture.stop(board.client)
            #expect(board.client.state == .calling)
            board.fixture.succeed(.contextControl, board.client.slot, form: ContextControl.abort.rawValue)
        }
        #expect(board.client.state == .stopped)
    }

    // MARK: Loops

    @Test func aLoopThroughAQueueIsRefused() {
        let fixture = Fixture()
        let threads = (0..<4).map { fixture.makeThread(priority: 20 - UInt64($0)) }
        let portals = threads.map { fixture.makePortal(to: $0) }
        fixture.sleepRoot()
        // No thread waits for calls, so each call queues at the next thread.
        for index in 0..<3 { fixture.call(portals[index + 1], by: threads[index]) }
        #expect(fixture.current() == threads[3].context)
        for portal in portals.dropLast() {
            #expect(fixture.operate(.call, portal, by: threads[3].context).status == .tooDeep)
        }
        #expect(fixture.operate(.call, portals[3], by: threads[3].context).status == .tooDeep)
        fixture.wait(threads[3])
        #expect(threads[3].context.pointee.caller == threads[2].context)
    }

    // MARK: Generations

    @Test func aPortalThatIsBoundAnewSaysSo() {
        let fixture = Fixture()
        let first = fixture.makeThread(priority: 20), second = fixture.makeThread(priority: 20)
        let client = fixture.makeThread(priority: 10)
        let portal = fixture.create(.portal)
        let bind = ContextControl.bindPortal.rawValue
        let dead = fixture.operate(.call, portal)
        #expect(dead.status == .dead && dead.tag == 0)
        fixture.succeed(.contextControl, first.slot, form: bind, UInt64(portal))
        fixture.sleepRoot()
        fixture.wait(first)
        fixture.wait(second)
        fixture.call(portal, by: client)
        fixture.replyAndWait(first)
        #expect(fixture.answer(client.context).tag == 1)
        fixture.raiseRoot()
        fixture.succeed(.contextControl, second.slot, form: bind, UInt64(portal))
        fixture.sleepRoot()
        fixture.call(portal, by: client)
        #expect(fixture.current() == second.context)
        fixture.raiseRoot()
        fixture.delete(second.slot)
        fixture.sleepRoot()
        #expect(fixture.answer(client.context).status == .dead && fixture.answer(client.context).tag == 2)
        let none = fixture.operate(.call, portal, by: client.context)
        #expect(none.status == .dead && none.tag == 2)
    }

    @Test func bindingAPortalIsChecked() {
        let fixture = Fixture()
        let thread = fixture.makeThread(), fresh = fixture.create(.thread),
            machine = fixture.makeVirtualCPU(starts: false)
        let portal = fixture.create(.portal), weak = fixture.derive(portal, rights: .readWrite)
        func bind(_ slot: UInt32, _ portal: UInt64) -> Status? {
            fixture.operate(.contextControl, slot, form: ContextControl.bindPortal.rawValue, portal).status
        }
        #expect(bind(thread.slot, UInt64(weak)) == .noRights)
        #expect(bind(thread.slot, 0) == .badCapability)
        #expect(bind(thread.slot, .max) == .badCapability)
        #expect(bind(thread.slot, UInt64(thread.slot)) == .badCapability)
        #expect(bind(fresh, UInt64(portal)) == .badState)
        #expect(bind(machine.slot, UInt64(portal)) == .badCapability)
        #expect(bind(fixture.derive(thread.slot, rights: .readWrite), UInt64(portal)) == .noRights)
        #expect(fixture.object(portal, as: Portal.self).pointee.generation == 0)
        #expect(bind(thread.slot, UInt64(portal)) == .ok)
    }

    /// This also holds for the notification that reports a fault which nobody serves.
    @Test func aBadgedCapabilityRaisesItsBadge() {
        let fixture = Fixture()
        let notification = fixture.create(.notification)
        let badged = fixture.freeSlot()
        fixture.succeed(
            .derive, notification, UInt64(InitialSlot.table), UInt64(badged), UInt64(Rights.write.rawValue), 1, 0)
        let thread = fixture.makeThread(priority: 10)
        fixture.succeed(.contextControl, thread.slot, form: ContextControl.bindStopped.rawValue, UInt64(badged), 0xFF00)
        fixture.sleepRoot()
        fixture.enter { K.exit($0, thread.context, Message(1)) }
        fixture.settle()
        #expect(fixture.object(notification, as: KernelCore.Notification.self).pointee.bits.load() == 1)
    }

    @Test func aStartTakesAStopBackThatWaitsForTheAnswer() {
        let fixture = Fixture()
        let client = fixture.makeThread(priority: 10)
        let server = fixture.makeThread(priority: 12)
        let portal = fixture.makePortal(to: server)
        fixture.sleepRoot()
        fixture.wait(server)
        fixture.call(portal, by: client)
        fixture.raiseRoot()
        fixture.stop(client)
        fixture.start(client)
        fixture.sleepRoot()
        fixture.replyAndWait(server)
        #expect(client.state == .ready)
    }
}
