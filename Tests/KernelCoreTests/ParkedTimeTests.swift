import ABI
import MachineModel
import Testing

@testable import KernelCore

/// Time that leads nowhere for a while, floods of bits, and the work of one entry when many contexts wait for one
/// another.
@Suite struct ParkedTimeTests {
    // MARK: Time that is parked and forgotten

    /// Low's server queues at an inner one that is stopped. High queues behind low, and its time is parked. Then the
    /// inner one goes on.
    @Test(arguments: [true, false])
    func whoQueuesBehindAQueueHelpsAgain(isDestroyed: Bool) {
        let board = Served(server: 20, clients: [1, 25], spinner: 10)
        let (bench, low, high) = (board.bench, board.clients[0], board.clients[1])
        bench.raiseRoot()
        let inner = bench.makeThread(priority: 22)
        let toInner = bench.makePortal(to: inner)
        bench.stop(inner)
        bench.sleepRoot()
        board.start(low)
        bench.call(board.portal, by: low)
        bench.call(toInner, by: board.server)
        board.start(board.spinner)
        board.start(high)
        bench.call(board.portal, by: high)
        #expect(bench.current() == board.spinner.context, "the chain ends at a stopped thread")
        bench.raiseRoot()
        if isDestroyed {
            bench.delete(inner.slot)
            bench.sleepRoot()
            #expect(bench.current() == board.server.context, "25 waits for a server, and 10 spins")
        } else {
            bench.start(inner)
            bench.sleepRoot()
            bench.wait(inner)
            #expect(bench.current() == inner.context, "25 waits for a server, and 10 spins")
        }
        #expect(board.running == board.time(of: high))
    }

    /// The ninth caller of a server that was stopped and started is the most urgent one.
    @Test func theNinthCallerHelpsAgain() {
        let board = Served(server: 20, clients: Array(repeating: 1, count: 8) + [25], spinner: 10)
        let (bench, high) = (board.bench, board.clients[8])
        bench.raiseRoot()
        bench.stop(board.server)
        bench.sleepRoot()
        for client in board.clients {
            board.start(client)
            bench.call(board.portal, by: client)
        }
        board.start(board.spinner)
        board.start(board.server)
        bench.settleAll()
        #expect(bench.current() == board.server.context)
        bench.wait(board.server)
        #expect(bench.current() == board.server.context && board.running == board.time(of: high))
    }

    /// A call to a thread that waits can be the ninth link of a chain that leads through a queue: then the time is
    /// parked as soon as the core looks at it again.
    @Test(arguments: [true, false])
    func aNinthLinkIsParkedSoon(fast: Bool) {
        let bench = Bench()
        bench.usesFastPath = fast
        let last = bench.makeThread(priority: 5)
        let toLast = bench.makePortal(to: last)
        bench.sleepRoot()
        bench.wait(last)
        bench.raiseRoot()
        let threads = (0..<9).map { bench.makeThread(priority: $0 == 0 ? 25 : 5) }
        let portals = threads.map { bench.makePortal(to: $0) }
        bench.sleepRoot()
        for index in 0..<8 { bench.call(portals[index + 1], by: threads[index]) }
        bench.checksInvariants = false
        bench.call(toLast, by: threads[8])
        #expect(bench.current() == last.context)
        bench.raiseRoot()
        bench.sleepRoot()
        bench.checksInvariants = true
        bench.verify()
        #expect(bench.current() == last.context && threads[0].context.pointee.home!.pointee.isParked)
    }

    // MARK: Bits

    /// A flood of bits in a server's notification delays a caller by one notification only: both take turns.
    @Test func aFloodOfBitsKeepsNoCallerWaiting() {
        let board = Served(server: 20, clients: [25], spinner: 10)
        let (bench, client) = (board.bench, board.clients[0])
        bench.raise(board.server.notification, 4)
        board.start(client)
        bench.call(board.portal, by: client)
        var handled = 0
        while board.server.context.pointee.caller == nil, handled < 50 {
            // From another core, say, while the server handles the last bits on its caller's time.
            bench.raise(board.server.notification, 4)
            bench.advance(10)
            bench.wait(board.server)
            handled += 1
        }
        #expect(
            handled <= 2 && board.used(by: client) <= 20,
            "\(handled) notifications before the call, at the caller's cost")
    }

    /// The attack of `LaunderingTests` by a client that may also signal its server, as the peer of a ring may: bits
    /// bring the server's own time, and its budget is the bound.
    @Test func signalsDoNotLaunderMoreThanTheServersBudget() {
        let board = Served(server: 25, clients: [10], spinner: 5, budget: 10)
        let (bench, client) = (board.bench, board.clients[0])
        bench.raiseRoot()
        bench.succeed(.scheduleControl, board.server.scheduling, form: ScheduleControl.setBudget.rawValue, 50, 1000)
        bench.sleepRoot()
        board.start(client)
        board.start(board.spinner)
        let start = bench.model.now.value
        var work = 0
        while bench.model.now.value < start + 20_000 {
            let current = bench.current()
            if current == client.context {
                _ = bench.operate(.poll, client.notification, by: client.context)
                if board.server.state != .waiting, !board.server.context.pointee.usesOwnTime {
                    bench.succeed(.signal, board.server.notification, 4, by: client.context)
                    continue
                }
                bench.succeed(
                    .timer, client.notification, form: TimerForm.set.rawValue, bench.model.now.value + 1, 2,
                    by: client.context)
                bench.call(board.portal, by: client)
                work = 0
            } else if current == board.server.context, work >= 100 {
                // A request takes 100 ticks, and a notification none.
                bench.wait(board.server)
                continue
            }
            bench.advance(1)
            if current == board.server.context { work += 1 }
        }
        let (served, paid) = (board.used(by: board.server), board.used(by: client))
        #expect(served <= 50 * 21, "the client paid \(paid) ticks, its server \(served) of its own")
    }

    // MARK: Work of one entry

    /// How much time is in the queue of core 0.
    private func queued(_ bench: Bench) -> Int {
        var count = 0
        for priority in 0..<32 {
            var next = bench.core(0).pointee.runQueue.heads[priority]
            while let item = next {
                count += 1
                next = item.pointee.next
            }
        }
        return count
    }

    /// Makes chains of eight threads that all use their own time: each calls the next, the last ones call `portal`.
    /// Root is current before and after.
    private func makeChains(_ bench: Bench, _ count: Int, to portal: UInt32) -> [[Tenant]] {
        (0..<count).map { _ in
            var chain: [Tenant] = []
            // All but the first wait for a call.
            for index in 0..<8 {
                let thread = bench.makeThread(priority: 10, notified: true, starts: false)
                if index == 7 {
                    bench.succeed(.contextControl, thread.slot, form: ContextControl.setAbortMask.rawValue, 2)
                }
                chain.append(thread)
                guard index != 0 else { continue }
                bench.start(thread)
                bench.sleepRoot()
                bench.settleAll()  // parked time is looked at in pieces
                bench.wait(thread)
                bench.raiseRoot()
            }
            let portals = chain.map { bench.makePortal(to: $0) }
            bench.start(chain[0])
            bench.sleepRoot()
            bench.settleAll()
            for index in 0..<7 { bench.call(portals[index + 1], by: chain[index]) }
            for thread in chain.dropFirst() { bench.raise(thread.notification, 4) }
            bench.call(portal, by: chain[7])
            bench.settleAll()
            bench.raiseRoot()
            return chain
        }
    }

    /// Starting a server whose callers have long chains: work under the lock.
    @Test func aStartBringsBackLittle() {
        let bench = Bench()
        bench.checksInvariants = false
        let server = bench.makeThread(priority: 5, starts: false)
        _ = makeChains(bench, 8, to: bench.makePortal(to: server))
        let before = queued(bench)
        bench.succeed(.contextControl, server.slot, form: ContextControl.start.rawValue)
        #expect(before == 0 && queued(bench) <= 17, "one entry queues \(queued(bench) - before) scheduling contexts")
    }

    /// Eight timers of one tick abort eight calls, each at the end of a long chain.
    @Test func aTickBringsBackLittle() {
        let bench = Bench()
        bench.checksInvariants = false
        let server = bench.makeThread(priority: 5, starts: false)
        let chains = makeChains(bench, 8, to: bench.makePortal(to: server))
        for chain in chains {
            bench.succeed(.timer, chain[7].notification, form: TimerForm.set.rawValue, bench.model.now.value + 10, 2)
        }
        let before = queued(bench)
        bench.model.advance(by: 10)
        bench.enter { _ in _ = bench.model.cores[0].takeInterrupt() }
        #expect(before == 0 && queued(bench) <= 24, "one entry queues \(queued(bench) - before) scheduling contexts")
    }

    /// Destroying a server whose callers are faults of threads that serve faults, and so on.
    @Test func anEntryStopsFew() {
        let bench = Bench()
        bench.checksInvariants = false
        let server = bench.makeThread(priority: 5, starts: false)
        let toServer = bench.makePortal(to: server)
        var all: [Tenant] = []
        for _ in 0..<8 {
            var portal = toServer
            var chain: [Tenant] = []
            // From the end.
            for index in 0..<8 {
                let thread = bench.makeThread(priority: 10, starts: false)
                bench.configure(thread, portal: portal)
                portal = bench.makePortal(to: thread)
                bench.start(thread)
                bench.sleepRoot()
                if index != 7 { bench.wait(thread) }
                bench.raiseRoot()
                chain.append(thread)
            }
            bench.sleepRoot()
            for thread in chain.reversed() {
                #expect(bench.current() == thread.context)
                bench.enter { K.exit($0, thread.context, Message(0, 0, 0, 0, 0, 0)) }
            }
            bench.settleAll()
            bench.raiseRoot()
            all += chain
        }
        var most = 0
        while !bench.isEmpty(server.slot) {
            let before = all.filter { $0.state == .stopped }.count
            _ = bench.operate(.revoke, server.slot, form: RevokeForm.delete.rawValue)
            most = max(most, all.filter { $0.state == .stopped }.count - before)
            bench.settleAll()
        }
        #expect(most <= 16, "one entry stops \(most) contexts")
    }
}
