import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// A budget is found used up in the middle of another operation, because something else came before the timer's
/// interrupt. The hearer of the overrun acts on consistent contexts.
@Suite struct LateOverrunTests {
    private func calling() -> (fixture: Fixture, client: Tenant, server: Tenant, other: Tenant) {
        let fixture = Fixture()
        var client = fixture.makeThread(priority: 10, notified: true, starts: false)
        client.scheduling = fixture.create(.schedulingContext)
        fixture.succeed(
            .scheduleControl, client.scheduling, form: ScheduleControl.configure.rawValue, 0, 10, 10_000, 100, 1000)
        fixture.configure(client)
        fixture.succeed(.contextControl, client.slot, form: ContextControl.setAbortMask.rawValue, 0x40)
        fixture.succeed(
            .scheduleControl, client.scheduling, form: ScheduleControl.bindOverrun.rawValue,
            UInt64(client.notification), 0x40)
        let other = fixture.makeThread(priority: 5)
        let server = fixture.makeThread(priority: 25)
        let portal = fixture.makePortal(to: server)
        fixture.start(client)
        fixture.sleepRoot()
        fixture.wait(server)
        fixture.call(portal, by: client)
        #expect(fixture.current() == server.context)
        return (fixture, client, server, other)
    }

    @Test func aServerThatFaultsStops() {
        let (fixture, _, server, _) = calling()
        fixture.model.advance(by: 100)  // the timer's interrupt has not been taken
        fixture.enter { K.exit($0, server.context, Message(1)) }  // a fault that nobody serves
        #expect(server.state == .stopped)
        fixture.settleAll()
        #expect(fixture.current() != server.context && server.state == .stopped)
        fixture.raiseRoot()
        fixture.delete(server.slot)
    }

    @Test func aThreadHearsOfItsOwnOverrun() {
        let fixture = Fixture()
        var client = fixture.makeThread(priority: 10, notified: true, starts: false)
        client.scheduling = fixture.create(.schedulingContext)
        fixture.succeed(
            .scheduleControl, client.scheduling, form: ScheduleControl.configure.rawValue, 0, 10, 10_000, 100, 1000)
        fixture.configure(client)
        fixture.succeed(
            .scheduleControl, client.scheduling, form: ScheduleControl.bindOverrun.rawValue,
            UInt64(client.notification), 0x40)
        let other = fixture.makeThread(priority: 5)
        fixture.start(client)
        fixture.sleepRoot()
        fixture.model.advance(by: 100)
        fixture.wait(client)
        fixture.settleAll()
        #expect(fixture.current() == other.context)
        fixture.advance(1000)
        fixture.advance(1000)
        #expect(fixture.current() == client.context && fixture.answer(client.context).tag == 0x40)
    }

    /// The middle of a chain is aborted at the moment at which the budget of its first is used up.
    @Test func theFirstOfAChainKeepsItsTime() {
        let (fixture, client, server, _) = calling()
        fixture.raiseRoot()
        let last = fixture.makeThread(priority: 26)
        let portal = fixture.makePortal(to: last)
        fixture.sleepRoot()
        fixture.wait(last)
        #expect(fixture.current() == server.context)
        fixture.call(portal, by: server)
        #expect(fixture.current() == last.context)
        fixture.model.advance(by: 100)
        fixture.operate(.contextControl, server.slot, form: ContextControl.abort.rawValue, by: last.context)
        fixture.settleAll()
        #expect(fixture.answer(client.context).status == .aborted)
        for _ in 0..<20 {
            for tenant in [server, last] where fixture.current() == tenant.context { fixture.wait(tenant) }
            fixture.advance(500)
        }
        #expect(fixture.current() == client.context)
    }

    @Test func aCallerThatIsStoppedAndAbortedStops() {
        let (fixture, client, server, _) = calling()
        fixture.raiseRoot()
        fixture.stop(client)  // when the answer comes
        fixture.sleepRoot()
        #expect(fixture.current() == server.context)
        fixture.model.advance(by: 100)
        fixture.operate(.contextControl, client.slot, form: ContextControl.abort.rawValue, by: server.context)
        fixture.settleAll()
        if fixture.current() == server.context { fixture.wait(server) }
        fixture.advance(1000)
        fixture.advance(1000)
        #expect(fixture.current() != client.context && client.state == .stopped)
    }

    /// Each thread that stops has its stop reported, the report aborts a call, and the end of that call stops the next
    /// thread. The chain may have any length.
    @Test func oneStopIsBounded() {
        let fixture = Fixture()
        fixture.checksInvariants = false
        let count = 40
        let busy = fixture.makeThread(priority: 1, starts: false)
        let busyPortal = fixture.makePortal(to: busy)
        var handlers: [Tenant] = [], helpers: [Tenant] = [], clients: [Tenant] = []
        var helperPortals: [UInt32] = []
        for _ in 0..<count {
            let handler = fixture.makeThread(priority: 20, notified: true)
            fixture.succeed(.contextControl, handler.slot, form: ContextControl.setAbortMask.rawValue, 0x100)
            let helper = fixture.makeThread(priority: 21)
            let client = fixture.makeThread(priority: 10, starts: false)
            fixture.configure(client, portal: fixture.makePortal(to: handler))
            handlers.append(handler)
            helpers.append(helper)
            clients.append(client)
            helperPortals.append(fixture.makePortal(to: helper))
        }
        for index in 0..<count - 1 {
            fixture.succeed(
                .contextControl, clients[index].slot, form: ContextControl.bindStopped.rawValue,
                UInt64(handlers[index + 1].notification), 0x100)
        }
        fixture.sleepRoot()
        while let context = fixture.current(), let tenant = (handlers + helpers).first(where: { $0.context == context })
        {
            fixture.wait(tenant)
        }
        for index in 0..<count {
            fixture.raiseRoot()
            fixture.start(clients[index])
            fixture.sleepRoot()
            fixture.settleAll()  // time that is parked is looked at in pieces
            #expect(fixture.current() == clients[index].context)
            fixture.enter { K.exit($0, clients[index].context, Message(1)) }
            #expect(fixture.current() == handlers[index].context)
            fixture.call(helperPortals[index], by: handlers[index])
            #expect(fixture.current() == helpers[index].context)
            fixture.call(busyPortal, by: helpers[index])
            fixture.raiseRoot()
            // The handler is serving, so it stops when the answer comes.
            if index > 0 { fixture.stop(handlers[index]) }
            #expect(handlers[index].state == .calling)
            fixture.sleepRoot()
        }
        fixture.raiseRoot()
        #expect(clients.allSatisfy { $0.state == .calling })
        // One entry.
        fixture.succeed(.contextControl, handlers[0].slot, form: ContextControl.abort.rawValue)
        let before = clients.filter { $0.state == .stopped }.count
        #expect(before == 0)
        fixture.succeed(.contextControl, handlers[0].slot, form: ContextControl.stop.rawValue)
        let after = clients.filter { $0.state == .stopped }.count
        fixture.checksInvariants = true
        fixture.verify()
        #expect(after <= 8, "one entry stopped \(after) threads of \(count)")
    }
}
