import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// Parked time leads on again, takes turns with its equals, and costs a look of the core.
@Suite struct ParkedTimeTurnTests {
    /// Parked time that leads on again takes turns with its equals, although the thread that runs then keeps the core.
    @Test func timeThatIsRevivedGetsItsSlice() {
        let fixture = Fixture(cores: 2)
        let monitor = fixture.makeThread(priority: 10, core: 1)
        let server = fixture.makeThread(priority: 5, starts: false)
        let portal = fixture.makePortal(to: server)
        let client = fixture.makeThread(priority: 10), spinner = fixture.makeThread(priority: 10)
        fixture.sleepRoot()
        fixture.call(portal, by: client)
        #expect(fixture.current() == spinner.context && client.context.pointee.home!.pointee.isParked)
        fixture.advance(3000)
        fixture.start(server, by: monitor.context)
        fixture.settle()
        var turns = 0
        for _ in 0..<10 {
            fixture.advance(1000)
            if fixture.current() == server.context { turns += 1 }
        }
        #expect(turns == 5, "a client of the same priority has the core half of the time")
    }

    /// Low tenants park as much time as they like. A more urgent thread does not pay for another look at it when a
    /// context starts or a call of its own ends.
    @Test(arguments: [true, false])
    func lowTimeIsNotRevivedAtTheCostOfHigh(isCalling: Bool) {
        let fixture = Fixture(cores: 2)
        let monitor = fixture.makeThread(priority: 10, core: 1)
        let dead = fixture.makeThread(priority: 5, starts: false),
            started = fixture.makeThread(priority: 4, starts: false)
        let toDead = fixture.makePortal(to: dead)
        let server = fixture.makeThread(priority: 25)
        let portal = fixture.makePortal(to: server)
        let victim = fixture.makeThread(priority: 29, notified: true)
        // The invariants are not checked in between, because that would take most of the time after so many steps.
        fixture.checksInvariants = false
        let crowd = (0..<100).map { _ in fixture.makeThread(priority: 3) }
        fixture.sleepRoot()
        fixture.wait(victim)
        fixture.wait(server)
        for member in crowd { fixture.call(toDead, by: member) }
        fixture.checksInvariants = true
        fixture.settleAll()
        #expect(crowd.allSatisfy { $0.context.pointee.home!.pointee.isParked })
        fixture.raise(victim.notification)
        #expect(fixture.current() == victim.context)
        let before = fixture.core(0).pointee.entries
        if isCalling {
            fixture.call(portal, by: victim)
            fixture.replyAndWait(server)
        } else {
            fixture.start(started, by: monitor.context)
        }
        fixture.settle()
        #expect(fixture.current() == victim.context)
        #expect(fixture.core(0).pointee.entries - before <= 4)
        // No time is forgotten: after the victim waits, the queue follows the priorities.
        fixture.wait(victim)
        fixture.settleAll()
        if !isCalling { #expect(fixture.current() == started.context) }
        fixture.raiseRoot()
        fixture.start(dead)
        fixture.sleepRoot()
        fixture.settleAll()
        #expect(fixture.current() == dead.context)
    }
}
