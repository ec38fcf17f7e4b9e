import ABI
import HardwareModel
import TestSupport
import Testing

@testable import KernelCore

/// Clients arm a timer one tick ahead, call with an abort mask, are aborted, and repeat. They cannot take over a
/// server's time.
@Suite struct LaunderingTests {
    /// Plays the current context for one step: clients attack, and the server works on and never answers within a tick.
    private func step(_ board: Served, _ clients: [Tenant]) {
        let fixture = board.fixture
        guard let client = clients.first(where: { $0.context == fixture.current() }) else { return fixture.advance(1) }
        _ = fixture.operate(.poll, client.notification, by: client.context)
        fixture.succeed(
            .timer, client.notification, form: TimerForm.set.rawValue, fixture.model.now.value + 1, 2,
            by: client.context)
        fixture.call(board.portal, by: client)
        fixture.advance(1)
    }

    @Test(arguments: [1, 2, 16])
    func aServerUsesNoMoreThanItsClientsPay(count: Int) {
        // Each client may take 1 %.
        let periods = UInt64(TestLength.count(short: 4, long: 20))
        let board = Served(server: 25, clients: Array(repeating: 10, count: count), spinner: 5, budget: 10)
        for client in board.clients { board.start(client) }
        board.start(board.spinner)
        let (start, spun) = (board.fixture.model.now.value, board.used(by: board.spinner))
        while board.fixture.model.now.value < start + periods * 1000 { step(board, board.clients) }
        let passed = board.fixture.model.now.value - start
        let attackers = board.clients.map { board.used(by: $0) }.reduce(0, +)
        #expect(board.used(by: board.server) <= 1, "an orphan uses no time of the server's")
        // The period that had begun counts, too.
        #expect(attackers <= UInt64(count) * 10 * (periods + 1))
        #expect(board.used(by: board.spinner) - spun + attackers >= passed - 1)
    }

    /// The next call has to pay for the rest of the last one, and is then served.
    @Test func theNextCallFundsTheOrphan() {
        let board = Served(server: 25, clients: [10, 8], spinner: 5)
        let (fixture, attacker, other) = (board.fixture, board.clients[0], board.clients[1])
        board.start(attacker)
        fixture.call(board.portal, by: attacker, 1)
        fixture.raise(attacker.notification, 2)
        #expect(fixture.current() == attacker.context && board.server.state == .ready)
        fixture.wait(attacker)
        fixture.wait(attacker)
        #expect(fixture.current() == nil, "nobody pays")
        // Another caller pays for at most one such rest.
        board.start(other)
        fixture.call(board.portal, by: other, 2)
        #expect(fixture.current() == board.server.context && board.running == board.time(of: other))
        fixture.replyAndWait(board.server)
        #expect(fixture.answer(board.server.context).words[0] == 2 && fixture.current() == board.server.context)
        fixture.replyAndWait(board.server)
        #expect(fixture.current() == other.context && fixture.answer(other.context).status == .ok)
    }

    /// The server may have a budget of its own for that.
    @Test func aBudgetOfTheServersOwn() {
        let fixture = Fixture()
        let server = fixture.makeClient(priority: 25, budget: 50)
        let portal = fixture.makePortal(to: server)
        fixture.start(server)
        let client = fixture.makeClient(priority: 10)
        fixture.sleepRoot()
        fixture.wait(server)
        fixture.raiseRoot()
        fixture.start(client)
        fixture.sleepRoot()
        fixture.call(portal, by: client)
        fixture.raise(client.notification, 2)
        #expect(fixture.current() == server.context, "on its own budget")
        fixture.advance(50)
        #expect(fixture.current() == client.context && server.context.pointee.home!.pointee.isExhausted)
    }

    /// The first of a chain leaves. Neither the server nor its own server uses time of its own.
    @Test func nestedServersAreOrphansTogether() {
        let board = Served(server: 25, clients: [10], spinner: 5)
        let fixture = board.fixture
        fixture.raiseRoot()
        let inner = fixture.makeThread(priority: 26)
        let toInner = fixture.makePortal(to: inner)
        fixture.sleepRoot()
        fixture.wait(inner)
        board.start(board.clients[0])
        fixture.call(board.portal, by: board.clients[0])
        fixture.call(toInner, by: board.server)
        fixture.raise(board.clients[0].notification, 2)
        #expect(fixture.current() == board.clients[0].context)
        fixture.wait(board.clients[0])
        fixture.wait(board.clients[0])
        #expect(fixture.current() == nil && inner.state == .ready && board.server.state == .calling)
    }
}
