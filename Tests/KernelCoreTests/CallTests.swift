import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// A client and a waiting server. Root sleeps.
private struct Pair {
    let fixture = Fixture()
    let server: Tenant
    let client: Tenant
    let portal: UInt32

    init(server priority: UInt64 = 20, client clientPriority: UInt64 = 10, notified: Bool = false) {
        server = fixture.makeThread(priority: priority, notified: notified)
        client = fixture.makeThread(priority: clientPriority)
        portal = fixture.badge(fixture.makePortal(to: server), 0x42)
        fixture.sleepRoot()
        fixture.wait(server)
    }
}

@Suite struct CallTests {
    @Test func wordsAndBadgeArriveAndTheAnswerComesBack() {
        let pair = Pair()
        let fixture = pair.fixture
        fixture.call(pair.portal, by: pair.client, 1, 2, 3, 4, 5, 6)
        #expect(fixture.current() == pair.server.context)
        let heard = fixture.answer(pair.server.context)
        #expect(heard.status == .ok && heard.tag == 0x42 && heard.words == [1, 2, 3, 4, 5, 6])
        fixture.replyAndWait(pair.server, 7, 8, 9, 10, 11, 12)
        #expect(fixture.current() == pair.client.context)
        let answer = fixture.answer(pair.client.context)
        #expect(answer.status == .ok && answer.tag == 1 && answer.words == [7, 8, 9, 10, 11, 12])
    }

    @Test func theServerRunsOnTheCallersTime() {
        let pair = Pair()
        pair.fixture.call(pair.portal, by: pair.client)
        pair.fixture.advance(70)
        pair.fixture.replyAndWait(pair.server)
        pair.fixture.advance(30)
        pair.fixture.wait(pair.client)
        let used = pair.fixture.object(pair.client.scheduling, as: SchedulingContext.self).pointee.used
        #expect(used == Ticks(100))
    }

    @Test func callersQueueInOrder() {
        let fixture = Fixture()
        let server = fixture.makeThread(priority: 20)
        let clients = (0..<3).map { _ in fixture.makeThread(priority: 10) }
        let portal = fixture.makePortal(to: server)
        fixture.sleepRoot()
        // No thread preempts the server, so it must be inside a call if the others are to queue.
        fixture.wait(server)
        fixture.call(portal, by: clients[0], 100)
        let badges = clients.indices.dropFirst()
        // The server runs on the first client's time. The client's slice ends, and the others call.
        fixture.advance(1000)
        for index in badges {
            #expect(fixture.current() == clients[index].context)
            fixture.call(portal, by: clients[index], 100 + UInt64(index))
            #expect(fixture.current() == server.context, "whoever queues helps")
            fixture.advance(1000)
        }
        for index in clients.indices {
            #expect(fixture.current() == server.context)
            #expect(fixture.answer(server.context).words[0] == 100 + UInt64(index))
            fixture.replyAndWait(server, 200 + UInt64(index))
            #expect(fixture.answer(clients[index].context).words[0] == 200 + UInt64(index))
            if fixture.current() == clients[index].context { fixture.wait(clients[index]) }
        }
    }

    @Test func aNotificationComesBeforeQueuedCallers() {
        let fixture = Fixture()
        let server = fixture.makeThread(priority: 20, notified: true)
        let client = fixture.makeThread(priority: 25)
        let portal = fixture.makePortal(to: server)
        fixture.sleepRoot()
        fixture.call(portal, by: client, 5)
        #expect(fixture.current() == server.context)
        fixture.raise(server.notification, 3)
        let first = fixture.wait(server)
        #expect(first.status == .notified && first.tag == 3)
        fixture.wait(server)
        #expect(fixture.answer(server.context).words[0] == 5)
        fixture.replyAndWait(server)
        #expect(fixture.answer(client.context).status == .ok)
        #expect(fixture.current() == client.context)
    }

    @Test func refusingAndLeavingStopped() {
        let pair = Pair()
        pair.fixture.call(pair.portal, by: pair.client)
        pair.fixture.replyAndWait(pair.server, extra: ReplyForm.refuse)
        #expect(pair.fixture.answer(pair.client.context).status == .refused)
        pair.fixture.call(pair.portal, by: pair.client)
        // A server has no right to stop its clients.
        let refused = pair.fixture.replyAndWait(pair.server, extra: ReplyForm.leaveStopped, 9)
        #expect(refused.status == .badArgument && pair.client.state == .calling)
        pair.fixture.replyAndWait(pair.server, 9)
        #expect(pair.client.state == .ready && pair.fixture.answer(pair.client.context).words[0] == 9)
    }

    @Test func anExitMayLeaveItsVirtualCPUStopped() {
        let fixture = Fixture()
        let monitor = fixture.makeThread(priority: 9)
        let machine = fixture.makeVirtualCPU(portal: fixture.makePortal(to: monitor))
        fixture.sleepRoot()
        fixture.wait(monitor)
        fixture.exit(machine, Message(1))
        fixture.replyAndWait(monitor, extra: ReplyForm.leaveStopped)
        #expect(machine.state == .stopped && monitor.state == .waiting && fixture.current() == nil)
    }

    /// The fast path and the general path behave alike.
    @Test(arguments: [7, 13, 16, 31], [true, false])
    func bitsThatMeanNothingAreRefused(bit: UInt32, fast: Bool) {
        let pair = Pair()
        pair.fixture.usesFastPath = fast
        pair.fixture.call(pair.portal, by: pair.client)
        let answer = pair.fixture.replyAndWait(pair.server, extra: 1 << bit)
        #expect(answer.status == .unsupported && pair.client.state == .calling)
        pair.fixture.replyAndWait(pair.server)
        #expect(pair.client.state == .ready)
    }

    @Test func replyWithoutACallerIsRefused() {
        let pair = Pair()
        pair.fixture.call(pair.portal, by: pair.client)
        let reply = ReplyForm.reply
        pair.fixture.succeed(.replyWait, form: reply, by: pair.server.context)
        #expect(pair.fixture.operate(.replyWait, form: reply, by: pair.server.context).status == .badState)
    }

    /// A server may not wait for the next caller while it owes an answer, because the first caller's time would be
    /// lost.
    @Test func waitingWhileSomebodyIsServedIsRefused() {
        let pair = Pair(notified: true)
        pair.fixture.call(pair.portal, by: pair.client)
        let answer = pair.fixture.operate(.replyWait, form: ReplyForm.wait, by: pair.server.context)
        #expect(answer.status == .badState)
        pair.fixture.replyAndWait(pair.server, 1)
        #expect(pair.fixture.answer(pair.client.context).status == .ok)
    }

    @Test func aChainThatWouldLoopIsRefused() {
        let fixture = Fixture()
        let first = fixture.makeThread(priority: 20)
        let second = fixture.makeThread(priority: 19)
        let toFirst = fixture.makePortal(to: first), toSecond = fixture.makePortal(to: second)
        fixture.sleepRoot()
        fixture.operate(.call, toFirst, by: first.context)
        #expect(fixture.answer(first.context).status == .tooDeep, "a thread that calls itself")
        fixture.succeed(.contextControl, first.slot, form: ContextControl.status.rawValue, by: first.context)
        fixture.call(toSecond, by: first)
        fixture.wait(second)
        #expect(fixture.current() == second.context)
        #expect(fixture.operate(.call, toFirst, by: second.context).status == .tooDeep)
        fixture.replyAndWait(second)
        #expect(fixture.current() == first.context)
    }

    @Test func callsNestToABoundedDepth() {
        let fixture = Fixture()
        let servers = (0..<10).map { _ in fixture.makeThread(priority: 20) }
        let portals = servers.map { fixture.makePortal(to: $0) }
        let client = fixture.makeThread(priority: 5)
        fixture.sleepRoot()
        for server in servers { fixture.wait(server) }
        fixture.call(portals[0], by: client)
        var depth = 1
        while depth < servers.count {
            fixture.call(portals[depth], by: servers[depth - 1])
            if fixture.current() == servers[depth - 1].context { break }
            depth += 1
        }
        #expect(depth == Int(K.maximumDepth))
        #expect(fixture.answer(servers[depth - 1].context).status == .tooDeep)
        for server in servers[..<depth].reversed() { fixture.replyAndWait(server) }
        #expect(fixture.current() == client.context)
    }

    /// Handlers of faults fault themselves. The last one stops, and with it those that wait for its answer.
    @Test func faultsNestToTheSameDepth() {
        let fixture = Fixture()
        var portal: UInt32 = 0
        var threads: [Tenant] = []
        for _ in 0..<12 {
            let thread = fixture.makeThread(priority: 10, starts: false)
            fixture.configure(thread, portal: portal)
            fixture.start(thread)
            portal = fixture.makePortal(to: thread)
            threads.append(thread)
        }
        fixture.sleepRoot()
        for thread in threads.dropLast() { fixture.wait(thread) }
        #expect(fixture.current() == threads.last?.context)
        var faults = 0
        while let current = fixture.current(), faults < 12 {
            faults += 1
            fixture.enter { K.exit($0, current, Message(1)) }
            let deepest = threads.map { $0.context.pointee.depth }.max()!
            #expect(deepest <= K.maximumDepth)
        }
        #expect(faults == Int(K.maximumDepth) + 1)
        #expect(threads.suffix(faults).allSatisfy { $0.state == .stopped })
    }

    @Test func aServerOnAnotherCoreIsRefused() {
        let fixture = Fixture(cores: 2)
        let server = fixture.makeThread(priority: 20, core: 1)
        let portal = fixture.makePortal(to: server)
        #expect(fixture.operate(.call, portal).status == .wrongCore)
    }

    @Test func aCallWithoutTheRightOrThePortalIsRefused() {
        let fixture = Fixture()
        let server = fixture.makeThread()
        let portal = fixture.makePortal(to: server)
        let weak = fixture.freeSlot()
        fixture.succeed(.derive, portal, UInt64(InitialSlot.table), UInt64(weak), UInt64(Rights.read.rawValue))
        #expect(fixture.operate(.call, weak).status == .noRights)
        #expect(fixture.operate(.call, 0).status == .badCapability)
        #expect(fixture.operate(.call, 900).status == .badCapability)
        #expect(fixture.operate(.call, .max).status == .badCapability)
        #expect(fixture.operate(.call, server.slot).status == .badCapability)
    }
}

@Suite struct StopDuringCallTests {
    @Test func aQueuedCallerThatStopsLeavesTheQueue() {
        let pair = Pair(server: 10, client: 10)
        let fixture = pair.fixture
        fixture.call(pair.portal, by: pair.client)
        fixture.raiseRoot()
        let other = fixture.makeThread(priority: 10)
        fixture.sleepRoot()
        fixture.advance(1000)
        fixture.call(pair.portal, by: other)
        fixture.raiseRoot()
        fixture.stop(other)
        #expect(other.state == .stopped)
        fixture.sleepRoot()
        fixture.replyAndWait(pair.server)
        #expect(pair.server.state == .waiting)
        #expect(fixture.current() == pair.client.context)
    }

    @Test func aServedCallerStopsWhenTheAnswerComes() {
        let pair = Pair()
        let fixture = pair.fixture
        fixture.call(pair.portal, by: pair.client)
        fixture.raiseRoot()
        fixture.stop(pair.client)
        #expect(pair.client.state == .calling)
        fixture.sleepRoot()
        fixture.replyAndWait(pair.server, 3)
        #expect(pair.client.state == .stopped)
        #expect(fixture.answer(pair.client.context).words[0] == 3)
        fixture.raiseRoot()
        fixture.start(pair.client)
        fixture.sleepRoot()
        #expect(fixture.current() == pair.client.context)
    }

    /// Otherwise the caller would wait for ever, and the server would answer on its own time after it was started anew.
    @Test func aServerThatStopsLeavesItsCallerAnAnswer() {
        let pair = Pair()
        let fixture = pair.fixture
        fixture.call(pair.portal, by: pair.client)
        fixture.raiseRoot()
        fixture.stop(pair.server)
        fixture.sleepRoot()
        #expect(fixture.current() == pair.client.context)
        #expect(fixture.answer(pair.client.context).status == .dead)
        fixture.raiseRoot()
        fixture.start(pair.server)
        fixture.sleepRoot()
        #expect(
            fixture.operate(.replyWait, form: ReplyForm.reply, by: pair.server.context).status == .badState)
    }

    @Test func aServerInTheMiddleOfAChainThatStopsAnswersToo() {
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
        fixture.stop(middle)
        fixture.sleepRoot()
        #expect(fixture.current() == inner.context)
        fixture.replyAndWait(inner)
        #expect(middle.state == .stopped)
        #expect(fixture.current() == client.context)
        #expect(fixture.answer(client.context).status == .dead)
    }

    @Test func aVirtualCPUWhoseMonitorStopsStops() {
        let fixture = Fixture()
        let monitor = fixture.makeThread(priority: 5)
        let machine = fixture.makeVirtualCPU(portal: fixture.makePortal(to: monitor))
        fixture.sleepRoot()
        fixture.wait(monitor)
        fixture.exit(machine, Message(1, 2, 3))
        #expect(fixture.answer(monitor.context).words[..<3] == [1, 2, 3])
        fixture.raiseRoot()
        fixture.stop(monitor)
        #expect(machine.state == .stopped)
    }

    @Test func aPassiveServerWithANotificationGoesOnServing() {
        let fixture = Fixture()
        let server = fixture.makeThread(passive: true, starts: false)
        let notification = fixture.create(.notification)
        fixture.succeed(
            .notificationBind, notification, form: NotificationBind.thread.rawValue, UInt64(server.slot))
        let portal = fixture.makePortal(to: server)
        let client = fixture.makeThread(priority: 10)
        fixture.makeWaiting(server)
        fixture.sleepRoot()
        fixture.call(portal, by: client, 1)
        #expect(fixture.current() == server.context)
        fixture.raise(notification)
        fixture.replyAndWait(server, 2)
        #expect(fixture.current() == client.context)
        fixture.call(portal, by: client, 3)
        #expect(fixture.current() == server.context)
        #expect(fixture.answer(server.context).words[0] == 3)
    }
}
