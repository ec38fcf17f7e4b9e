import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// A server asleep in `replyWait`, clients of several priorities, and a tenant that spins. Root sleeps.
struct Served {
    let fixture: Fixture
    let server: Tenant
    let clients: [Tenant]
    let spinner: Tenant
    let portal: UInt32

    /// Makes the tenants.
    ///
    /// - Parameter budget: the ticks that each client has in each 1000; 0 for no limit.
    init(server priority: UInt64 = 20, clients priorities: [UInt64], spinner spinning: UInt64, budget: UInt64 = 0) {
        let fixture = Fixture()
        self.fixture = fixture
        server = fixture.makeThread(priority: priority, notified: true)
        portal = fixture.makePortal(to: server)
        fixture.sleepRoot()
        fixture.wait(server)
        fixture.raiseRoot()
        spinner = fixture.makeThread(priority: spinning, starts: false)
        clients = priorities.map { fixture.makeClient(priority: $0, budget: budget) }
        fixture.sleepRoot()
    }

    /// Lets root, which is more urgent than all others, start a tenant. Then the most urgent one runs.
    func start(_ tenant: Tenant) {
        fixture.raiseRoot()
        fixture.start(tenant)
        fixture.sleepRoot()
    }

    func time(of tenant: Tenant) -> Ref<SchedulingContext> { tenant.context.pointee.home! }
    /// Returns the whole time that was used up to now.
    func used(by tenant: Tenant) -> UInt64 {
        let time = time(of: tenant)
        let isRunning = fixture.core(0).pointee.scheduling == time
        return time.pointee.used.value + (isRunning ? fixture.model.now.value - time.pointee.since.value : 0)
    }
    var running: Ref<SchedulingContext>? { fixture.core(0).pointee.scheduling }
}

extension Fixture {
    /// Makes a thread with a notification, an abort mask of 2, and perhaps a budget for each 1000 ticks.
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
    /// A server works for client 1 when tenant 10 begins to spin. Client 25 calls it and must not wait for the end of
    /// tenant 10.
    @Test func aCallerInTheQueueHelpsTheServer() {
        let board = Served(clients: [1, 25], spinner: 10)
        let (fixture, low, high) = (board.fixture, board.clients[0], board.clients[1])
        board.start(low)
        fixture.call(board.portal, by: low)
        #expect(fixture.current() == board.server.context)
        board.start(board.spinner)
        #expect(fixture.current() == board.spinner.context, "the server has the priority of its caller")
        board.start(high)
        fixture.call(board.portal, by: high)
        #expect(fixture.current() == board.server.context && board.running == board.time(of: high))
        fixture.replyAndWait(board.server)
        #expect(board.server.context.pointee.caller == high.context && fixture.current() == board.server.context)
        #expect(low.state == .ready)
        fixture.replyAndWait(board.server)
        #expect(fixture.current() == high.context)
    }

    /// The same holds through a second server, which the first has called.
    @Test func helpFollowsTheChain() {
        let board = Served(clients: [1, 25], spinner: 10)
        let fixture = board.fixture
        fixture.raiseRoot()
        let inner = fixture.makeThread(priority: 22)
        let toInner = fixture.makePortal(to: inner)
        fixture.sleepRoot()
        fixture.wait(inner)
        board.start(board.clients[0])
        fixture.call(board.portal, by: board.clients[0])
        fixture.call(toInner, by: board.server)
        board.start(board.spinner)
        board.start(board.clients[1])
        fixture.call(board.portal, by: board.clients[1])
        #expect(fixture.current() == inner.context && board.running == board.time(of: board.clients[1]))
    }

    /// A server has the sum of its callers' time. A caller whose budget is used up leaves the rest to the others.
    @Test func theTimeOfCallersAddsUp() {
        let board = Served(clients: [11, 12, 13], spinner: 10, budget: 100)
        let fixture = board.fixture
        for client in board.clients {
            fixture.raiseRoot()
            fixture.start(client)
            fixture.sleepRoot()
            fixture.call(board.portal, by: client)
        }
        board.start(board.spinner)
        let before = board.clients.map { board.used(by: $0) }.reduce(0, +)
        var served: UInt64 = 0
        while fixture.current() == board.server.context, served < 1000 {
            fixture.advance(10)
            served += 10
        }
        #expect(before + served == 300 && fixture.current() == board.spinner.context)
        #expect(board.used(by: board.server) <= 1)
    }

    /// Another caller's exhausted budget does not keep a caller waiting.
    @Test func aBudgetThatIsUsedUpStopsNobodyElse() {
        let board = Served(clients: [15, 12], spinner: 10, budget: 100)
        let (fixture, first, second) = (board.fixture, board.clients[0], board.clients[1])
        board.start(first)
        fixture.advance(99)
        fixture.call(board.portal, by: first)
        fixture.advance(1)
        #expect(first.state == .calling && fixture.current() == nil, "the server has no time")
        board.start(second)
        fixture.call(board.portal, by: second)
        #expect(fixture.current() == board.server.context && board.running == board.time(of: second))
        fixture.replyAndWait(board.server)
        #expect(board.server.context.pointee.caller == second.context && fixture.current() == board.server.context)
    }

    /// The notification of a serving thread brings its own time and priority, until it waits again.
    @Test(arguments: [true, false])
    func bitsBringOwnTime(fast: Bool) {
        let board = Served(server: 20, clients: [1], spinner: 10)
        let fixture = board.fixture
        fixture.usesFastPath = fast
        board.start(board.clients[0])
        fixture.call(board.portal, by: board.clients[0])
        board.start(board.spinner)
        #expect(fixture.current() == board.spinner.context)
        fixture.succeed(.signal, board.server.notification, 4, by: board.spinner.context)
        #expect(fixture.current() == board.server.context && board.running == board.time(of: board.server))
        let heard = fixture.replyAndWait(board.server)
        #expect(heard.status == .notified && heard.tag == 4 && fixture.current() == board.server.context)
        fixture.wait(board.server)
        #expect(fixture.current() == board.spinner.context)
        #expect(board.clients[0].state == .ready, "answered, and less urgent")
    }

    /// Bits that were fetched meanwhile have no effect: the next answer is a plain one.
    @Test func polledBits() {
        let board = Served(clients: [1], spinner: 10)
        let fixture = board.fixture
        board.start(board.clients[0])
        fixture.call(board.portal, by: board.clients[0])
        fixture.raise(board.server.notification, 4)
        #expect(board.running == board.time(of: board.server))
        #expect(fixture.operate(.poll, board.server.notification, by: board.server.context).tag == 4)
        fixture.replyAndWait(board.server)
        #expect(fixture.current() == board.clients[0].context && board.running == board.time(of: board.clients[0]))
        #expect(board.server.state == .waiting && !board.server.context.pointee.usesOwnTime)
    }

    /// A signal of no bits wakes nobody, on the fast path as on the general one.
    @Test(arguments: [true, false])
    func noBitsAreNoNews(fast: Bool) {
        let board = Served(clients: [1], spinner: 10)
        board.fixture.usesFastPath = fast
        board.start(board.spinner)
        board.fixture.succeed(.signal, board.server.notification, 0, by: board.spinner.context)
        #expect(board.fixture.current() == board.spinner.context && board.server.state == .waiting)
        board.fixture.succeed(.signal, board.server.notification, 1, by: board.spinner.context)
        #expect(board.fixture.current() == board.server.context)
    }

    /// The same holds for a pager: a fault of client 1 is being served when tenant 10 begins to spin, and client 25
    /// faults.
    @Test func aFaultInTheQueueHelpsThePager() {
        let board = Served(clients: [1, 25], spinner: 10)
        let fixture = board.fixture
        fixture.raiseRoot()
        for client in board.clients { fixture.configure(client, portal: board.portal) }
        fixture.sleepRoot()
        board.start(board.clients[0])
        fixture.enter { K.exit($0, board.clients[0].context, Message(1)) }
        #expect(fixture.current() == board.server.context)
        board.start(board.spinner)
        #expect(fixture.current() == board.spinner.context)
        board.start(board.clients[1])
        fixture.enter { K.exit($0, board.clients[1].context, Message(2)) }
        #expect(fixture.current() == board.server.context && board.running == board.time(of: board.clients[1]))
        fixture.replyAndWait(board.server)
        #expect(fixture.answer(board.server.context).words[0] == 2)
        fixture.replyAndWait(board.server)
        #expect(fixture.current() == board.clients[1].context)
    }

    /// A caller whose slice ended while it was served goes behind its equals, also after an answer on the general path.
    @Test func anAnswerRenewsNoSlice() {
        let board = Served(clients: [10], spinner: 10)
        let (fixture, client) = (board.fixture, board.clients[0])
        board.start(client)
        fixture.call(board.portal, by: client)
        board.start(board.spinner)
        #expect(fixture.current() == board.server.context)
        fixture.model.advance(by: 1000)  // the timer's interrupt has not been taken
        fixture.succeed(.replyWait, form: ReplyForm.reply, by: board.server.context)
        fixture.wait(board.server)
        fixture.settleAll()
        #expect(fixture.current() == board.spinner.context)
    }

    // MARK: The chain's length

    @Test func aChainHasEightLinks() {
        let fixture = Fixture()
        // No thread waits for calls, so each call queues at the next thread.
        let threads = (0..<10).map { fixture.makeThread(priority: 20 - UInt64($0)) }
        let portals = threads.map { fixture.makePortal(to: $0) }
        let late = fixture.makeThread(priority: 21, starts: false)
        fixture.sleepRoot()
        for index in 0..<8 { fixture.call(portals[index + 1], by: threads[index]) }
        // Eight links lead from the first to the ninth, and a ninth link leads from a thread before the first.
        #expect(fixture.current() == threads[8].context)
        #expect(fixture.core(0).pointee.scheduling == threads[0].context.pointee.home)
        fixture.raiseRoot()
        fixture.start(late)
        fixture.sleepRoot()
        #expect(fixture.operate(.call, portals[0], by: late.context).status == .tooDeep)
        // The chain grows at its end. The first thread is too far away to help, and helps again when it is nearer.
        fixture.stop(late, by: late.context)
        fixture.call(portals[9], by: threads[8])
        #expect(fixture.current() == threads[9].context)
        #expect(fixture.core(0).pointee.scheduling == threads[1].context.pointee.home)
        fixture.wait(threads[9])
        fixture.replyAndWait(threads[9])
        for index in (1..<9).reversed() {
            #expect(fixture.current() == threads[index].context)
            fixture.wait(threads[index])
            fixture.replyAndWait(threads[index])
        }
        #expect(threads[0].state == .ready)
    }

    // MARK: Servers that are not there yet

    /// Callers that queue at a server which has not started use no time. The server serves all of them after its start.
    @Test(arguments: [1, 9, 40])
    func aServerThatStartsLater(count: Int) {
        let fixture = Fixture()
        let server = fixture.makeThread(priority: 5, starts: false)
        let portal = fixture.makePortal(to: server)
        let clients = (0..<count).map { _ in fixture.makeThread(priority: 10) }
        fixture.sleepRoot()
        for client in clients { fixture.call(portal, by: client) }
        fixture.settleAll()
        #expect(fixture.current() == nil && fixture.core(0).pointee.runQueue.occupied == 0)
        fixture.raiseRoot()
        fixture.start(server)
        fixture.sleepRoot()
        #expect(fixture.current() == server.context)
        fixture.wait(server)
        for client in clients {
            #expect(fixture.current() == server.context && server.context.pointee.caller == client.context)
            fixture.replyAndWait(server)
            while fixture.current() == client.context { fixture.wait(client) }
        }
        #expect(server.state == .waiting)
    }

    /// One entry parks a bounded number, also when many callers lose their server at once. Nobody else has to wait.
    @Test func aServerThatStopsWithManyCallers() {
        let fixture = Fixture()
        let server = fixture.makeThread(priority: 5)
        let portal = fixture.makePortal(to: server)
        let clients = (0..<40).map { _ in fixture.makeThread(priority: 10) }
        let other = fixture.makeThread(priority: 3)
        fixture.sleepRoot()
        for client in clients {
            fixture.call(portal, by: client)
            fixture.advance(1000)
        }
        fixture.raiseRoot()
        fixture.stop(server)
        fixture.checksInvariants = false  // an entry may leave the core idle, to be interrupted at once
        fixture.sleepRoot()
        #expect(fixture.current() == nil && fixture.model.cores[0].pendingInterrupt != nil)
        fixture.checksInvariants = true
        var entries = 0
        while fixture.current() == nil, fixture.model.cores[0].pendingInterrupt != nil, entries < 10 {
            fixture.checksInvariants = false
            fixture.enter { _ in _ = fixture.model.cores[0].takeInterrupt() }
            entries += 1
        }
        fixture.checksInvariants = true
        #expect(fixture.current() == other.context && entries == 5)
        fixture.verify()
    }
}
