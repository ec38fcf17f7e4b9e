import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// Waits without a message. For each condition of the fast path there is a case in which it alone fails; other cases
/// take the path.
@Suite struct FastWaitGuardTests {
    /// A thread that will wait, and one that runs next.
    private struct Parts {
        let fixture: Fixture
        let waiter: Tenant
        let next: Tenant
        var others: [Tenant] = []

        init(_ fixture: Fixture, waiterBudget: UInt64 = 0, nextBudget: UInt64 = 0) {
            self.fixture = fixture
            waiter = fixture.makeClient(priority: 20, budget: waiterBudget)
            next = fixture.makeClient(priority: 10, budget: nextBudget)
            for tenant in [waiter, next] { fixture.start(tenant) }
            fixture.sleepRoot()
        }

        func wait(_ form: UInt32 = ReplyForm.wait) -> Scene {
            Scene(
                fixture: fixture, tenants: [waiter, next] + others, caller: waiter,
                selector: Selector(slot: 0, form: form))
        }
    }

    @Test(arguments: [7, 999, 1000, 1001] as [UInt64]) func aPlainWaitIsTaken(ticks: UInt64) {
        PathComparison(afterTicks: ticks) { Parts($0).wait() }.expect(isTaken: true)
    }

    /// The thread that runs next was interrupted in the middle of its slice or at its end, and has no equals.
    @Test(arguments: [400, 1000] as [UInt64]) func theRestOfASliceIsKept(ticks: UInt64) {
        PathComparison { fixture in
            let parts = Parts(fixture)
            fixture.wait(parts.waiter)
            fixture.advance(ticks)
            fixture.raise(parts.waiter.notification)
            #expect(fixture.current() == parts.waiter.context)
            return parts.wait()
        }.expect(isTaken: true)
    }

    @Test(arguments: [
        ReplyForm.wait | 1 << 31, ReplyForm.reply | ReplyForm.wait, 0, ReplyForm.wait | ReplyForm.advance,
    ]) func anotherFormIsNot(form: UInt32) {
        PathComparison { Parts($0).wait(form) }.expect(isTaken: false)
    }

    /// A server must answer before it waits.
    @Test func aServerAtWorkIsNot() {
        PathComparison { fixture in
            var parts = Parts(fixture)
            fixture.raiseRoot()
            let portal = fixture.makePortal(to: parts.waiter)
            let client = fixture.makeThread(priority: 22, starts: false)
            fixture.sleepRoot()
            fixture.wait(parts.waiter)
            fixture.raiseRoot()
            fixture.start(client)
            fixture.sleepRoot()
            fixture.call(portal, by: client)
            parts.others = [client]
            return parts.wait()
        }.expect(isTaken: false, .badState)
    }

    @Test func aQueuedCallerIsNot() {
        PathComparison { fixture in
            var parts = Parts(fixture)
            fixture.raiseRoot()
            let portal = fixture.makePortal(to: parts.waiter)
            let client = fixture.makeThread(priority: 22)
            fixture.sleepRoot()
            fixture.call(portal, by: client)
            parts.others = [client]
            return parts.wait()
        }.expect(isTaken: false)
    }

    @Test func bitsAreNot() {
        PathComparison { fixture in
            let parts = Parts(fixture)
            fixture.raise(parts.waiter.notification, 4)
            return parts.wait()
        }.expect(isTaken: false, .notified)
    }

    @Test(arguments: [(100, 0), (0, 100), (100, 100), (20, 300)]) func budgetsAre(budgets: (UInt64, UInt64)) {
        PathComparison { Parts($0, waiterBudget: budgets.0, nextBudget: budgets.1).wait() }.expect(isTaken: true)
    }

    @Test(arguments: [99, 100, 101] as [UInt64]) func aBudgetThatEndsIsNot(ticks: UInt64) {
        PathComparison(afterTicks: ticks) { Parts($0, waiterBudget: 100).wait() }.expect(isTaken: ticks < 100)
    }

    @Test func nobodyElseIsNot() {
        PathComparison { fixture in
            let parts = Parts(fixture)
            fixture.raiseRoot()
            fixture.stop(parts.next)
            fixture.sleepRoot()
            return parts.wait()
        }.expect(isTaken: false)
    }

    /// The end of a slice would have to be set.
    @Test func equalsAreNot() {
        PathComparison { fixture in
            var parts = Parts(fixture)
            fixture.raiseRoot()
            parts.others = [fixture.makeThread(priority: 10)]
            fixture.sleepRoot()
            return parts.wait()
        }.expect(isTaken: false)
    }

    /// Threads of the waiting thread's priority do not matter, but one of them runs next.
    @Test func anEqualOfTheOneThatWaitsIsTaken() {
        PathComparison { fixture in
            var parts = Parts(fixture)
            fixture.raiseRoot()
            parts.others = [fixture.makeThread(priority: 20)]
            fixture.sleepRoot()
            return parts.wait()
        }.expect(isTaken: true)
    }

    @Test func timeThatRunsAServerIsNot() {
        PathComparison { fixture in
            var parts = Parts(fixture)
            fixture.raiseRoot()
            let server = fixture.makeThread(priority: 5)
            let portal = fixture.makePortal(to: server)
            let client = fixture.makeThread(priority: 15, starts: false)
            fixture.sleep(parts.waiter, parts.next)
            fixture.wait(server)
            fixture.raiseRoot()
            fixture.start(client)
            fixture.sleepRoot()
            fixture.call(portal, by: client)
            fixture.raise(parts.waiter.notification)
            parts.others = [server, client]
            return parts.wait()
        }.expect(isTaken: false)
    }

    @Test func aVirtualCPUIsNot() {
        PathComparison { fixture in
            var parts = Parts(fixture)
            fixture.raiseRoot()
            parts.others = [fixture.makeVirtualCPU(priority: 15)]
            fixture.sleepRoot()
            return parts.wait()
        }.expect(isTaken: false)
    }

    /// Parked time is due for another look, which is postponed while the look has no effect.
    @Test func parkedTimeThatIsDueIsNot() {
        PathComparison { fixture in
            var parts = Parts(fixture)
            fixture.raiseRoot()
            let server = fixture.makeThread(priority: 3, starts: false)
            let portal = fixture.makePortal(to: server)
            let client = fixture.makeThread(priority: 15)
            fixture.sleep(parts.waiter)
            fixture.call(portal, by: client)
            fixture.raise(parts.waiter.notification)
            fixture.start(server, by: parts.waiter.context)
            let isDue = fixture.core(0).pointee.mustSchedule && fixture.core(0).pointee.parked.count == 1
            #expect(isDue)
            parts.others = [server, client]
            return parts.wait()
        }.expect(isTaken: false)
    }

    /// An orphan that continues on its own time no longer has the depth of its call.
    @Test func theDepthIsForgotten() {
        PathComparison { fixture in
            var parts = Parts(fixture)
            fixture.raiseRoot()
            let portal = fixture.makePortal(to: parts.waiter)
            let client = fixture.makeClient(priority: 15)
            fixture.sleep(parts.waiter)
            fixture.raiseRoot()
            fixture.start(client)
            fixture.sleepRoot()
            fixture.call(portal, by: client)
            fixture.raise(parts.waiter.notification, 1)
            fixture.succeed(.poll, parts.waiter.notification, by: parts.waiter.context)
            fixture.raise(client.notification, 2)
            let depth = parts.waiter.context.pointee.depth
            #expect(fixture.current() == parts.waiter.context && depth == 1)
            parts.others = [client]
            return parts.wait()
        }.expect(isTaken: true)
    }
}
