import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// Time that leads nowhere for a while, floods of bits, and the work of one entry if many contexts wait for each other.
@Suite struct ParkedTimeTests {
    // MARK: Time that is parked and forgotten

    /// Low's server queues at a stopped inner one. High queues behind low, and its time is parked. Then the inner one
    /// continues.
    @Test(arguments: [true, false])
    func aCallerBehindAQueueHelpsAgain(isDestroyed: Bool) {
        let board = Served(server: 20, clients: [1, 25], spinner: 10)
        let (fixture, low, high) = (board.fixture, board.clients[0], board.clients[1])
        fixture.raiseRoot()
        let inner = fixture.makeThread(priority: 22)
        let toInner = fixture.makePortal(to: inner)
        fixture.stop(inner)
        fixture.sleepRoot()
        board.start(low)
        fixture.call(board.portal, by: low)
        fixture.call(toInner, by: board.server)
        board.start(board.spinner)
        board.start(high)
        fixture.call(board.portal, by: high)
        #expect(fixture.current() == board.spinner.context, "the chain ends at a stopped thread")
        fixture.raiseRoot()
        if isDestroyed {
            fixture.delete(inner.slot)
            fixture.sleepRoot()
            #expect(fixture.current() == board.server.context, "25 waits for a server, and 10 spins")
        } else {
            fixture.start(inner)
            fixture.sleepRoot()
            fixture.wait(inner)
            #expect(fixture.current() == inner.context, "25 waits for a server, and 10 spins")
        }
        #expect(board.running == board.time(of: high))
    }

    /// The ninth caller of a server that was stopped and started is the most urgent one.
    @Test func theNinthCallerHelpsAgain() {
        let board = Served(server: 20, clients: Array(repeating: 1, count: 8) + [25], spinner: 10)
        let (fixture, high) = (board.fixture, board.clients[8])
        fixture.raiseRoot()
        fixture.stop(board.server)
        fixture.sleepRoot()
        for client in board.clients {
            board.start(client)
            fixture.call(board.portal, by: client)
        }
        board.start(board.spinner)
        board.start(board.server)
        fixture.settleAll()
        #expect(fixture.current() == board.server.context)
        fixture.wait(board.server)
        #expect(fixture.current() == board.server.context && board.running == board.time(of: high))
    }

    /// A call to a waiting thread can be the ninth link of a chain that leads through a queue. The time is then parked
    /// as soon as the core looks at it again.
    @Test(arguments: [true, false])
    func aNinthLinkIsParkedSoon(fast: Bool) {
        let fixture = Fixture()
        fixture.usesFastPath = fast
        let last = fixture.makeThread(priority: 5)
        let toLast = fixture.makePortal(to: last)
        fixture.sleepRoot()
        fixture.wait(last)
        fixture.raiseRoot()
        let threads = (0..<9).map { fixture.makeThread(priority: $0 == 0 ? 25 : 5) }
        let portals = threads.map { fixture.makePortal(to: $0) }
        fixture.sleepRoot()
        for index in 0..<8 { fixture.call(portals[index + 1], by: threads[index]) }
        fixture.checksInvariants = false
        fixture.call(toLast, by: threads[8])
        #expect(fixture.current() == last.context)
        fixture.raiseRoot()
        fixture.sleepRoot()
        fixture.checksInvariants = true
        fixture.verify()
        #expect(fixture.current() == last.context && threads[0].context.pointee.home!.pointee.isParked)
    }

    // MARK: Bits

    /// A flood of bits in a server's notification delays a caller by one notification only, because both take turns.
    @Test func aFloodOfBitsKeepsNoCallerWaiting() {
        let board = Served(server: 20, clients: [25], spinner: 10)
        let (fixture, client) = (board.fixture, board.clients[0])
        fixture.raise(board.server.notification, 4)
        board.start(client)
        fixture.call(board.portal, by: client)
        var handled = 0
        while board.server.context.pointee.caller == nil, handled < 50 {
            // The bits may come from another core, while the server handles the last bits on its caller's time.
            fixture.raise(board.server.notification, 4)
            fixture.advance(10)
            fixture.wait(board.server)
            handled += 1
        }
        #expect(
            handled <= 2 && board.used(by: client) <= 20,
            "\(handled) notifications before the call, at the caller's cost")
    }

    /// A client runs the attack of `LaunderingTests` and may also signal its server, as the peer of a ring may. Bits
    /// bring the server's own time, and the server's budget is the bound.
    @Test func signalsDoNotLaunderMoreThanTheServersBudget() {
        let board = Served(server: 25, clients: [10], spinner: 5, budget: 10)
        let (fixture, client) = (board.fixture, board.clients[0])
        fixture.raiseRoot()
        fixture.succeed(.scheduleControl, board.server.scheduling, form: ScheduleControl.setBudget.rawValue, 50, 1000)
        fixture.sleepRoot()
        board.start(client)
        board.start(board.spinner)
        let start = fixture.model.now.value
        var work = 0
        while fixture.model.now.value < start + 20_000 {
            let current = fixture.current()
            if current == client.context {
                _ = fixture.operate(.poll, client.notification, by: client.context)
                if board.server.state != .waiting, !board.server.context.pointee.usesOwnTime {
                    fixture.succeed(.signal, board.server.notification, 4, by: client.context)
                    continue
                }
                fixture.succeed(
                    .timer, client.notification, form: TimerForm.set.rawValue, fixture.model.now.value + 1, 2,
                    by: client.context)
                fixture.call(board.portal, by: client)
                work = 0
            } else if current == board.server.context, work >= 100 {
                // A request takes 100 ticks, and a notification none.
                fixture.wait(board.server)
                continue
            }
            fixture.advance(1)
            if current == board.server.context { work += 1 }
        }
        let (served, paid) = (board.used(by: board.server), board.used(by: client))
        #expect(served <= 50 * 21, "the client paid \(paid) ticks, its server \(served) of its own")
    }

    // MARK: Work of one entry

    /// Returns the number of scheduling contexts in the queue of core 0.
    private func queued(_ fixture: Fixture) -> Int {
        var count = 0
        for priority in 0..<32 {
            var next = fixture.core(0).pointee.runQueue.heads[priority]
            while let item = next {
                count += 1
                next = item.pointee.next
            }
        }
        return count
    }

    /// Makes chains of eight threads that all use their own time. Each calls the next, and the last ones call `portal`.
    /// Root is current before and after.
    private func makeChains(_ fixture: Fixture, _ count: Int, to portal: UInt32) -> [[Tenant]] {
        (0..<count).map { _ in
            var chain: [Tenant] = []
            // All but the first thread wait for a call.
            for index in 0..<8 {
                let thread = fixture.makeThread(priority: 10, notified: true, starts: false)
                if index == 7 {
                    fixture.succeed(.contextControl, thread.slot, form: ContextControl.setAbortMask.rawValue, 2)
                }
                chain.append(thread)
                guard index != 0 else { continue }
                fixture.start(thread)
                fixture.sleepRoot()
                fixture.settleAll()  // parked time is looked at in pieces
                fixture.wait(thread)
                fixture.raiseRoot()
            }
            let portals = chain.map { fixture.makePortal(to: $0) }
            fixture.start(chain[0])
            fixture.sleepRoot()
            fixture.settleAll()
            for index in 0..<7 { fixture.call(portals[index + 1], by: chain[index]) }
            for thread in chain.dropFirst() { fixture.raise(thread.notification, 4) }
            fixture.call(portal, by: chain[7])
            fixture.settleAll()
            fixture.raiseRoot()
            return chain
        }
    }

    /// A server is started whose callers have long chains, which is work under the lock.
    @Test func aStartBringsBackLittle() {
        let fixture = Fixture()
        fixture.checksInvariants = false
        let server = fixture.makeThread(priority: 5, starts: false)
        _ = makeChains(fixture, 8, to: fixture.makePortal(to: server))
        let before = queued(fixture)
        fixture.succeed(.contextControl, server.slot, form: ContextControl.start.rawValue)
        #expect(
            before == 0 && queued(fixture) <= 17, "one entry queues \(queued(fixture) - before) scheduling contexts")
    }

    /// Eight timers of one tick abort eight calls, each at the end of a long chain.
    @Test func aTickBringsBackLittle() {
        let fixture = Fixture()
        fixture.checksInvariants = false
        let server = fixture.makeThread(priority: 5, starts: false)
        let chains = makeChains(fixture, 8, to: fixture.makePortal(to: server))
        for chain in chains {
            fixture.succeed(
                .timer, chain[7].notification, form: TimerForm.set.rawValue, fixture.model.now.value + 10, 2)
        }
        let before = queued(fixture)
        fixture.model.advance(by: 10)
        fixture.enter { _ in _ = fixture.model.cores[0].takeInterrupt() }
        #expect(
            before == 0 && queued(fixture) <= 24, "one entry queues \(queued(fixture) - before) scheduling contexts")
    }

    /// A server is destroyed whose callers are faults of threads that serve faults, and so on.
    @Test func anEntryStopsFew() {
        let fixture = Fixture()
        fixture.checksInvariants = false
        let server = fixture.makeThread(priority: 5, starts: false)
        let toServer = fixture.makePortal(to: server)
        var all: [Tenant] = []
        for _ in 0..<8 {
            var portal = toServer
            var chain: [Tenant] = []
            // The order begins at the end.
            for index in 0..<8 {
                let thread = fixture.makeThread(priority: 10, starts: false)
                fixture.configure(thread, portal: portal)
                portal = fixture.makePortal(to: thread)
                fixture.start(thread)
                fixture.sleepRoot()
                if index != 7 { fixture.wait(thread) }
                fixture.raiseRoot()
                chain.append(thread)
            }
            fixture.sleepRoot()
            for thread in chain.reversed() {
                #expect(fixture.current() == thread.context)
                fixture.enter { K.exit($0, thread.context, Words(0, 0, 0, 0, 0, 0)) }
            }
            fixture.settleAll()
            fixture.raiseRoot()
            all += chain
        }
        var most = 0
        while !fixture.isEmpty(server.slot) {
            let before = all.filter { $0.state == .stopped }.count
            _ = fixture.operate(.revoke, server.slot, form: RevokeForm.delete.rawValue)
            most = max(most, all.filter { $0.state == .stopped }.count - before)
            fixture.settleAll()
        }
        #expect(most <= 16, "one entry stops \(most) contexts")
    }
}
