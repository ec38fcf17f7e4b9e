import ABI
import MachineModel
import Testing

@testable import KernelCore

/// A server, asleep in `replyWait`, with clients of some priorities, and a tenant that spins. Root sleeps.
struct Served {
    let bench: Bench
    let server: Tenant
    let clients: [Tenant]
    let spinner: Tenant
    let portal: UInt32

    /// - Parameter budget: of each client, in ticks of each 1000; 0: without limit.
    init(server priority: UInt64 = 20, clients priorities: [UInt64], spinner spinning: UInt64, budget: UInt64 = 0) {
        let bench = Bench()
        self.bench = bench
        server = bench.makeThread(priority: priority, notified: true)
        portal = bench.makePortal(to: server)
        bench.sleepRoot()
        bench.wait(server)
        bench.raiseRoot()
        spinner = bench.makeThread(priority: spinning, starts: false)
        clients = priorities.map { bench.makeClient(priority: $0, budget: budget) }
        bench.sleepRoot()
    }

    /// Root, more urgent than all others, starts a tenant; then the most urgent one runs.
    func start(_ tenant: Tenant) {
        bench.raiseRoot()
        bench.start(tenant)
        bench.sleepRoot()
    }

    func time(of tenant: Tenant) -> Ref<SchedulingContext> { tenant.context.pointee.home! }
    /// The whole time that was used, up to now.
    func used(by tenant: Tenant) -> UInt64 {
        let time = time(of: tenant)
        let isRunning = bench.core(0).pointee.scheduling == time
        return time.pointee.used.value + (isRunning ? bench.model.now.value - time.pointee.since.value : 0)
    }
    var running: Ref<SchedulingContext>? { bench.core(0).pointee.scheduling }
}

extension Bench {
    /// A thread with a notification, an abort mask of 2, and perhaps a budget for each 1000 ticks.
    func makeClient(priority: UInt64, budget: UInt64 = 0) -> Tenant {
        var client = makeThread(priority: priority, notified: true, starts: false)
        if budget != 0 {
            client.scheduling = create(.schedulingContext)
            succeed(
                .scheduleControl, client.scheduling, form: ScheduleControl.configure.rawValue, 0, priority, 10_000,
                budget, 1000)
            configure(client)
        }
        succeed(.contextControl, client.slot, form: ContextControl.setAbortMask.rawValue, 2)
        return client
    }
}

@Suite struct HelpingTests {
    /// A server is at work for 1 when 10 begins to spin. 25 calls it and must not wait for 10 to end.
    @Test func aCallerInTheQueueHelpsTheServer() {
        let board = Served(clients: [1, 25], spinner: 10)
        let (bench, low, high) = (board.bench, board.clients[0], board.clients[1])
        board.start(low)
        bench.call(board.portal, by: low)
        #expect(bench.current() == board.server.context)
        board.start(board.spinner)
        #expect(bench.current() == board.spinner.context, "the server has the priority of its caller")
        board.start(high)
        bench.call(board.portal, by: high)
        #expect(bench.current() == board.server.context && board.running == board.time(of: high))
        bench.replyAndWait(board.server)
        #expect(board.server.context.pointee.caller == high.context && bench.current() == board.server.context)
        #expect(low.state == .ready)
        bench.replyAndWait(board.server)
        #expect(bench.current() == high.context)
    }

    /// The same through a second server, which the first has called.
    @Test func helpFollowsTheChain() {
        let board = Served(clients: [1, 25], spinner: 10)
        let bench = board.bench
        bench.raiseRoot()
        let inner = bench.makeThread(priority: 22)
        let toInner = bench.makePortal(to: inner)
        bench.sleepRoot()
        bench.wait(inner)
        board.start(board.clients[0])
        bench.call(board.portal, by: board.clients[0])
        bench.call(toInner, by: board.server)
        board.start(board.spinner)
        board.start(board.clients[1])
        bench.call(board.portal, by: board.clients[1])
        #expect(bench.current() == inner.context && board.running == board.time(of: board.clients[1]))
    }

    /// A server has the sum of its callers' time: one whose budget is used up leaves it to the others.
    @Test func theTimeOfCallersAddsUp() {
        let board = Served(clients: [11, 12, 13], spinner: 10, budget: 100)
        let bench = board.bench
        for client in board.clients {
            bench.raiseRoot()
            bench.start(client)
            bench.sleepRoot()
            bench.call(board.portal, by: client)
        }
        board.start(board.spinner)
        let before = board.clients.map { board.used(by: $0) }.reduce(0, +)
        var served: UInt64 = 0
        while bench.current() == board.server.context, served < 1000 {
            bench.advance(10)
            served += 10
        }
        #expect(before + served == 300 && bench.current() == board.spinner.context)
        #expect(board.used(by: board.server) <= 1)
    }

    /// Somebody else's exhausted budget does not keep a caller waiting.
    @Test func aBudgetThatIsUsedUpStopsNobodyElse() {
        let board = Served(clients: [15, 12], spinner: 10, budget: 100)
        let (bench, first, second) = (board.bench, board.clients[0], board.clients[1])
        board.start(first)
        bench.advance(99)
        bench.call(board.portal, by: first)
        bench.advance(1)
        #expect(first.state == .calling && bench.current() == nil, "the server has no time")
        board.start(second)
        bench.call(board.portal, by: second)
        #expect(bench.current() == board.server.context && board.running == board.time(of: second))
        bench.replyAndWait(board.server)
        #expect(board.server.context.pointee.caller == second.context && bench.current() == board.server.context)
    }

    /// Its own notification brings a serving thread its own time and priority, until it waits again.
    @Test(arguments: [true, false])
    func bitsBringOwnTime(fast: Bool) {
        let board = Served(server: 20, clients: [1], spinner: 10)
        let bench = board.bench
        bench.usesFastPath = fast
        board.start(board.clients[0])
        bench.call(board.portal, by: board.clients[0])
        board.start(board.spinner)
        #expect(bench.current() == board.spinner.context)
        bench.succeed(.signal, board.server.notification, 4, by: board.spinner.context)
        #expect(bench.current() == board.server.context && board.running == board.time(of: board.server))
        let heard = bench.replyAndWait(board.server)
        #expect(heard.status == .notified && heard.tag == 4 && bench.current() == board.server.context)
        bench.wait(board.server)
        #expect(bench.current() == board.spinner.context)
        #expect(board.clients[0].state == .ready, "answered, and less urgent")
    }

    /// Bits that were fetched meanwhile leave nothing behind: the next answer is a plain one.
    @Test func polledBits() {
        let board = Served(clients: [1], spinner: 10)
        let bench = board.bench
        board.start(board.clients[0])
        bench.call(board.portal, by: board.clients[0])
        bench.raise(board.server.notification, 4)
        #expect(board.running == board.time(of: board.server))
        #expect(bench.operate(.poll, board.server.notification, by: board.server.context).tag == 4)
        bench.replyAndWait(board.server)
        #expect(bench.current() == board.clients[0].context && board.running == board.time(of: board.clients[0]))
        #expect(board.server.state == .waiting && !board.server.context.pointee.usesOwnTime)
    }

    /// A signal of no bits wakes nobody, on the fast path as on the general one.
    @Test(arguments: [true, false])
    func noBitsAreNoNews(fast: Bool) {
        let board = Served(clients: [1], spinner: 10)
        board.bench.usesFastPath = fast
        board.start(board.spinner)
        board.bench.succeed(.signal, board.server.notification, 0, by: board.spinner.context)
        #expect(board.bench.current() == board.spinner.context && board.server.state == .waiting)
        board.bench.succeed(.signal, board.server.notification, 1, by: board.spinner.context)
        #expect(board.bench.current() == board.server.context)
    }

    /// The same with a pager: a fault of 1 is being served when 10 begins to spin, and 25 faults.
    @Test func aFaultInTheQueueHelpsThePager() {
        let board = Served(clients: [1, 25], spinner: 10)
        let bench = board.bench
        bench.raiseRoot()
        for client in board.clients { bench.configure(client, portal: board.portal) }
        bench.sleepRoot()
        board.start(board.clients[0])
        bench.enter { K.exit($0, board.clients[0].context, Message(1)) }
        #expect(bench.current() == board.server.context)
        board.start(board.spinner)
        #expect(bench.current() == board.spinner.context)
        board.start(board.clients[1])
        bench.enter { K.exit($0, board.clients[1].context, Message(2)) }
        #expect(bench.current() == board.server.context && board.running == board.time(of: board.clients[1]))
        bench.replyAndWait(board.server)
        #expect(bench.answer(board.server.context).words[0] == 2)
        bench.replyAndWait(board.server)
        #expect(bench.current() == board.clients[1].context)
    }

    /// A caller whose slice ended while it was served goes behind its equals, also after an answer on the general path.
    @Test func anAnswerRenewsNoSlice() {
        let board = Served(clients: [10], spinner: 10)
        let (bench, client) = (board.bench, board.clients[0])
        board.start(client)
        bench.call(board.portal, by: client)
        board.start(board.spinner)
        #expect(bench.current() == board.server.context)
        bench.model.advance(by: 1000)  // the timer's interrupt has not been taken
        bench.succeed(.replyWait, form: ReplyForm.reply, by: board.server.context)
        bench.wait(board.server)
        bench.settleAll()
        #expect(bench.current() == board.spinner.context)
    }

    // MARK: The chain's length

    @Test func aChainHasEightLinks() {
        let bench = Bench()
        // Nobody waits for calls: each queues at the next.
        let threads = (0..<10).map { bench.makeThread(priority: 20 - UInt64($0)) }
        let portals = threads.map { bench.makePortal(to: $0) }
        let late = bench.makeThread(priority: 21, starts: false)
        bench.sleepRoot()
        for index in 0..<8 { bench.call(portals[index + 1], by: threads[index]) }
        // Eight links lead from the first to the ninth; a ninth link leads from one before the first.
        #expect(bench.current() == threads[8].context)
        #expect(bench.core(0).pointee.scheduling == threads[0].context.pointee.home)
        bench.raiseRoot()
        bench.start(late)
        bench.sleepRoot()
        #expect(bench.operate(.call, portals[0], by: late.context).status == .tooDeep)
        // The chain grows at its end: the first is too far away to help, and comes back when it is nearer.
        bench.stop(late, by: late.context)
        bench.call(portals[9], by: threads[8])
        #expect(bench.current() == threads[9].context)
        #expect(bench.core(0).pointee.scheduling == threads[1].context.pointee.home)
        bench.wait(threads[9])
        bench.replyAndWait(threads[9])
        for index in (1..<9).reversed() {
            #expect(bench.current() == threads[index].context)
            bench.wait(threads[index])
            bench.replyAndWait(threads[index])
        }
        #expect(threads[0].state == .ready)
    }

    // MARK: Servers that are not there yet

    /// Callers that queue at a server which has not started use no time; it serves all of them once it has.
    @Test(arguments: [1, 9, 40])
    func aServerThatStartsLater(count: Int) {
        let bench = Bench()
        let server = bench.makeThread(priority: 5, starts: false)
        let portal = bench.makePortal(to: server)
        let clients = (0..<count).map { _ in bench.makeThread(priority: 10) }
        bench.sleepRoot()
        for client in clients { bench.call(portal, by: client) }
        bench.settleAll()
        #expect(bench.current() == nil && bench.core(0).pointee.runQueue.occupied == 0)
        bench.raiseRoot()
        bench.start(server)
        bench.sleepRoot()
        #expect(bench.current() == server.context)
        bench.wait(server)
        for client in clients {
            #expect(bench.current() == server.context && server.context.pointee.caller == client.context)
            bench.replyAndWait(server)
            while bench.current() == client.context { bench.wait(client) }
        }
        #expect(server.state == .waiting)
    }

    /// One entry parks a bounded number, also when many callers lose their server at once; nobody else is kept waiting.
    @Test func aServerThatStopsWithManyCallers() {
        let bench = Bench()
        let server = bench.makeThread(priority: 5)
        let portal = bench.makePortal(to: server)
        let clients = (0..<40).map { _ in bench.makeThread(priority: 10) }
        let other = bench.makeThread(priority: 3)
        bench.sleepRoot()
        for client in clients {
            bench.call(portal, by: client)
            bench.advance(1000)
        }
        bench.raiseRoot()
        bench.stop(server)
        bench.checksInvariants = false  // an entry may leave the core idle, to be interrupted at once
        bench.sleepRoot()
        #expect(bench.current() == nil && bench.model.cores[0].pendingInterrupt != nil)
        bench.checksInvariants = true
        var entries = 0
        while bench.current() == nil, bench.model.cores[0].pendingInterrupt != nil, entries < 10 {
            bench.checksInvariants = false
            bench.enter { _ in _ = bench.model.cores[0].takeInterrupt() }
            entries += 1
        }
        bench.checksInvariants = true
        #expect(bench.current() == other.context && entries == 5)
        bench.verify()
    }
}
