import ABI
import MachineModel
import Testing

@testable import KernelCore

/// A budget is found used up in the middle of another operation: the timer's interrupt is due, and something else came
/// first. Whoever is told of the overrun acts on contexts that are whole.
@Suite struct LateOverrunTests {
    private func calling() -> (bench: Bench, client: Tenant, server: Tenant, other: Tenant) {
        let bench = Bench()
        var client = bench.makeThread(priority: 10, notified: true, starts: false)
        client.scheduling = bench.create(.schedulingContext)
        bench.succeed(
            .scheduleControl, client.scheduling, form: ScheduleControl.configure.rawValue, 0, 10, 10_000, 100, 1000)
        bench.configure(client)
        bench.succeed(.contextControl, client.slot, form: ContextControl.setAbortMask.rawValue, 0x40)
        bench.succeed(
            .scheduleControl, client.scheduling, form: ScheduleControl.bindOverrun.rawValue,
            UInt64(client.notification), 0x40)
        let other = bench.makeThread(priority: 5)
        let server = bench.makeThread(priority: 25)
        let portal = bench.makePortal(to: server)
        bench.start(client)
        bench.sleepRoot()
        bench.wait(server)
        bench.call(portal, by: client)
        #expect(bench.current() == server.context)
        return (bench, client, server, other)
    }

    @Test func aServerThatFaultsStops() {
        let (bench, _, server, _) = calling()
        bench.model.advance(by: 100)  // the timer's interrupt has not been taken
        bench.enter { K.exit($0, server.context, Message(1)) }  // a fault that nobody serves
        #expect(server.state == .stopped)
        bench.settleAll()
        #expect(bench.current() != server.context && server.state == .stopped)
        bench.raiseRoot()
        bench.delete(server.slot)
    }

    @Test func aThreadHearsOfItsOwnOverrun() {
        let bench = Bench()
        var client = bench.makeThread(priority: 10, notified: true, starts: false)
        client.scheduling = bench.create(.schedulingContext)
        bench.succeed(
            .scheduleControl, client.scheduling, form: ScheduleControl.configure.rawValue, 0, 10, 10_000, 100, 1000)
        bench.configure(client)
        bench.succeed(
            .scheduleControl, client.scheduling, form: ScheduleControl.bindOverrun.rawValue,
            UInt64(client.notification), 0x40)
        let other = bench.makeThread(priority: 5)
        bench.start(client)
        bench.sleepRoot()
        bench.model.advance(by: 100)
        bench.wait(client)
        bench.settleAll()
        #expect(bench.current() == other.context)
        bench.advance(1000)
        bench.advance(1000)
        #expect(bench.current() == client.context && bench.answer(client.context).tag == 0x40)
    }

    /// The middle of a chain is aborted at the moment at which the budget of its first is used up.
    @Test func theFirstOfAChainKeepsItsTime() {
        let (bench, client, server, _) = calling()
        bench.raiseRoot()
        let last = bench.makeThread(priority: 26)
        let portal = bench.makePortal(to: last)
        bench.sleepRoot()
        bench.wait(last)
        #expect(bench.current() == server.context)
        bench.call(portal, by: server)
        #expect(bench.current() == last.context)
        bench.model.advance(by: 100)
        bench.operate(.contextControl, server.slot, form: ContextControl.abort.rawValue, by: last.context)
        bench.settleAll()
        #expect(bench.answer(client.context).status == .aborted)
        for _ in 0..<20 {
            for tenant in [server, last] where bench.current() == tenant.context { bench.wait(tenant) }
            bench.advance(500)
        }
        #expect(bench.current() == client.context)
    }

    @Test func aCallerThatIsStoppedAndAbortedStops() {
        let (bench, client, server, _) = calling()
        bench.raiseRoot()
        bench.stop(client)  // when the answer comes
        bench.sleepRoot()
        #expect(bench.current() == server.context)
        bench.model.advance(by: 100)
        bench.operate(.contextControl, client.slot, form: ContextControl.abort.rawValue, by: server.context)
        bench.settleAll()
        if bench.current() == server.context { bench.wait(server) }
        bench.advance(1000)
        bench.advance(1000)
        #expect(bench.current() != client.context && client.state == .stopped)
    }

    /// Each thread that stops has somebody told, whose call is aborted by that, whose end stops the next: a chain as
    /// long as somebody likes.
    @Test func oneStopIsBounded() {
        let bench = Bench()
        bench.checksInvariants = false
        let count = 40
        let busy = bench.makeThread(priority: 1, starts: false)
        let busyPortal = bench.makePortal(to: busy)
        var handlers: [Tenant] = [], helpers: [Tenant] = [], clients: [Tenant] = []
        var helperPortals: [UInt32] = []
        for _ in 0..<count {
            let handler = bench.makeThread(priority: 20, notified: true)
            bench.succeed(.contextControl, handler.slot, form: ContextControl.setAbortMask.rawValue, 0x100)
            let helper = bench.makeThread(priority: 21)
            let client = bench.makeThread(priority: 10, starts: false)
            bench.configure(client, portal: bench.makePortal(to: handler))
            handlers.append(handler)
            helpers.append(helper)
            clients.append(client)
            helperPortals.append(bench.makePortal(to: helper))
        }
        for index in 0..<count - 1 {
            bench.succeed(
                .contextControl, clients[index].slot, form: ContextControl.bindStopped.rawValue,
                UInt64(handlers[index + 1].notification), 0x100)
        }
        bench.sleepRoot()
        while let context = bench.current(), let tenant = (handlers + helpers).first(where: { $0.context == context }) {
            bench.wait(tenant)
        }
        for index in 0..<count {
            bench.raiseRoot()
            bench.start(clients[index])
            bench.sleepRoot()
            bench.settleAll()  // time that is parked is looked at in pieces
            #expect(bench.current() == clients[index].context)
            bench.enter { K.exit($0, clients[index].context, Message(1)) }
            #expect(bench.current() == handlers[index].context)
            bench.call(helperPortals[index], by: handlers[index])
            #expect(bench.current() == helpers[index].context)
            bench.call(busyPortal, by: helpers[index])
            bench.raiseRoot()
            // Served: it stops when the answer comes.
            if index > 0 { bench.stop(handlers[index]) }
            #expect(handlers[index].state == .calling)
            bench.sleepRoot()
        }
        bench.raiseRoot()
        #expect(clients.allSatisfy { $0.state == .calling })
        // One entry.
        bench.succeed(.contextControl, handlers[0].slot, form: ContextControl.abort.rawValue)
        let before = clients.filter { $0.state == .stopped }.count
        #expect(before == 0)
        bench.succeed(.contextControl, handlers[0].slot, form: ContextControl.stop.rawValue)
        let after = clients.filter { $0.state == .stopped }.count
        bench.checksInvariants = true
        bench.verify()
        #expect(after <= 8, "one entry stopped \(after) threads of \(count)")
    }
}
