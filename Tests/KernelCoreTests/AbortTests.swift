import ABI
import MachineModel
import Testing

@testable import KernelCore

/// A client with an abort mask of 2 and a server that serves it.
private struct Abortable {
    let bench: Bench
    let server: Tenant
    let client: Tenant
    let portal: UInt32
    let core: Int

    init(core: Int = 0) {
        bench = Bench(cores: 2)
        self.core = core
        server = bench.makeThread(priority: 20, core: core)
        client = bench.makeThread(priority: 10, core: core, notified: true)
        portal = bench.makePortal(to: server)
        let form = ContextControl.setAbortMask.rawValue
        if core == 0 {
            bench.succeed(.contextControl, client.slot, form: form, 2)
            bench.sleepRoot()
            bench.wait(server)
        } else {
            bench.wait(server)
            bench.succeed(.contextControl, client.slot, form: form, 2, by: client.context)
        }
    }

    var answer: Answer { bench.answer(client.context) }
    func call() { bench.call(portal, by: client) }
    func byRoot(_ body: () -> Void) {
        if core == 0 { bench.raiseRoot() }
        body()
        if core == 0 { bench.sleepRoot() }
    }
}

@Suite struct AbortTests {
    @Test func aBitOfTheMaskEndsTheCall() {
        let board = Abortable()
        board.call()
        #expect(board.bench.current() == board.server.context)
        board.byRoot { board.bench.succeed(.signal, board.client.notification, 1) }
        #expect(board.client.state == .calling, "a bit beside the mask")
        board.byRoot { board.bench.succeed(.signal, board.client.notification, 2) }
        #expect(board.client.state == .ready && board.answer.status == .aborted && board.answer.tag == 1)
        // The bits stay.
        #expect(
            board.bench.object(board.client.notification, as: KernelCore.Notification.self).pointee.bits.load() == 3)
        // The server is an orphan: it goes on when somebody pays for it, and its answer reaches nobody.
        #expect(board.server.state == .ready && board.server.context.pointee.caller == nil)
        #expect(board.bench.current() == board.client.context)
        let heard = board.bench.wait(board.client)
        #expect(heard.status == .notified && heard.tag == 3)
    }

    @Test func fromAnotherCore() {
        let board = Abortable(core: 1)
        board.call()
        board.bench.succeed(.signal, board.client.notification, 2)
        #expect(board.client.state == .calling, "not yet")
        board.bench.settle(1)
        #expect(board.client.state == .ready && board.answer.status == .aborted)
    }

    @Test func aBitThatIsPendingEndsTheCallAtOnce() {
        let board = Abortable()
        board.byRoot { board.bench.succeed(.signal, board.client.notification, 2) }
        board.call()
        #expect(board.bench.current() == board.client.context)
        #expect(board.answer.status == .aborted && board.answer.tag == 1)
        #expect(board.server.state == .waiting)
        #expect(board.bench.operate(.poll, board.client.notification, by: board.client.context).tag == 2)
        board.call()
        #expect(board.bench.current() == board.server.context)
    }

    @Test func aMaskThatIsSetLaterCountsForTheCallThatIsUnderWay() {
        let board = Abortable()
        board.byRoot { board.bench.succeed(.signal, board.client.notification, 4) }
        board.call()
        #expect(board.client.state == .calling)
        board.byRoot {
            board.bench.succeed(.contextControl, board.client.slot, form: ContextControl.setAbortMask.rawValue, 4)
        }
        #expect(board.answer.status == .aborted)
    }

    @Test func aTimerIsADeadline() {
        let board = Abortable()
        board.bench.raiseRoot()
        board.bench.succeed(
            .timer, board.client.notification, form: TimerForm.set.rawValue, board.bench.model.now.value + 500, 2)
        board.bench.sleepRoot()
        board.call()
        board.bench.advance(499)
        #expect(board.client.state == .calling)
        board.bench.advance(1)
        #expect(board.client.state == .ready && board.answer.status == .aborted)
    }

    @Test func whileItQueues() {
        let bench = Bench()
        let server = bench.makeThread(priority: 5)
        let clients = (0..<3).map { _ in bench.makeThread(priority: 10, notified: true) }
        let portal = bench.makePortal(to: server)
        for client in clients {
            bench.succeed(.contextControl, client.slot, form: ContextControl.setAbortMask.rawValue, 2)
        }
        bench.sleepRoot()
        for client in clients {
            bench.call(portal, by: client)
            #expect(bench.current() == server.context)
            bench.advance(1000)
        }
        bench.raise(clients[1].notification, 2)
        #expect(bench.answer(clients[1].context).status == .aborted)
        bench.advance(1000)
        #expect(bench.current() == clients[1].context)
        bench.wait(clients[1])
        bench.wait(clients[1])
        // The server is in nobody's service yet.
        bench.wait(server)
        bench.replyAndWait(server)
        if bench.current() == clients[0].context { bench.wait(clients[0]) }
        #expect(server.context.pointee.caller == clients[2].context)
    }

    /// The one in the middle leaves: the first gets its time back only when the middle answers.
    @Test func inTheMiddleOfAChain() {
        let bench = Bench()
        let inner = bench.makeThread(priority: 20), middle = bench.makeThread(priority: 20, notified: true)
        let client = bench.makeThread(priority: 10)
        let toInner = bench.makePortal(to: inner), toMiddle = bench.makePortal(to: middle)
        bench.succeed(.contextControl, middle.slot, form: ContextControl.setAbortMask.rawValue, 2)
        bench.sleepRoot()
        bench.wait(inner)
        bench.wait(middle)
        bench.call(toMiddle, by: client)
        bench.call(toInner, by: middle)
        bench.raise(middle.notification, 2)
        #expect(middle.state == .ready && bench.answer(middle.context).status == .aborted)
        #expect(client.state == .calling && client.context.pointee.server == middle.context)
        // The bits have brought the middle's own time, beside that of the client. The inner one is an orphan.
        #expect(bench.current() == middle.context && inner.state == .ready)
        #expect(middle.context.pointee.usesOwnTime && !inner.context.pointee.usesOwnTime)
        bench.replyAndWait(middle, 5)
        // What aborted it is still there.
        #expect(middle.state == .ready && bench.answer(middle.context).status == .notified)
        bench.wait(middle)
        #expect(bench.current() == client.context && bench.answer(client.context).words[0] == 5)
    }

    /// The first of a chain leaves: nobody behind it keeps its time.
    @Test func atTheBeginningOfAChain() {
        let bench = Bench()
        let inner = bench.makeThread(priority: 4), middle = bench.makeThread(priority: 5)
        let client = bench.makeThread(priority: 10, notified: true)
        let toInner = bench.makePortal(to: inner), toMiddle = bench.makePortal(to: middle)
        bench.succeed(.contextControl, client.slot, form: ContextControl.setAbortMask.rawValue, 2)
        bench.succeed(.contextControl, client.slot, form: ContextControl.stop.rawValue)
        bench.sleepRoot()
        bench.wait(middle)
        bench.wait(inner)
        bench.raiseRoot()
        bench.start(client)
        bench.sleepRoot()
        bench.call(toMiddle, by: client)
        bench.call(toInner, by: middle)
        #expect(bench.current() == inner.context)
        bench.raise(client.notification, 2)
        #expect(bench.current() == client.context && bench.answer(client.context).status == .aborted)
        #expect(bench.core(0).pointee.scheduling == client.context.pointee.home)
        #expect(middle.state == .calling && inner.state == .ready)
        // Its next call has to pay for the rest first.
        _ = bench.operate(.poll, client.notification, by: client.context)
        bench.call(toMiddle, by: client)
        #expect(bench.current() == inner.context)
        #expect(bench.core(0).pointee.scheduling == client.context.pointee.home)
        bench.replyAndWait(inner, 3)
        #expect(bench.current() == middle.context && bench.answer(middle.context).words[0] == 3)
        bench.replyAndWait(middle)
        #expect(bench.current() == middle.context && middle.context.pointee.caller == client.context)
        bench.replyAndWait(middle)
        #expect(bench.current() == client.context)
    }

    @Test func byHand() {
        let board = Abortable(core: 1)
        let abort = ContextControl.abort.rawValue
        #expect(board.bench.operate(.contextControl, board.client.slot, form: abort).status == .wrongCore)
        let local = Abortable()
        local.byRoot {
            #expect(local.bench.operate(.contextControl, local.client.slot, form: abort).status == .badState)
        }
        local.call()
        local.byRoot { local.bench.succeed(.contextControl, local.client.slot, form: abort) }
        #expect(local.answer.status == .aborted && local.answer.tag == 1)
        #expect(
            local.bench.object(local.client.notification, as: KernelCore.Notification.self).pointee.bits.load() == 0)
    }

    /// A fault that is being served is given up: its context stays stopped.
    @Test func anExitByHand() {
        let bench = Bench()
        let monitor = bench.makeThread(priority: 9)
        let machine = bench.makeVirtualCPU(portal: bench.makePortal(to: monitor))
        bench.sleepRoot()
        bench.wait(monitor)
        bench.exit(machine, Message(1))
        bench.raiseRoot()
        bench.succeed(.contextControl, machine.slot, form: ContextControl.abort.rawValue)
        #expect(machine.state == .stopped && monitor.context.pointee.caller == nil)
        bench.sleepRoot()
        #expect(bench.current() == nil && monitor.state == .ready, "an orphan")
    }

    @Test func oneThatWasToBeStoppedStops() {
        let board = Abortable()
        board.call()
        board.byRoot {
            board.bench.stop(board.client)
            #expect(board.client.state == .calling)
            board.bench.succeed(.contextControl, board.client.slot, form: ContextControl.abort.rawValue)
        }
        #expect(board.client.state == .stopped)
    }

    // MARK: Loops

    @Test func aLoopThroughAQueueIsRefused() {
        let bench = Bench()
        let threads = (0..<4).map { bench.makeThread(priority: 20 - UInt64($0)) }
        let portals = threads.map { bench.makePortal(to: $0) }
        bench.sleepRoot()
        // Nobody waits for calls: each queues at the next.
        for index in 0..<3 { bench.call(portals[index + 1], by: threads[index]) }
        #expect(bench.current() == threads[3].context)
        for portal in portals.dropLast() {
            #expect(bench.operate(.call, portal, by: threads[3].context).status == .tooDeep)
        }
        #expect(bench.operate(.call, portals[3], by: threads[3].context).status == .tooDeep)
        bench.wait(threads[3])
        #expect(threads[3].context.pointee.caller == threads[2].context)
    }

    // MARK: Generations

    @Test func aPortalThatIsBoundAnewSaysSo() {
        let bench = Bench()
        let first = bench.makeThread(priority: 20), second = bench.makeThread(priority: 20)
        let client = bench.makeThread(priority: 10)
        let portal = bench.create(.portal)
        let bind = ContextControl.bindPortal.rawValue
        let dead = bench.operate(.call, portal)
        #expect(dead.status == .dead && dead.tag == 0)
        bench.succeed(.contextControl, first.slot, form: bind, UInt64(portal))
        bench.sleepRoot()
        bench.wait(first)
        bench.wait(second)
        bench.call(portal, by: client)
        bench.replyAndWait(first)
        #expect(bench.answer(client.context).tag == 1)
        bench.raiseRoot()
        bench.succeed(.contextControl, second.slot, form: bind, UInt64(portal))
        bench.sleepRoot()
        bench.call(portal, by: client)
        #expect(bench.current() == second.context)
        bench.raiseRoot()
        bench.delete(second.slot)
        bench.sleepRoot()
        #expect(bench.answer(client.context).status == .dead && bench.answer(client.context).tag == 2)
        let none = bench.operate(.call, portal, by: client.context)
        #expect(none.status == .dead && none.tag == 2)
    }

    @Test func bindingAPortalIsChecked() {
        let bench = Bench()
        let thread = bench.makeThread(), fresh = bench.create(.thread), machine = bench.makeVirtualCPU(starts: false)
        let portal = bench.create(.portal), weak = bench.derive(portal, rights: .readWrite)
        func bind(_ slot: UInt32, _ portal: UInt64) -> Status? {
            bench.operate(.contextControl, slot, form: ContextControl.bindPortal.rawValue, portal).status
        }
        #expect(bind(thread.slot, UInt64(weak)) == .noRights)
        #expect(bind(thread.slot, 0) == .badCapability)
        #expect(bind(thread.slot, .max) == .badCapability)
        #expect(bind(thread.slot, UInt64(thread.slot)) == .badCapability)
        #expect(bind(fresh, UInt64(portal)) == .badState)
        #expect(bind(machine.slot, UInt64(portal)) == .badCapability)
        #expect(bind(bench.derive(thread.slot, rights: .readWrite), UInt64(portal)) == .noRights)
        #expect(bench.object(portal, as: Portal.self).pointee.generation == 0)
        #expect(bind(thread.slot, UInt64(portal)) == .ok)
    }

    /// Also as what is told of a fault that nobody serves.
    @Test func aBadgedCapabilityRaisesItsBadge() {
        let bench = Bench()
        let notification = bench.create(.notification)
        let badged = bench.freeSlot()
        bench.succeed(
            .derive, notification, UInt64(InitialSlot.table), UInt64(badged), UInt64(Rights.write.rawValue), 1, 0)
        let thread = bench.makeThread(priority: 10)
        bench.succeed(.contextControl, thread.slot, form: ContextControl.bindStopped.rawValue, UInt64(badged), 0xFF00)
        bench.sleepRoot()
        bench.enter { K.exit($0, thread.context, Message(1)) }
        bench.settle()
        #expect(bench.object(notification, as: KernelCore.Notification.self).pointee.bits.load() == 1)
    }

    @Test func aStartTakesAStopBackThatWaitsForTheAnswer() {
        let bench = Bench()
        let client = bench.makeThread(priority: 10)
        let server = bench.makeThread(priority: 12)
        let portal = bench.makePortal(to: server)
        bench.sleepRoot()
        bench.wait(server)
        bench.call(portal, by: client)
        bench.raiseRoot()
        bench.stop(client)
        bench.start(client)
        bench.sleepRoot()
        bench.replyAndWait(server)
        #expect(client.state == .ready)
    }
}
