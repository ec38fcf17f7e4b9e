import ABI
import Interleaving
import HardwareModel
import Testing

@testable import KernelCore

/// The kernel itself rings because a context has stopped or a budget is used up, while another core binds the bells
/// anew, removes them, or has their notification in its inbox.
@Suite struct InterleavingNewsTests {
    private let scenario = KernelScenario(cores: 2)
    /// The listener on core 0.
    private let listener: Tenant
    /// The tenants on core 1, on which the subject stops.
    private let chief: Tenant, subject: Tenant

    init() {
        let fixture = scenario.fixture
        listener = fixture.makeThread(priority: 10, core: 0, notified: true)
        chief = fixture.makeThread(priority: 10, core: 1)
        subject = fixture.makeThread(priority: 5, core: 1)
        scenario.name(subject.context, "subject")
        scenario.name(fixture.object(listener.notification, as: KernelCore.Notification.self), "notification")
    }

    private func bits(_ notification: UInt32) -> UInt64 {
        scenario.fixture.object(notification, as: KernelCore.Notification.self).pointee.bits.load()
    }

    private func bindStopped(_ notification: UInt32, _ bits: UInt64) -> KernelScenario.Step {
        scenario.operation(
            .contextControl, subject.slot, form: ContextControl.bindStopped.rawValue, UInt64(notification), bits)
    }
    private func bell(_ notification: UInt32, _ bits: UInt64) {
        scenario.fixture.succeed(
            .contextControl, subject.slot, form: ContextControl.bindStopped.rawValue, UInt64(notification), bits)
    }
    private var stop: KernelScenario.Step {
        scenario.operation(.contextControl, subject.slot, form: ContextControl.stop.rawValue)
    }

    /// The notification is already in the inbox of the listener's core, because of a signal.
    @Test func theNewsOfAStopIsNotLostBehindASignal() {
        bell(listener.notification, 2)
        scenario.fixture.sleepRoot()
        scenario.endlessly(listener.context, scenario.listening)
        scenario.program(chief.context, scenario.signal(listener.notification, 1), stop)
        scenario.explore { [self] in
            guard subject.state == .stopped, listener.state == .waiting, bits(listener.notification) == 0 else {
                return "sleeps with bits, or the subject runs"
            }
            return scenario.heard(listener.context) == 3 ? nil : "heard \(scenario.heard(listener.context))"
        }
    }

    /// When the listener gets the report of the stop, it finds the subject stopped and starts it again, once for each
    /// report.
    @Test func aListenerThatIsToldOfAStopFindsItStopped() {
        bell(listener.notification, 2)
        scenario.fixture.sleepRoot()
        let start = scenario.operation(.contextControl, subject.slot, form: ContextControl.startAt.rawValue, 0x1000)
        let listening = scenario.listening
        scenario.endlessly(listener.context) { core, context in
            guard context.pointee.frame.x[0] == Status.notified.rawValue else { return listening(core, context) }
            context.pointee.frame.x[21] &+= 1
            start(core, context)
            if context.pointee.frame.x[0] != Status.ok.rawValue { Interleaving.fail("told before it was at rest") }
        }
        scenario.program(chief.context, stop)
        scenario.explore { [self] in
            let count = listener.context.pointee.frame.x[21]
            guard count == 1 else { return "told \(count) times" }
            return subject.state == .ready && subject.context.pointee.running.load() == 1 ? nil : "not started"
        }
    }

    /// The bell is bound anew while the subject stops. One of both notifications gets the report, with its own bits.
    @Test func aStopIsToldToOneOfTwoBindings() {
        let fixture = scenario.fixture
        let second = fixture.create(.notification)
        bell(listener.notification, 2)
        fixture.sleepRoot()
        scenario.endlessly(listener.context, scenario.listening)
        let binder = boundBy(bindStopped(second, 4))
        scenario.program(chief.context, stop)
        scenario.explore { [self] in
            guard binder.pointee.frame.x[21] == 1 else { return "not bound" }
            let heard = scenario.heard(listener.context), told = bits(second)
            return (heard, told) == (2, 0) || (heard, told) == (0, 4) ? nil : "heard \(heard), told \(told)"
        }
    }

    /// Returns core 0's thread that binds, which is more urgent than the listener.
    private func boundBy(_ step: @escaping KernelScenario.Step) -> Ref<ExecutionContext> {
        let fixture = scenario.fixture
        fixture.raiseRoot()
        let binder = fixture.makeThread(priority: 20, core: 0)
        fixture.sleepRoot()
        scenario.program(
            binder.context, step,
            { _, context in
                if context.pointee.frame.x[0] == Status.ok.rawValue { context.pointee.frame.x[21] = 1 }
            })
        scenario.endlessly(binder.context, scenario.wait)
        return binder.context
    }

    /// The notification is revoked while the subject stops, and its memory becomes another one.
    @Test func aStopTellsNothingThatWasTaken() {
        let fixture = scenario.fixture
        let part = fixture.create(.region, 1 << 13), victim = fixture.freeSlot(), fresh = fixture.freeSlot()
        let kind = UInt32(ObjectKind.notification.rawValue)
        fixture.succeed(.create, part, form: kind, 0, UInt64(victim))
        scenario.name(fixture.object(victim, as: KernelCore.Notification.self), "victim")
        bell(victim, 2)
        fixture.sleepRoot()
        scenario.program(
            listener.context, scenario.untilDone(.revoke, part),
            scenario.operation(.create, part, form: kind, 0, UInt64(fresh)))
        scenario.program(chief.context, stop)
        scenario.explore { [self] in
            guard listener.context.pointee.frame.x[0] == Status.ok.rawValue, !fixture.isEmpty(fresh) else {
                return "not done: \(listener.context.pointee.frame.x[0])"
            }
            guard subject.state == .stopped else { return "not stopped" }
            return fixture.isUntouched(fresh, size: KernelCore.Notification.size) ? nil : "a stop tells other memory"
        }
    }

    /// A budget is used up while another core binds another notification. One of both gets the report.
    @Test func anOverrunIsToldToOneOfTwoBindings() {
        let fixture = scenario.fixture
        let slots = (0...1).map { _ in fixture.create(.notification) }
        let scheduling = fixture.create(.schedulingContext)
        let time = fixture.object(scheduling, as: SchedulingContext.self)
        fixture.succeed(
            .scheduleControl, scheduling, form: ScheduleControl.configure.rawValue, 1, 5, 1000, 100, 10_000)
        let bind = ScheduleControl.bindOverrun.rawValue
        fixture.succeed(.scheduleControl, scheduling, form: bind, UInt64(slots[0]), 1)
        // Nobody has asked since then.
        _ = time.pointee.countOverrun()
        scenario.name(time, "time")
        fixture.sleepRoot()
        scenario.program(
            listener.context, scenario.operation(.scheduleControl, scheduling, form: bind, UInt64(slots[1]), 2))
        scenario.checksInvariants = false
        scenario.body(1) { core in core.enter { K.chargeBudget($0, time, 100, core.board.now) } }
        scenario.explore(.deep) { [self] in
            guard listener.context.pointee.frame.x[0] == Status.ok.rawValue else { return "not bound" }
            let told = slots.map { bits($0) }
            guard told[0] == 0 else { return "told to the old one" }
            // If there was no report, the next overrun must be reported.
            return told[1] == 2 || time.pointee.overrunToldWord.load() == 0 ? nil : "nobody is told any more"
        }
    }
}

extension Fixture {
    /// Returns true if an object's memory is still as it was made.
    func isUntouched(_ slot: UInt32, size: UInt64) -> Bool {
        UnsafeBufferPointer(start: memory(slot), count: Int(size / 8)).allSatisfy { $0 == 0 }
    }
}
