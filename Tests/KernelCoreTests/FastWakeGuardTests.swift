import ABI
import MachineModel
import Testing

@testable import KernelCore

/// Signals, and waiting with nothing there: a case for each condition of a fast path in which that one alone fails,
/// and cases that it takes.
@Suite struct FastWakeGuardTests {
    /// One that waits for its notification, and one that runs.
    private struct Parts {
        let bench: Bench
        let waiter: Tenant
        let runner: Tenant
        var others: [Tenant] = []

        init(_ bench: Bench, waiter priority: UInt64 = 20, waiterBudget: UInt64 = 0, runnerBudget: UInt64 = 0) {
            self.bench = bench
            waiter = bench.makeClient(priority: priority, budget: waiterBudget)
            bench.start(waiter)
            runner = bench.makeClient(priority: 10, budget: runnerBudget)
            // It waits before the other one starts, so that it may be less urgent.
            bench.sleep(waiter)
            bench.raiseRoot()
            bench.start(runner)
            bench.sleepRoot()
        }

        func signal(_ bits: UInt64 = 4, slot: UInt32? = nil) -> Scene {
            Scene(
                bench: bench, tenants: [waiter, runner] + others, caller: runner, operation: .signal,
                selector: Selector(slot: slot ?? waiter.notification), words: [bits])
        }

        func noMask() -> Parts {
            bench.raiseRoot()
            for tenant in [waiter, runner] {
                bench.succeed(.contextControl, tenant.slot, form: ContextControl.setAbortMask.rawValue, 0)
            }
            bench.sleepRoot()
            return self
        }

        var wait: Scene {
            Scene(
                bench: bench, tenants: [waiter, runner] + others, caller: runner,
                selector: Selector(slot: 0, form: ReplyForm.wait))
        }
    }

    // MARK: A signal that wakes nobody

    @Test func aSignalToNobodyIsTaken() {
        PathComparison { bench in
            var parts = Parts(bench)
            parts.others = []
            bench.raiseRoot()
            let alone = bench.create(.notification)
            let badged = bench.badge(alone, 0x80)
            bench.sleepRoot()
            var scene = parts.signal(1, slot: badged)
            scene.notifications = [alone]
            return scene
        }.expect(isTaken: true, .ok)
    }

    @Test func aSignalToOneThatRunsIsTaken() {
        PathComparison { bench in
            let parts = Parts(bench).noMask()
            return parts.signal(slot: parts.runner.notification)
        }.expect(isTaken: true, .ok)
    }

    /// Its abort mask may end its call, so the general path looks.
    @Test func aSignalToOneWithAMaskIsNot() {
        PathComparison { bench in
            let parts = Parts(bench)
            return parts.signal(2, slot: parts.runner.notification)
        }.expect(isTaken: false, .ok)
        PathComparison { bench in
            var parts = Parts(bench)
            bench.raiseRoot()
            let server = bench.makeThread(priority: 22)
            let portal = bench.makePortal(to: server)
            let client = bench.makeClient(priority: 24)
            bench.start(client)
            bench.sleep(server)
            bench.call(portal, by: client)
            parts.others = [server, client]
            var scene = parts.signal(2, slot: client.notification)
            scene.caller = server
            return scene
        }.expect(isTaken: false, .ok)
    }

    @Test func aSignalWithoutTheRightIsNot() {
        PathComparison { bench in
            let parts = Parts(bench)
            bench.raiseRoot()
            let read = bench.derive(parts.waiter.notification, rights: .read)
            bench.sleepRoot()
            return parts.signal(slot: read)
        }.expect(isTaken: false, .noRights)
    }

    /// Of another core, whether it waits there or runs.
    @Test(arguments: [true, false]) func aSignalToAnotherCoreIsNot(isWaiting: Bool) {
        PathComparison(cores: 2) { bench in
            var parts = Parts(bench)
            bench.raiseRoot()
            let far = bench.makeThread(priority: 25, core: 1, notified: true)
            if isWaiting { bench.wait(far) }
            bench.sleepRoot()
            parts.others = [far]
            return parts.signal(slot: far.notification)
        }.expect(isTaken: false, .ok)
    }

    @Test func aSignalToAMachineIsNot() {
        PathComparison { bench in
            var parts = Parts(bench)
            bench.raiseRoot()
            let machine = bench.makeVirtualCPU(priority: 25)
            for form in [VirtualInterruptControl.setEdge, .enable] {
                bench.succeed(.interruptControl, machine.slot, form: form.rawValue, 1, 0xFFFF_FFFF)
            }
            bench.succeed(.interruptControl, machine.slot, form: VirtualInterruptControl.setForwarding.rawValue, 0, 1)
            let bell = bench.create(.notification)
            bench.succeed(
                .notificationBind, bell, form: NotificationBind.virtualInterrupt.rawValue, UInt64(machine.slot), 40)
            bench.sleepRoot()
            bench.waitForInterrupt(machine)
            parts.others = [machine]
            var scene = parts.signal(slot: bell)
            scene.notifications = [bell]
            return scene
        }.expect(isTaken: false, .ok)
    }

    // MARK: A signal that wakes

    @Test func aSignalThatWakesIsTaken() {
        PathComparison { Parts($0).signal() }.expect(isTaken: true)
        PathComparison { bench in
            let parts = Parts(bench)
            bench.raiseRoot()
            let badged = bench.badge(parts.waiter.notification, 0x40)
            bench.sleepRoot()
            return parts.signal(slot: badged)
        }.expect(isTaken: true)
    }

    /// The one that signals goes on before its equals, or behind them if its slice is over.
    @Test(arguments: [10, 999, 1000, 1001] as [UInt64]) func theSliceOfTheOneThatSignalsIsBooked(ticks: UInt64) {
        PathComparison(afterTicks: ticks) { bench in
            var parts = Parts(bench)
            bench.raiseRoot()
            parts.others = [bench.makeThread(priority: 10)]
            bench.sleepRoot()
            return parts.signal()
        }.expect(isTaken: true)
    }

    /// The one that is woken has used a part of its slice before.
    @Test func theSliceOfTheOneThatIsWokenIsNotRenewed() {
        PathComparison { bench in
            var parts = Parts(bench)
            bench.raise(parts.waiter.notification)
            bench.advance(600)
            bench.wait(parts.waiter)
            #expect(bench.current() == parts.runner.context)
            bench.raiseRoot()
            parts.others = [bench.makeThread(priority: 20, notified: true)]
            bench.sleep(parts.others[0])
            return parts.signal()
        }.expect(isTaken: true)
    }

    @Test(arguments: [10, 9]) func aSignalToOneThatIsNoMoreUrgentIsNot(priority: UInt64) {
        PathComparison { Parts($0, waiter: priority).signal() }.expect(isTaken: false)
    }

    @Test(arguments: [(100, 0), (0, 100)]) func budgetsAreNot(budgets: (UInt64, UInt64)) {
        PathComparison { Parts($0, waiterBudget: budgets.0, runnerBudget: budgets.1).signal() }.expect(isTaken: false)
    }

    @Test func noBitsAreNot() {
        PathComparison { Parts($0).signal(0) }.expect(isTaken: false)
    }

    /// Bits of another core whose news has not come yet go along.
    @Test func olderBitsAreNot() {
        PathComparison { bench in
            let parts = Parts(bench)
            bench.object(parts.waiter.notification, as: KernelCore.Notification.self).pointee.bits.set(8)
            return parts.signal()
        }.expect(isTaken: false)
    }

    /// The fast path has raised the bits already, and another core has taken them since.
    @Test func bitsThatAreThereAlreadyAreNot() {
        PathComparison { bench in
            let parts = Parts(bench)
            bench.core(0).pointee.untold = bench.object(parts.waiter.notification, as: KernelCore.Notification.self)
            return parts.signal()
        }.expect(isTaken: false)
    }

    /// A server that is at work is not woken, but gets its own time.
    @Test func aServerAtWorkIsNot() {
        PathComparison { bench in
            var parts = Parts(bench)
            bench.raiseRoot()
            let portal = bench.makePortal(to: parts.waiter)
            let client = bench.makeThread(priority: 5)
            parts.others = [client]
            bench.stop(parts.runner)
            bench.sleepRoot()
            bench.call(portal, by: client)
            bench.raiseRoot()
            bench.start(parts.runner)
            bench.sleepRoot()
            #expect(bench.current() == parts.runner.context && parts.waiter.state == .ready)
            return parts.signal()
        }.expect(isTaken: false)
    }

    @Test func aThreadWithoutTimeIsNot() {
        PathComparison { bench in
            var parts = Parts(bench)
            bench.raiseRoot()
            let passive = bench.makeThread(notified: true, passive: true, starts: false)
            bench.makeWaiting(passive)
            parts.others = [passive]
            bench.sleepRoot()
            return parts.signal(slot: passive.notification)
        }.expect(isTaken: false)
    }
}
