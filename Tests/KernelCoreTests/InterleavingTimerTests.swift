import ABI
import Interleaving
import HardwareModel
import Testing

@testable import KernelCore

/// The first core that sets a notification's timer claims it, while other cores set it, or the notification ends.
@Suite struct InterleavingTimerTests {
    private let scenario = KernelScenario(cores: 3)
    private let part: UInt32, victim: UInt32, fresh: UInt32
    private let revoker: Tenant
    private let users: [Tenant]

    init() {
        let fixture = scenario.fixture
        part = fixture.create(.region, 1 << 13)
        victim = fixture.freeSlot()
        fresh = fixture.freeSlot()
        fixture.succeed(.create, part, form: UInt32(ObjectKind.notification.rawValue), 0, UInt64(victim))
        scenario.name(fixture.object(victim, as: KernelCore.Notification.self), "notification")
        revoker = fixture.makeThread(priority: 10, core: 0)
        users = (1...2).map { fixture.makeThread(priority: 10, core: $0) }
        fixture.sleepRoot()
    }

    private var set: KernelScenario.Step {
        scenario.operation(.timer, victim, form: TimerForm.set.rawValue, 1 << 60, 1)
    }
    private var cancel: KernelScenario.Step { scenario.operation(.timer, victim, form: TimerForm.cancel.rawValue) }

    /// Returns the numbers of the cores in whose queues the notification is.
    private func queues(_ notification: Ref<KernelCore.Notification>) -> [UInt64] {
        (0..<3).filter { scenario.fixture.core($0).pointee.notificationTimers.first == notification }.map(UInt64.init)
    }

    private func exploreEnd() {
        scenario.program(revoker.context, scenario.untilDone(.revoke, part))
        scenario.program(
            revoker.context,
            scenario.operation(.create, part, form: UInt32(ObjectKind.notification.rawValue), 0, UInt64(fresh)))
        scenario.explore(.varied) { [self] in
            guard revoker.context.pointee.frame.x[0] == Status.ok.rawValue, !scenario.fixture.isEmpty(fresh) else {
                return "not done: \(revoker.context.pointee.frame.x[0])"
            }
            let object = scenario.fixture.object(fresh, as: KernelCore.Notification.self)
            guard queues(object).isEmpty else { return "a core's timers lead to what is gone" }
            return object.pointee.timerOwner.load() == 0 ? nil : "memory is claimed that belongs to something else"
        }
    }

    @Test func aTimerThatIsSetWhileItsNotificationEndsIsInNoQueue() {
        scenario.program(users[0].context, set)
        exploreEnd()
    }

    @Test func aTimerThatIsCancelledAndSetWhileItsNotificationEndsIsInNoQueue() {
        scenario.program(users[0].context, set, cancel, set)
        exploreEnd()
    }

    /// The revoker's own core has set the timer, and another core wants it as soon as it is free.
    @Test func aTimerThatChangesItsCoreWhileItsNotificationEndsIsInNoQueue() {
        let timer = set
        scenario.program(revoker.context, timer)
        scenario.program(users[0].context, set)
        exploreEnd()
    }

    /// One of both cores has the timer, and the other one gets an error.
    @Test func aTimerIsInTheQueueOfOneCore() {
        for user in users { scenario.program(user.context, cancel, set) }
        scenario.explore(.varied) { [self] in
            let notification = scenario.fixture.object(victim, as: KernelCore.Notification.self)
            let cores = queues(notification)
            guard cores.count == 1 else { return "it is in the queues of cores \(cores)" }
            guard notification.pointee.timerOwner.load() == cores[0] + 1 else { return "it belongs to another core" }
            for user in users {
                let isSet = UInt64(user.context.pointee.core.number) == cores[0]
                let answer = user.context.pointee.frame.x[0]
                guard answer == (isSet ? Status.ok : .wrongCore).rawValue else { return "a core was told \(answer)" }
            }
            return nil
        }
    }

    /// A core takes over a timer that another one has released. The links of its queue are consistent.
    @Test func aTimerThatWasGivenBackIsTheNextCores() {
        scenario.program(users[0].context, set, cancel)
        scenario.program(users[1].context, set, set, set)
        scenario.explore(.varied) { [self] in
            let notification = scenario.fixture.object(victim, as: KernelCore.Notification.self)
            let cores = queues(notification)
            let isSet = users[1].context.pointee.frame.x[0] == Status.ok.rawValue
            guard cores == (isSet ? [2] : []) else { return "it is in the queues of cores \(cores)" }
            return notification.pointee.timerOwner.load() == (isSet ? 3 : 0) ? nil : "it belongs to another core"
        }
    }

    /// A timer that has expired is free for another core, whose bits are for the next expiry.
    @Test func aTimerThatExpiresRaisesItsOwnBits() {
        let fixture = scenario.fixture
        fixture.raiseRoot()
        fixture.succeed(.timer, victim, form: TimerForm.set.rawValue, fixture.model.now.value + 10, 1)
        fixture.sleepRoot()
        scenario.atStart = { fixture.model.advance(by: 20) }
        scenario.program(
            users[0].context, scenario.operation(.timer, victim, form: TimerForm.set.rawValue, 1 << 60, 4))
        scenario.explore(.varied) { [self] in
            let notification = scenario.fixture.object(victim, as: KernelCore.Notification.self)
            let isSet = users[0].context.pointee.frame.x[0] == Status.ok.rawValue
            guard queues(notification) == (isSet ? [1] : []) else {
                return "it is in the queues of \(queues(notification))"
            }
            return notification.pointee.bits.load() == 1 ? nil : "raised \(notification.pointee.bits.load())"
        }
    }
}
