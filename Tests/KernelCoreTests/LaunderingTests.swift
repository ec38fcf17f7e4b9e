import ABI
import MachineModel
import TestSupport
import Testing

@testable import KernelCore

/// Clients that arm a timer one tick ahead, call with an abort mask, are aborted, and repeat: a server's time is not
/// theirs.
@Suite struct LaunderingTests {
    /// Plays what is current for one step: clients attack, the server works on and never answers within a tick.
    private func step(_ board: Served, _ clients: [Tenant]) {
        let bench = board.bench
        guard let client = clients.first(where: { $0.context == bench.current() }) else { return bench.advance(1) }
        _ = bench.operate(.poll, client.notification, by: client.context)
        bench.succeed(
            .timer, client.notification, form: TimerForm.set.rawValue, bench.model.now.value + 1, 2, by: client.context)
        bench.call(board.portal, by: client)
        bench.advance(1)
    }

    @Test(arguments: [1, 2, 16])
    func aServerUsesNoMoreThanItsClientsPay(count: Int) {
        // 1 % each.
        let periods = UInt64(TestLength.count(short: 4, long: 20))
        let board = Served(server: 25, clients: Array(repeating: 10, count: count), spinner: 5, budget: 10)
        for client in board.clients { board.start(client) }
        board.start(board.spinner)
        let (start, spun) = (board.bench.model.now.value, board.used(by: board.spinner))
        while board.bench.model.now.value < start + periods * 1000 { step(board, board.clients) }
        let passed = board.bench.model.now.value - start
        let attackers = board.clients.map { board.used(by: $0) }.reduce(0, +)
        #expect(board.used(by: board.server) <= 1, "an orphan uses no time of the server's")
        // The one that had begun counts too.
        #expect(attackers <= UInt64(count) * 10 * (periods + 1))
        #expect(board.used(by: board.spinner) - spun + attackers >= passed - 1)
    }

    /// The next call has to fund what the last one left, and is then served.
    @Test func theNextCallFundsTheOrphan() {
        let board = Served(server: 25, clients: [10, 8], spinner: 5)
        let (bench, attacker, other) = (board.bench, board.clients[0], board.clients[1])
        board.start(attacker)
        bench.call(board.portal, by: attacker, 1)
        bench.raise(attacker.notification, 2)
        #expect(bench.current() == attacker.context && board.server.state == .ready)
        bench.wait(attacker)
        bench.wait(attacker)
        #expect(bench.current() == nil, "nobody pays")
        // Somebody else pays for at most one such rest.
        board.start(other)
        bench.call(board.portal, by: other, 2)
        #expect(bench.current() == board.server.context && board.running == board.time(of: other))
        bench.replyAndWait(board.server)
        #expect(bench.answer(board.server.context).words[0] == 2 && bench.current() == board.server.context)
        bench.replyAndWait(board.server)
        #expect(bench.current() == other.context && bench.answer(other.context).status == .ok)
    }

    /// A server may have a budget of its own for it.
    @Test func aBudgetOfTheServersOwn() {
        let bench = Bench()
        let server = bench.makeClient(priority: 25, budget: 50)
        let portal = bench.makePortal(to: server)
        bench.start(server)
        let client = bench.makeClient(priority: 10)
        bench.sleepRoot()
        bench.wait(server)
        bench.raiseRoot()
        bench.start(client)
        bench.sleepRoot()
        bench.call(portal, by: client)
        bench.raise(client.notification, 2)
        #expect(bench.current() == server.context, "on its own budget")
        bench.advance(50)
        #expect(bench.current() == client.context && server.context.pointee.home!.pointee.isExhausted)
    }

    /// The first of a chain leaves: neither the server nor its own server uses time of its own.
    @Test func nestedServersAreOrphansTogether() {
        let board = Served(server: 25, clients: [10], spinner: 5)
        let bench = board.bench
        bench.raiseRoot()
        let inner = bench.makeThread(priority: 26)
        let toInner = bench.makePortal(to: inner)
        bench.sleepRoot()
        bench.wait(inner)
        board.start(board.clients[0])
        bench.call(board.portal, by: board.clients[0])
        bench.call(toInner, by: board.server)
        bench.raise(board.clients[0].notification, 2)
        #expect(bench.current() == board.clients[0].context)
        bench.wait(board.clients[0])
        bench.wait(board.clients[0])
        #expect(bench.current() == nil && inner.state == .ready && board.server.state == .calling)
    }
}
