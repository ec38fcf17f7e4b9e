import ABI
import MachineModel
import Testing

@testable import KernelCore

/// A client and a server, the server waiting, root asleep.
private struct Pair {
    let bench = Bench()
    let server: Tenant
    let client: Tenant
    let portal: UInt32

    init(server priority: UInt64 = 20, client clientPriority: UInt64 = 10, notified: Bool = false) {
        server = bench.makeThread(priority: priority, notified: notified)
        client = bench.makeThread(priority: clientPriority)
        portal = bench.badge(bench.makePortal(to: server), 0x42)
        bench.sleepRoot()
        bench.wait(server)
    }
}

@Suite struct CallTests {
    @Test func wordsAndBadgeArriveAndTheAnswerComesBack() {
        let pair = Pair()
        let bench = pair.bench
        bench.call(pair.portal, by: pair.client, 1, 2, 3, 4, 5, 6)
        #expect(bench.current() == pair.server.context)
        let heard = bench.answer(pair.server.context)
        #expect(heard.status == .ok && heard.tag == 0x42 && heard.words == [1, 2, 3, 4, 5, 6])
        bench.replyAndWait(pair.server, 7, 8, 9, 10, 11, 12)
        #expect(bench.current() == pair.client.context)
        let answer = bench.answer(pair.client.context)
        #expect(answer.status == .ok && answer.tag == 1 && answer.words == [7, 8, 9, 10, 11, 12])
    }

    @Test func theServerRunsOnTheCallersTime() {
        let pair = Pair()
        pair.bench.call(pair.portal, by: pair.client)
        pair.bench.advance(70)
        pair.bench.replyAndWait(pair.server)
        pair.bench.advance(30)
        pair.bench.wait(pair.client)
        let used = pair.bench.object(pair.client.scheduling, as: SchedulingContext.self).pointee.used
        #expect(used == Ticks(100))
    }

    @Test func callersQueueInOrder() {
        let bench = Bench()
        let server = bench.makeThread(priority: 20)
        let clients = (0..<3).map { _ in bench.makeThread(priority: 10) }
        let portal = bench.makePortal(to: server)
        bench.sleepRoot()
        // The server is preempted by nobody, so it must be inside a call for the others to queue.
        bench.wait(server)
        bench.call(portal, by: clients[0], 100)
        let badges = clients.indices.dropFirst()
        // On the first client's time: its slice ends, and the others call.
        bench.advance(1000)
        for index in badges {
            #expect(bench.current() == clients[index].context)
            bench.call(portal, by: clients[index], 100 + UInt64(index))
            #expect(bench.current() == server.context, "whoever queues helps")
            bench.advance(1000)
        }
        for index in clients.indices {
            #expect(bench.current() == server.context)
            #expect(bench.answer(server.context).words[0] == 100 + UInt64(index))
            bench.replyAndWait(server, 200 + UInt64(index))
            #expect(bench.answer(clients[index].context).words[0] == 200 + UInt64(index))
            if bench.current() == clients[index].context { bench.wait(clients[index]) }
        }
    }

    @Test func aNotificationComesBeforeQueuedCallers() {
        let bench = Bench()
        let server = bench.makeThread(priority: 20, notified: true)
        let client = bench.makeThread(priority: 25)
        let portal = bench.makePortal(to: server)
        bench.sleepRoot()
        bench.call(portal, by: client, 5)
        #expect(bench.current() == server.context)
        bench.raise(server.notification, 3)
        let first = bench.wait(server)
        #expect(first.status == .notified && first.tag == 3)
        bench.wait(server)
        #expect(bench.answer(server.context).words[0] == 5)
        bench.replyAndWait(server)
        #expect(bench.answer(client.context).status == .ok)
        #expect(bench.current() == client.context)
    }

    @Test func refusingAndLeavingStopped() {
        let pair = Pair()
        pair.bench.call(pair.portal, by: pair.client)
        pair.bench.replyAndWait(pair.server, extra: ReplyForm.refuse)
        #expect(pair.bench.answer(pair.client.context).status == .refused)
        pair.bench.call(pair.portal, by: pair.client)
        // No server has the right to stop its clients.
        let refused = pair.bench.replyAndWait(pair.server, extra: ReplyForm.leaveStopped, 9)
        #expect(refused.status == .badArgument && pair.client.state == .calling)
        pair.bench.replyAndWait(pair.server, 9)
        #expect(pair.client.state == .ready && pair.bench.answer(pair.client.context).words[0] == 9)
    }

    @Test func anExitMayLeaveItsVirtualCPUStopped() {
        let bench = Bench()
        let monitor = bench.makeThread(priority: 9)
        let machine = bench.makeVirtualCPU(portal: bench.makePortal(to: monitor))
        bench.sleepRoot()
        bench.wait(monitor)
        bench.exit(machine, Message(1))
        bench.replyAndWait(monitor, extra: ReplyForm.leaveStopped)
        #expect(machine.state == .stopped && monitor.state == .waiting && bench.current() == nil)
    }

    /// On the fast path as on the general one.
    @Test(arguments: [7, 13, 16, 31], [true, false])
    func bitsThatMeanNothingAreRefused(bit: UInt32, fast: Bool) {
        let pair = Pair()
        pair.bench.usesFastPath = fast
        pair.bench.call(pair.portal, by: pair.client)
        let answer = pair.bench.replyAndWait(pair.server, extra: 1 << bit)
        #expect(answer.status == .unsupported && pair.client.state == .calling)
        pair.bench.replyAndWait(pair.server)
        #expect(pair.client.state == .ready)
    }

    @Test func replyWithoutACallerIsRefused() {
        let pair = Pair()
        pair.bench.call(pair.portal, by: pair.client)
        let reply = ReplyForm.reply
        pair.bench.succeed(.replyWait, form: reply, by: pair.server.context)
        #expect(pair.bench.operate(.replyWait, form: reply, by: pair.server.context).status == .badState)
    }

    /// A server may not wait for the next caller while it owes an answer: the first one's time would be lost.
    @Test func waitingWhileSomebodyIsServedIsRefused() {
        let pair = Pair(notified: true)
        pair.bench.call(pair.portal, by: pair.client)
        let answer = pair.bench.operate(.replyWait, form: ReplyForm.wait, by: pair.server.context)
        #expect(answer.status == .badState)
        pair.bench.replyAndWait(pair.server, 1)
        #expect(pair.bench.answer(pair.client.context).status == .ok)
    }

    @Test func aChainThatWouldLoopIsRefused() {
        let bench = Bench()
        let first = bench.makeThread(priority: 20)
        let second = bench.makeThread(priority: 19)
        let toFirst = bench.makePortal(to: first), toSecond = bench.makePortal(to: second)
        bench.sleepRoot()
        bench.operate(.call, toFirst, by: first.context)
        #expect(bench.answer(first.context).status == .tooDeep, "a thread that calls itself")
        bench.succeed(.contextControl, first.slot, form: ContextControl.status.rawValue, by: first.context)
        bench.call(toSecond, by: first)
        bench.wait(second)
        #expect(bench.current() == second.context)
        #expect(bench.operate(.call, toFirst, by: second.context).status == .tooDeep)
        bench.replyAndWait(second)
        #expect(bench.current() == first.context)
    }

    @Test func callsNestToABoundedDepth() {
        let bench = Bench()
        let servers = (0..<10).map { _ in bench.makeThread(priority: 20) }
        let portals = servers.map { bench.makePortal(to: $0) }
        let client = bench.makeThread(priority: 5)
        bench.sleepRoot()
        for server in servers { bench.wait(server) }
        bench.call(portals[0], by: client)
        var depth = 1
        while depth < servers.count {
            bench.call(portals[depth], by: servers[depth - 1])
            if bench.current() == servers[depth - 1].context { break }
            depth += 1
        }
        #expect(depth == Int(K.maximumDepth))
        #expect(bench.answer(servers[depth - 1].context).status == .tooDeep)
        for server in servers[..<depth].reversed() { bench.replyAndWait(server) }
        #expect(bench.current() == client.context)
    }

    /// Handlers of faults that fault themselves: the last one stops, and with it those that wait for its answer.
    @Test func faultsNestToTheSameDepth() {
        let bench = Bench()
        var portal: UInt32 = 0
        var threads: [Tenant] = []
        for _ in 0..<12 {
            let thread = bench.makeThread(priority: 10, starts: false)
            bench.configure(thread, portal: portal)
            bench.start(thread)
            portal = bench.makePortal(to: thread)
            threads.append(thread)
        }
        bench.sleepRoot()
        for thread in threads.dropLast() { bench.wait(thread) }
        #expect(bench.current() == threads.last?.context)
        var faults = 0
        while let current = bench.current(), faults < 12 {
            faults += 1
            bench.enter { K.exit($0, current, Message(1)) }
            let deepest = threads.map { $0.context.pointee.depth }.max()!
            #expect(deepest <= K.maximumDepth)
        }
        #expect(faults == Int(K.maximumDepth) + 1)
        #expect(threads.suffix(faults).allSatisfy { $0.state == .stopped })
    }

    @Test func aServerOnAnotherCoreIsRefused() {
        let bench = Bench(cores: 2)
        let server = bench.makeThread(priority: 20, core: 1)
        let portal = bench.makePortal(to: server)
        #expect(bench.operate(.call, portal).status == .wrongCore)
    }

    @Test func aCallWithoutTheRightOrThePortalIsRefused() {
        let bench = Bench()
        let server = bench.makeThread()
        let portal = bench.makePortal(to: server)
        let weak = bench.freeSlot()
        bench.succeed(.derive, portal, UInt64(InitialSlot.table), UInt64(weak), UInt64(Rights.read.rawValue))
        #expect(bench.operate(.call, weak).status == .noRights)
        #expect(bench.operate(.call, 0).status == .badCapability)
        #expect(bench.operate(.call, 900).status == .badCapability)
        #expect(bench.operate(.call, .max).status == .badCapability)
        #expect(bench.operate(.call, server.slot).status == .badCapability)
    }
}

@Suite struct StopDuringCallTests {
    @Test func aQueuedCallerThatStopsLeavesTheQueue() {
        let pair = Pair(server: 10, client: 10)
        let bench = pair.bench
        bench.call(pair.portal, by: pair.client)
        bench.raiseRoot()
        let other = bench.makeThread(priority: 10)
        bench.sleepRoot()
        bench.advance(1000)
        bench.call(pair.portal, by: other)
        bench.raiseRoot()
        bench.stop(other)
        #expect(other.state == .stopped)
        bench.sleepRoot()
        bench.replyAndWait(pair.server)
        #expect(pair.server.state == .waiting)
        #expect(bench.current() == pair.client.context)
    }

    @Test func aServedCallerStopsWhenTheAnswerComes() {
        let pair = Pair()
        let bench = pair.bench
        bench.call(pair.portal, by: pair.client)
        bench.raiseRoot()
        bench.stop(pair.client)
        #expect(pair.client.state == .calling)
        bench.sleepRoot()
        bench.replyAndWait(pair.server, 3)
        #expect(pair.client.state == .stopped)
        #expect(bench.answer(pair.client.context).words[0] == 3)
        bench.raiseRoot()
        bench.start(pair.client)
        bench.sleepRoot()
        #expect(bench.current() == pair.client.context)
    }

    /// Otherwise the caller would wait for ever, and the server, started anew, would answer on time that is its own.
    @Test func aServerThatStopsLeavesItsCallerAnAnswer() {
        let pair = Pair()
        let bench = pair.bench
        bench.call(pair.portal, by: pair.client)
        bench.raiseRoot()
        bench.stop(pair.server)
        bench.sleepRoot()
        #expect(bench.current() == pair.client.context)
        #expect(bench.answer(pair.client.context).status == .dead)
        bench.raiseRoot()
        bench.start(pair.server)
        bench.sleepRoot()
        #expect(
            bench.operate(.replyWait, form: ReplyForm.reply, by: pair.server.context).status == .badState)
    }

    @Test func aServerInTheMiddleOfAChainThatStopsAnswersToo() {
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
        bench.stop(middle)
        bench.sleepRoot()
        #expect(bench.current() == inner.context)
        bench.replyAndWait(inner)
        #expect(middle.state == .stopped)
        #expect(bench.current() == client.context)
        #expect(bench.answer(client.context).status == .dead)
    }

    @Test func aVirtualCPUWhoseMonitorStopsStops() {
        let bench = Bench()
        let monitor = bench.makeThread(priority: 5)
        let machine = bench.makeVirtualCPU(portal: bench.makePortal(to: monitor))
        bench.sleepRoot()
        bench.wait(monitor)
        bench.exit(machine, Message(1, 2, 3))
        #expect(bench.answer(monitor.context).words[..<3] == [1, 2, 3])
        bench.raiseRoot()
        bench.stop(monitor)
        #expect(machine.state == .stopped)
    }

    @Test func aPassiveServerWithANotificationGoesOnServing() {
        let bench = Bench()
        let server = bench.makeThread(passive: true, starts: false)
        let notification = bench.create(.notification)
        bench.succeed(
            .notificationBind, notification, form: NotificationBind.thread.rawValue, UInt64(server.slot))
        let portal = bench.makePortal(to: server)
        let client = bench.makeThread(priority: 10)
        bench.makeWaiting(server)
        bench.sleepRoot()
        bench.call(portal, by: client, 1)
        #expect(bench.current() == server.context)
        bench.raise(notification)
        bench.replyAndWait(server, 2)
        #expect(bench.current() == client.context)
        bench.call(portal, by: client, 3)
        #expect(bench.current() == server.context)
        #expect(bench.answer(server.context).words[0] == 3)
    }
}
