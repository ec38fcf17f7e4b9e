import ABI
import MachineModel
import Testing

@testable import KernelCore

/// Waiting with nothing there: a case for each condition of the fast path in which that one alone fails, and cases
/// that it takes.
@Suite struct FastWaitGuardTests {
    /// One that is to wait, and one that is next.
    private struct Parts {
        let bench: Bench
        let waiter: Tenant
        let next: Tenant
        var others: [Tenant] = []

        init(_ bench: Bench, waiterBudget: UInt64 = 0, nextBudget: UInt64 = 0) {
            self.bench = bench
            waiter = bench.makeClient(priority: 20, budget: waiterBudget)
            next = bench.makeClient(priority: 10, budget: nextBudget)
            for tenant in [waiter, next] { bench.start(tenant) }
            bench.sleepRoot()
        }

        func wait(_ form: UInt32 = ReplyForm.wait) -> Scene {
            Scene(
                bench: bench, tenants: [waiter, next] + others, caller: waiter, selector: Selector(slot: 0, form: form))
        }
    }

    @Test(arguments: [7, 999, 1000, 1001] as [UInt64]) func aPlainWaitIsTaken(ticks: UInt64) {
        PathComparison(afterTicks: ticks) { Parts($0).wait() }.expect(isTaken: true)
    }

    /// The one that runs next was interrupted in the middle of its slice, or at its end, and has no equals.
    @Test(arguments: [400, 1000] as [UInt64]) func theRestOfASliceIsKept(ticks: UInt64) {
        PathComparison { bench in
            let parts = Parts(bench)
            bench.wait(parts.waiter)
            bench.advance(ticks)
            bench.raise(parts.waiter.notification)
            #expect(bench.current() == parts.waiter.context)
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
        PathComparison { bench in
            var parts = Parts(bench)
            bench.raiseRoot()
            let portal = bench.makePortal(to: parts.waiter)
            let client = bench.makeThread(priority: 22, starts: false)
            bench.sleepRoot()
            bench.wait(parts.waiter)
            bench.raiseRoot()
            bench.start(client)
            bench.sleepRoot()
            bench.call(portal, by: client)
            parts.others = [client]
            return parts.wait()
        }.expect(isTaken: false, .badState)
    }

    @Test func aQueuedCallerIsNot() {
        PathComparison { bench in
            var parts = Parts(bench)
            bench.raiseRoot()
            let portal = bench.makePortal(to: parts.waiter)
            let client = bench.makeThread(priority: 22)
            bench.sleepRoot()
            bench.call(portal, by: client)
            parts.others = [client]
            return parts.wait()
        }.expect(isTaken: false)
    }

    @Test func bitsAreNot() {
        PathComparison { bench in
            let parts = Parts(bench)
            bench.raise(parts.waiter.notification, 4)
            return parts.wait()
        }.expect(isTaken: false, .notified)
    }

    @Test(arguments: [(100, 0), (0, 100)]) func budgetsAreNot(budgets: (UInt64, UInt64)) {
        PathComparison { Parts($0, waiterBudget: budgets.0, nextBudget: budgets.1).wait() }.expect(isTaken: false)
    }

    @Test func nobodyElseIsNot() {
        PathComparison { bench in
            let parts = Parts(bench)
            bench.raiseRoot()
            bench.stop(parts.next)
            bench.sleepRoot()
            return parts.wait()
        }.expect(isTaken: false)
    }

    /// The end of a slice would have to be set.
    @Test func equalsAreNot() {
        PathComparison { bench in
            var parts = Parts(bench)
            bench.raiseRoot()
            parts.others = [bench.makeThread(priority: 10)]
            bench.sleepRoot()
            return parts.wait()
        }.expect(isTaken: false)
    }

    /// Equals of the one that waits do not matter, but one of them is next.
    @Test func anEqualOfTheOneThatWaitsIsTaken() {
        PathComparison { bench in
            var parts = Parts(bench)
            bench.raiseRoot()
            parts.others = [bench.makeThread(priority: 20)]
            bench.sleepRoot()
            return parts.wait()
        }.expect(isTaken: true)
    }

    @Test func timeThatRunsAServerIsNot() {
        PathComparison { bench in
            var parts = Parts(bench)
            bench.raiseRoot()
            let server = bench.makeThread(priority: 5)
            let portal = bench.makePortal(to: server)
            let client = bench.makeThread(priority: 15, starts: false)
            bench.sleep(parts.waiter, parts.next)
            bench.wait(server)
            bench.raiseRoot()
            bench.start(client)
            bench.sleepRoot()
            bench.call(portal, by: client)
            bench.raise(parts.waiter.notification)
            parts.others = [server, client]
            return parts.wait()
        }.expect(isTaken: false)
    }

    @Test func aVirtualCPUIsNot() {
        PathComparison { bench in
            var parts = Parts(bench)
            bench.raiseRoot()
            parts.others = [bench.makeVirtualCPU(priority: 15)]
            bench.sleepRoot()
            return parts.wait()
        }.expect(isTaken: false)
    }

    /// Time that was parked is to be looked at again, which is put off while nothing comes of it.
    @Test func parkedTimeThatIsDueIsNot() {
        PathComparison { bench in
            var parts = Parts(bench)
            bench.raiseRoot()
            let server = bench.makeThread(priority: 3, starts: false)
            let portal = bench.makePortal(to: server)
            let client = bench.makeThread(priority: 15)
            bench.sleep(parts.waiter)
            bench.call(portal, by: client)
            bench.raise(parts.waiter.notification)
            bench.start(server, by: parts.waiter.context)
            let isDue = bench.core(0).pointee.mustSchedule && bench.core(0).pointee.parked.count == 1
            #expect(isDue)
            parts.others = [server, client]
            return parts.wait()
        }.expect(isTaken: false)
    }

    /// An orphan that goes on on its own time is no longer as deep as its call was.
    @Test func theDepthIsForgotten() {
        PathComparison { bench in
            var parts = Parts(bench)
            bench.raiseRoot()
            let portal = bench.makePortal(to: parts.waiter)
            let client = bench.makeClient(priority: 15)
            bench.sleep(parts.waiter)
            bench.raiseRoot()
            bench.start(client)
            bench.sleepRoot()
            bench.call(portal, by: client)
            bench.raise(parts.waiter.notification, 1)
            bench.succeed(.poll, parts.waiter.notification, by: parts.waiter.context)
            bench.raise(client.notification, 2)
            let depth = parts.waiter.context.pointee.depth
            #expect(bench.current() == parts.waiter.context && depth == 1)
            parts.others = [client]
            return parts.wait()
        }.expect(isTaken: true)
    }
}
