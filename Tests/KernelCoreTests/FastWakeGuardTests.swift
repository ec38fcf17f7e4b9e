import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// Signals, and waits without a message. For each condition of a fast path there is a case in which it alone fails;
/// other cases take the path.
@Suite struct FastWakeGuardTests {
    /// A thread that waits for its notification, and one that runs.
    private struct Parts {
        let fixture: Fixture
        let waiter: Tenant
        let runner: Tenant
        var others: [Tenant] = []

        init(_ fixture: Fixture, waiter priority: UInt64 = 20, waiterBudget: UInt64 = 0, runnerBudget: UInt64 = 0) {
            self.fixture = fixture
            waiter = fixture.makeClient(priority: priority, budget: waiterBudget)
            fixture.start(waiter)
            runner = fixture.makeClient(priority: 10, budget: runnerBudget)
            // The waiter sleeps before the other thread starts, so that it may be less urgent.
            fixture.sleep(waiter)
            fixture.raiseRoot()
            fixture.start(runner)
            fixture.sleepRoot()
        }

        func signal(_ bits: UInt64 = 4, slot: UInt32? = nil) -> Scene {
            Scene(
                fixture: fixture, tenants: [waiter, runner] + others, caller: runner, operation: .signal,
                selector: Selector(slot: slot ?? waiter.notification), words: [bits])
        }

        func noMask() -> Parts {
            fixture.raiseRoot()
            for tenant in [waiter, runner] {
                fixture.succeed(.contextControl, tenant.slot, form: ContextControl.setAbortMask.rawValue, 0)
            }
            fixture.sleepRoot()
            return self
        }

        var wait: Scene {
            Scene(
                fixture: fixture, tenants: [waiter, runner] + others, caller: runner,
                selector: Selector(slot: 0, form: ReplyForm.wait))
        }
    }

    // MARK: A signal that wakes nobody

    @Test func aSignalToNobodyIsTaken() {
        PathComparison { fixture in
            var parts = Parts(fixture)
            parts.others = []
            fixture.raiseRoot()
            let alone = fixture.create(.notification)
            let badged = fixture.badge(alone, 0x80)
            fixture.sleepRoot()
            var scene = parts.signal(1, slot: badged)
            scene.notifications = [alone]
            return scene
        }.expect(isTaken: true, .ok)
    }

    @Test func aSignalToOneThatRunsIsTaken() {
        PathComparison { fixture in
            let parts = Parts(fixture).noMask()
            return parts.signal(slot: parts.runner.notification)
        }.expect(isTaken: true, .ok)
    }

    /// The thread's abort mask may end its call, so the general path must look.
    @Test func aSignalToOneWithAMaskIsNot() {
        PathComparison { fixture in
            let parts = Parts(fixture)
            return parts.signal(2, slot: parts.runner.notification)
        }.expect(isTaken: false, .ok)
        PathComparison { fixture in
            var parts = Parts(fixture)
            fixture.raiseRoot()
            let server = fixture.makeThread(priority: 22)
            let portal = fixture.makePortal(to: server)
            let client = fixture.makeClient(priority: 24)
            fixture.start(client)
            fixture.sleep(server)
            fixture.call(portal, by: client)
            parts.others = [server, client]
            var scene = parts.signal(2, slot: client.notification)
            scene.caller = server
            return scene
        }.expect(isTaken: false, .ok)
    }

    @Test func aSignalWithoutTheRightIsNot() {
        PathComparison { fixture in
            let parts = Parts(fixture)
            fixture.raiseRoot()
            let read = fixture.derive(parts.waiter.notification, rights: .read)
            fixture.sleepRoot()
            return parts.signal(slot: read)
        }.expect(isTaken: false, .noRights)
    }

    /// The thread belongs to another core, on which it waits or runs.
    @Test(arguments: [true, false]) func aSignalToAnotherCoreIsNot(isWaiting: Bool) {
        PathComparison(cores: 2) { fixture in
            var parts = Parts(fixture)
            fixture.raiseRoot()
            let far = fixture.makeThread(priority: 25, core: 1, notified: true)
            if isWaiting { fixture.wait(far) }
            fixture.sleepRoot()
            parts.others = [far]
            return parts.signal(slot: far.notification)
        }.expect(isTaken: false, .ok)
    }

    @Test func aSignalToAMachineIsNot() {
        PathComparison { fixture in
            var parts = Parts(fixture)
            fixture.raiseRoot()
            let machine = fixture.makeVirtualCPU(priority: 25)
            for form in [VirtualInterruptControl.setEdge, .enable] {
                fixture.succeed(.interruptControl, machine.slot, form: form.rawValue, 1, 0xFFFF_FFFF)
            }
            fixture.succeed(.interruptControl, machine.slot, form: VirtualInterruptControl.setForwarding.rawValue, 0, 1)
            let bell = fixture.create(.notification)
            fixture.succeed(
                .notificationBind, bell, form: NotificationBind.virtualInterrupt.rawValue, UInt64(machine.slot), 40)
            fixture.sleepRoot()
            fixture.waitForInterrupt(machine)
            parts.others = [machine]
            var scene = parts.signal(slot: bell)
            scene.notifications = [bell]
            return scene
        }.expect(isTaken: false, .ok)
    }

    // MARK: A signal that wakes

    @Test func aSignalThatWakesIsTaken() {
        PathComparison { Parts($0).signal() }.expect(isTaken: true)
        PathComparison { fixture in
            let parts = Parts(fixture)
            fixture.raiseRoot()
            let badged = fixture.badge(parts.waiter.notification, 0x40)
            fixture.sleepRoot()
            return parts.signal(slot: badged)
        }.expect(isTaken: true)
    }

    /// The signalling thread goes on before its equals, or behind them if its slice is over.
    @Test(arguments: [10, 999, 1000, 1001] as [UInt64]) func theSliceOfTheOneThatSignalsIsBooked(ticks: UInt64) {
        PathComparison(afterTicks: ticks) { fixture in
            var parts = Parts(fixture)
            fixture.raiseRoot()
            parts.others = [fixture.makeThread(priority: 10)]
            fixture.sleepRoot()
            return parts.signal()
        }.expect(isTaken: true)
    }

    /// The woken thread has used a part of its slice before.
    @Test func theSliceOfTheOneThatIsWokenIsNotRenewed() {
        PathComparison { fixture in
            var parts = Parts(fixture)
            fixture.raise(parts.waiter.notification)
            fixture.advance(600)
            fixture.wait(parts.waiter)
            #expect(fixture.current() == parts.runner.context)
            fixture.raiseRoot()
            parts.others = [fixture.makeThread(priority: 20, notified: true)]
            fixture.sleep(parts.others[0])
            return parts.signal()
        }.expect(isTaken: true)
    }

    /// The signalling thread goes on. An equal gets the core when the slice is over.
    @Test(arguments: [10, 9], [10, 999, 1000, 1001] as [UInt64])
    func aSignalToOneThatIsNoMoreUrgentIsTaken(priority: UInt64, ticks: UInt64) {
        PathComparison(afterTicks: ticks) { Parts($0, waiter: priority).signal() }.expect(isTaken: true)
    }

    /// The woken thread goes behind its equals.
    @Test func anEqualGoesBehindOthers() {
        PathComparison { fixture in
            var parts = Parts(fixture, waiter: 10)
            fixture.raiseRoot()
            parts.others = [fixture.makeThread(priority: 10)]
            fixture.sleepRoot()
            return parts.signal()
        }.expect(isTaken: true)
    }

    @Test(arguments: [(100, 0), (0, 100), (100, 100), (20, 300)]) func budgetsAre(budgets: (UInt64, UInt64)) {
        PathComparison { Parts($0, waiterBudget: budgets.0, runnerBudget: budgets.1).signal() }.expect(isTaken: true)
        PathComparison { Parts($0, waiter: 10, waiterBudget: budgets.0, runnerBudget: budgets.1).signal() }
            .expect(isTaken: true)
    }

    /// The signalling thread has used up its budget, and the timer's interrupt has not come yet.
    @Test(arguments: [99, 100, 101] as [UInt64]) func aBudgetThatEndsIsNot(ticks: UInt64) {
        PathComparison(afterTicks: ticks) { fixture in
            let parts = Parts(fixture, runnerBudget: 100)
            #expect(fixture.current() == parts.runner.context)
            return parts.signal()
        }.expect(isTaken: ticks < 100)
    }

    /// A thread whose budget is used up has to wait for its period's end.
    @Test(arguments: [20, 10, 9] as [UInt64]) func anExhaustedThreadIsNot(priority: UInt64) {
        PathComparison { fixture in
            let parts = Parts(fixture, waiter: priority, waiterBudget: 100)
            fixture.wait(parts.runner)
            fixture.raise(parts.waiter.notification)
            fixture.model.advance(by: 100)
            fixture.wait(parts.waiter)
            fixture.raise(parts.runner.notification)
            #expect(fixture.current() == parts.runner.context)
            return parts.signal()
        }.expect(isTaken: false)
    }

    @Test func noBitsAreNot() {
        PathComparison { Parts($0).signal(0) }.expect(isTaken: false)
    }

    /// Bits of another core whose message has not come yet are delivered as well.
    @Test func olderBitsAreNot() {
        PathComparison { fixture in
            let parts = Parts(fixture)
            fixture.object(parts.waiter.notification, as: KernelCore.Notification.self).pointee.bits.set(8)
            return parts.signal()
        }.expect(isTaken: false)
    }

    /// The fast path has raised the bits already, and another core has taken them since.
    @Test func bitsThatAreThereAlreadyAreNot() {
        PathComparison { fixture in
            let parts = Parts(fixture)
            fixture.core(0).pointee.untold = fixture.object(parts.waiter.notification, as: KernelCore.Notification.self)
            return parts.signal()
        }.expect(isTaken: false)
    }

    /// A server that is at work is not woken, but gets its own time.
    @Test func aServerAtWorkIsNot() {
        PathComparison { fixture in
            var parts = Parts(fixture)
            fixture.raiseRoot()
            let portal = fixture.makePortal(to: parts.waiter)
            let client = fixture.makeThread(priority: 5)
            parts.others = [client]
            fixture.stop(parts.runner)
            fixture.sleepRoot()
            fixture.call(portal, by: client)
            fixture.raiseRoot()
            fixture.start(parts.runner)
            fixture.sleepRoot()
            #expect(fixture.current() == parts.runner.context && parts.waiter.state == .ready)
            return parts.signal()
        }.expect(isTaken: false)
    }

    @Test func aThreadWithoutTimeIsNot() {
        PathComparison { fixture in
            var parts = Parts(fixture)
            fixture.raiseRoot()
            let passive = fixture.makeThread(notified: true, passive: true, starts: false)
            fixture.makeWaiting(passive)
            parts.others = [passive]
            fixture.sleepRoot()
            return parts.signal(slot: passive.notification)
        }.expect(isTaken: false)
    }
}
