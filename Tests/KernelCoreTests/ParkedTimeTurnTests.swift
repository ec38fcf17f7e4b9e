import ABI
import MachineModel
import Testing

@testable import KernelCore

/// Parked time that leads on again: whom it takes turns with, and at whose cost the core looks at it.
@Suite struct ParkedTimeTurnTests {
    /// Time that was parked and leads on again takes turns with its equals, although whoever runs then keeps the core.
    @Test func timeThatIsRevivedGetsItsSlice() {
        let bench = Bench(cores: 2)
        let monitor = bench.makeThread(priority: 10, core: 1)
        let server = bench.makeThread(priority: 5, starts: false)
        let portal = bench.makePortal(to: server)
        let client = bench.makeThread(priority: 10), spinner = bench.makeThread(priority: 10)
        bench.sleepRoot()
        bench.call(portal, by: client)
        #expect(bench.current() == spinner.context && client.context.pointee.home!.pointee.isParked)
        bench.advance(3000)
        bench.start(server, by: monitor.context)
        bench.settle()
        var turns = 0
        for _ in 0..<10 {
            bench.advance(1000)
            if bench.current() == server.context { turns += 1 }
        }
        #expect(turns == 5, "a client of the same priority has the core half of the time")
    }

    /// Low tenants park as much time as they like. A more urgent thread does not pay for another look at it whenever a
    /// context starts, or a call of its own ends.
    @Test(arguments: [true, false])
    func lowTimeIsNotRevivedAtTheCostOfHigh(isCalling: Bool) {
        let bench = Bench(cores: 2)
        let monitor = bench.makeThread(priority: 10, core: 1)
        let dead = bench.makeThread(priority: 5, starts: false), started = bench.makeThread(priority: 4, starts: false)
        let toDead = bench.makePortal(to: dead)
        let server = bench.makeThread(priority: 25)
        let portal = bench.makePortal(to: server)
        let victim = bench.makeThread(priority: 29, notified: true)
        // Nothing is looked at in between: after each step of so many, it would take most of the time.
        bench.checksInvariants = false
        let crowd = (0..<100).map { _ in bench.makeThread(priority: 3) }
        bench.sleepRoot()
        bench.wait(victim)
        bench.wait(server)
        for member in crowd { bench.call(toDead, by: member) }
        bench.checksInvariants = true
        bench.settleAll()
        #expect(crowd.allSatisfy { $0.context.pointee.home!.pointee.isParked })
        bench.raise(victim.notification)
        #expect(bench.current() == victim.context)
        let before = bench.core(0).pointee.entries
        if isCalling {
            bench.call(portal, by: victim)
            bench.replyAndWait(server)
        } else {
            bench.start(started, by: monitor.context)
        }
        bench.settle()
        #expect(bench.current() == victim.context)
        #expect(bench.core(0).pointee.entries - before <= 4)
        // Nothing is forgotten: once the victim waits, the queue is as the priorities say.
        bench.wait(victim)
        bench.settleAll()
        if !isCalling { #expect(bench.current() == started.context) }
        bench.raiseRoot()
        bench.start(dead)
        bench.sleepRoot()
        bench.settleAll()
        #expect(bench.current() == dead.context)
    }
}
