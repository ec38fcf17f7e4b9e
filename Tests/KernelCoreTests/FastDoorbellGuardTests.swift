import ABI
import HardwareModel
import TestSupport
import Testing

@testable import KernelCore

/// Stores to doorbells. For each condition of the fast path there is a case in which it alone fails; other cases take
/// the path.
@Suite struct FastDoorbellGuardTests {
    /// A machine that runs, and a thread that waits for a doorbell of the machine.
    private struct Parts {
        let fixture: Fixture
        let waiter: Tenant
        let machine: Tenant
        var others: [Tenant] = []

        static let address: UInt64 = 0x0A00_0050

        init(
            _ fixture: Fixture, waiter priority: UInt64 = 20, budget: UInt64 = 0, machineBudget: UInt64 = 0,
            bits: UInt64 = 4
        ) {
            self.fixture = fixture
            waiter = fixture.makeClient(priority: priority, budget: budget)
            fixture.start(waiter)
            machine = fixture.makeVirtualCPU(priority: 10, starts: false)
            if machineBudget != 0 {
                fixture.succeed(
                    .scheduleControl, machine.scheduling, form: ScheduleControl.setBudget.rawValue, machineBudget, 1000)
            }
            fixture.succeed(.doorbell, machine.space, Self.address, UInt64(waiter.notification), bits)
            // The waiter sleeps before the machine starts, so that it may be less urgent.
            fixture.sleep(waiter)
            fixture.raiseRoot()
            fixture.start(machine)
            fixture.sleepRoot()
        }

        func store(_ address: UInt64 = Self.address) -> Scene {
            Scene(fixture: fixture, tenants: [waiter, machine] + others, caller: machine, store: address)
        }

        /// A store to a further doorbell.
        func store(to notification: UInt32, _ bits: UInt64 = 1) -> Scene {
            fixture.raiseRoot()
            fixture.succeed(.doorbell, machine.space, 0x0B00_1000, UInt64(notification), bits)
            fixture.sleepRoot()
            var scene = store(0x0B00_1000)
            if !scene.tenants.contains(where: { $0.notification == notification }) {
                scene.notifications = [notification]
            }
            return scene
        }
    }

    // MARK: A doorbell that wakes nobody

    @Test(arguments: [0, 1, 3] as [UInt64]) func aDoorbellOfNobodyIsTaken(before: UInt64) {
        PathComparison { fixture in
            let parts = Parts(fixture)
            fixture.raiseRoot()
            let alone = fixture.create(.notification)
            fixture.sleepRoot()
            fixture.object(alone, as: KernelCore.Notification.self).pointee.bits.set(before)
            return parts.store(to: alone)
        }.expect(isTaken: true)
    }

    /// The thread has been told already, and waits for the core.
    @Test(arguments: [4, 8] as [UInt64]) func aThreadThatIsReadyIsNotWoken(bits: UInt64) {
        PathComparison { fixture in
            let parts = Parts(fixture, waiter: 9)
            fixture.raiseRoot()
            fixture.succeed(
                .contextControl, parts.waiter.slot, form: ContextControl.setAbortMask.rawValue, 0)
            fixture.sleepRoot()
            fixture.raise(parts.waiter.notification, 4)
            #expect(parts.waiter.context.pointee.usesOwnTime && fixture.current() == parts.machine.context)
            return bits == 4 ? parts.store() : parts.store(to: parts.waiter.notification, bits)
        }.expect(isTaken: true)
    }

    /// The thread's abort mask may end its call, so the general path must look.
    @Test func aThreadWithAMaskIsNot() {
        PathComparison { fixture in
            let parts = Parts(fixture, waiter: 9)
            fixture.raiseRoot()
            fixture.succeed(.contextControl, parts.waiter.slot, form: ContextControl.setAbortMask.rawValue, 2)
            fixture.sleepRoot()
            fixture.raise(parts.waiter.notification, 4)
            return parts.store()
        }.expect(isTaken: false)
    }

    /// The thread belongs to another core. Bits that are set already need no message.
    @Test(arguments: [0, 1, 2, 3] as [UInt64]) func aThreadOfAnotherCore(before: UInt64) {
        PathComparison(cores: 2) { fixture in
            var parts = Parts(fixture)
            fixture.raiseRoot()
            let far = fixture.makeThread(priority: 25, core: 1, notified: true)
            fixture.sleepRoot()
            if before == 0 { fixture.wait(far) } else { fixture.raise(far.notification, before) }
            fixture.settle(1)
            parts.others = [far]
            return parts.store(to: far.notification)
        }.expect(isTaken: before & 1 != 0)
    }

    @Test func aMachineIsNot() {
        PathComparison { fixture in
            var parts = Parts(fixture)
            fixture.raiseRoot()
            let other = fixture.makeVirtualCPU(priority: 25)
            for form in [VirtualInterruptControl.setEdge, .enable] {
                fixture.succeed(.interruptControl, other.slot, form: form.rawValue, 1, 0xFFFF_FFFF)
            }
            fixture.succeed(.interruptControl, other.slot, form: VirtualInterruptControl.setForwarding.rawValue, 0, 1)
            let line = fixture.create(.notification)
            fixture.succeed(
                .notificationBind, line, form: NotificationBind.virtualInterrupt.rawValue, UInt64(other.slot), 40)
            fixture.sleepRoot()
            fixture.waitForInterrupt(other)
            parts.others = [other]
            return parts.store(to: line)
        }.expect(isTaken: false)
    }

    // MARK: A doorbell that wakes

    @Test func aDoorbellThatWakesIsTaken() {
        PathComparison { Parts($0).store() }.expect(isTaken: true)
    }

    /// The machine goes on before its equals, or behind them if its slice is over.
    @Test(arguments: [10, 999, 1000, 1001] as [UInt64]) func theMachinesSliceIsBooked(ticks: UInt64) {
        PathComparison(afterTicks: ticks) { fixture in
            var parts = Parts(fixture)
            fixture.raiseRoot()
            parts.others = [fixture.makeThread(priority: 10)]
            fixture.sleepRoot()
            return parts.store()
        }.expect(isTaken: true)
    }

    @Test(arguments: [10, 9]) func aThreadThatIsNoMoreUrgentIsTaken(priority: UInt64) {
        PathComparison { Parts($0, waiter: priority).store() }.expect(isTaken: true)
    }

    /// The virtual CPU may have an interrupt that it has not got.
    @Test func aThreadThatIsNoMoreUrgentIsNotIfTheMachineHasNews() {
        PathComparison { fixture in
            let parts = Parts(fixture, waiter: 10)
            parts.machine.context.pointee.guest!.pointee.isDirty.store(1)
            return parts.store()
        }.expect(isTaken: false)
    }

    @Test(arguments: [(100, 0), (0, 100)]) func budgetsAre(budgets: (UInt64, UInt64)) {
        PathComparison { Parts($0, budget: budgets.0, machineBudget: budgets.1).store() }.expect(isTaken: true)
    }

    @Test func noBitsWakeNobody() {
        PathComparison { Parts($0, bits: 0).store() }.expect(isTaken: true)
    }

    /// Bits of another core whose message has not come yet are delivered as well.
    @Test func olderBitsAreNot() {
        PathComparison { fixture in
            let parts = Parts(fixture)
            fixture.object(parts.waiter.notification, as: KernelCore.Notification.self).pointee.bits.set(8)
            return parts.store()
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
            fixture.stop(parts.machine)
            fixture.sleepRoot()
            fixture.call(portal, by: client)
            fixture.raiseRoot()
            fixture.start(parts.machine)
            fixture.sleepRoot()
            #expect(fixture.current() == parts.machine.context && parts.waiter.state == .ready)
            return parts.store()
        }.expect(isTaken: false)
    }

    // MARK: Everything at random

    /// The fast path and the general one lead to the same state.
    @Test func fastPathsDoTheSame() {
        for seed in TestLength.seeds(short: 6, long: 60) {
            var run = DoorbellLockstep(seed: seed)
            if let difference = run.play(steps: 200) {
                Issue.record("seed \(seed): \(difference)")
                return
            }
        }
    }
}

/// Two boards whose machine rings the doorbells of several threads, with and without the fast path.
private struct DoorbellLockstep {
    private struct Side {
        let fixture: Fixture
        let scene: Scene
        let threads: [Tenant]

        init(fast: Bool) {
            let fixture = Fixture(cores: 2)
            self.fixture = fixture
            let machine = fixture.makeVirtualCPU(priority: 10, starts: false)
            threads = [(5, 0), (10, 0), (15, 0), (20, 100), (25, 0)].map {
                fixture.makeClient(priority: $0.0, budget: $0.1)
            }
            for (number, thread) in threads.enumerated() {
                let mask: UInt64 = number == 4 ? 2 : 0
                fixture.succeed(.contextControl, thread.slot, form: ContextControl.setAbortMask.rawValue, mask)
                fixture.start(thread)
            }
            let far = fixture.makeThread(priority: 8, core: 1, notified: true)
            let alone = fixture.create(.notification)
            for (number, notification) in (threads.map(\.notification) + [far.notification, alone]).enumerated() {
                for bit in 0..<2 as Range<UInt64> {
                    let match = DoorbellMatch(value: UInt32(bit), width: 8)
                    fixture.succeed(
                        .doorbell, machine.space, UInt64(number) << 9, UInt64(notification), 1 << bit, match.bits)
                }
            }
            fixture.start(machine)
            fixture.sleepRoot()
            fixture.usesFastPath = fast
            scene = Scene(
                fixture: fixture, tenants: [machine] + threads + [far], notifications: [alone], caller: machine)
        }
    }

    private var generator: SeededGenerator
    private let sides = [Side(fast: true), Side(fast: false)]
    private var log: [String] = []

    init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    mutating func play(steps: Int) -> String? {
        for _ in 0..<steps {
            step()
            let lines = zip(sides[0].scene.state, sides[1].scene.state).filter { $0 != $1 }
            if !lines.isEmpty {
                let text = lines.map { "\n  fast    \($0)\n  general \($1)" }.joined()
                return "after \(log.suffix(25).joined(separator: ", ")):\(text)"
            }
        }
        return nil
    }

    private mutating func step() {
        let bell = UInt64(generator.below(7)) << 9, value = UInt64(generator.below(3))
        let ticks = UInt64(generator.below(80)), choice = generator.below(100)
        let current = sides[0].scene.tenants.firstIndex { $0.context == sides[0].fixture.current() }
        switch (current, choice) {
        case (nil, _), (_, ..<10): each("\(ticks) ticks") { $0.fixture.advance(ticks) }
        case (0?, _):
            each("store \(value) to \(bell)") { $0.fixture.store($0.scene.caller, bell, value) }
        case (let thread?, _): each("\(thread) waits") { $0.fixture.wait($0.scene.tenants[thread]) }
        }
        if choice > 70 {
            each("far waits") { side in
                let far = side.scene.tenants[6]
                if side.fixture.current(1) == far.context { side.fixture.wait(far) }
            }
        }
    }

    private mutating func each(_ name: String, _ body: (Side) -> Void) {
        log.append(name)
        for side in sides {
            body(side)
            side.fixture.settleAll()
        }
    }
}
