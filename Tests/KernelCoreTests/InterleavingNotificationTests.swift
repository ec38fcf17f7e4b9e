import ABI
import Interleaving
import HardwareModel
import Testing

@testable import KernelCore

/// Signals from any core against wait and poll on the sink's core, with the inbox between them. The design is
/// `Kernel/Proofs/notification.pml`.
@Suite struct InterleavingNotificationTests {
    private let scenario = KernelScenario(cores: 3)
    private let listener: Tenant
    private let signallers: [Tenant]

    init() {
        let fixture = scenario.fixture
        listener = fixture.makeThread(priority: 10, core: 0, notified: true)
        signallers = (1...2).map { fixture.makeThread(priority: 10, core: $0) }
        scenario.name(listener.context, "listener")
        scenario.name(fixture.object(listener.notification, as: KernelCore.Notification.self), "notification")
        fixture.sleepRoot()
    }

    /// Returns a reason if some of `bits` were not received.
    private func missing(_ bits: UInt64) -> String? {
        let heard = scenario.heard(listener.context)
        let object = scenario.fixture.object(listener.notification, as: KernelCore.Notification.self)
        guard listener.state != .waiting || object.pointee.bits.load() == 0 else { return "sleeps with bits" }
        guard heard == bits, object.pointee.inboxQueued.load() == 0 else { return "heard \(heard) of \(bits)" }
        return nil
    }

    private func listen() { scenario.endlessly(listener.context, scenario.listening) }

    @Test func noSignalOfTwoCoresIsLost() {
        listen()
        scenario.program(signallers[0].context, scenario.signal(listener.notification, 1))
        scenario.program(signallers[1].context, scenario.signal(listener.notification, 4))
        scenario.explore { [self] in missing(5) }
    }

    @Test func noSecondSignalOfACoreIsLost() {
        listen()
        scenario.program(signallers[0].context, scenario.signal(listener.notification, 1))
        scenario.program(signallers[0].context, scenario.signal(listener.notification, 2))
        scenario.program(signallers[1].context, scenario.signal(listener.notification, 4))
        scenario.explore { [self] in missing(7) }
    }

    /// This scenario has two cores, so that each schedule with two deviations is played.
    @Test func aSecondSignalOfTheOnlyOtherCoreIsNotLost() {
        let scenario = KernelScenario(cores: 2)
        let fixture = scenario.fixture
        let listener = fixture.makeThread(priority: 10, core: 0, notified: true)
        let signaller = fixture.makeThread(priority: 10, core: 1)
        let object = fixture.object(listener.notification, as: KernelCore.Notification.self)
        scenario.name(object, "notification")
        fixture.sleepRoot()
        scenario.endlessly(listener.context, scenario.listening)
        scenario.program(
            signaller.context, scenario.signal(listener.notification, 1), scenario.signal(listener.notification, 2))
        scenario.explore {
            guard listener.state == .waiting, object.pointee.bits.load() == 0 else { return "sleeps with bits" }
            return scenario.heard(listener.context) == 3 ? nil : "heard \(scenario.heard(listener.context))"
        }
    }

    /// Another core polls the bits away while the listener's core delivers them.
    @Test func aPollOfAnotherCoreWakesNobodyForNothing() {
        let scenario = KernelScenario(cores: 2)
        let fixture = scenario.fixture
        let listener = fixture.makeThread(priority: 10, core: 0, notified: true)
        let poller = fixture.makeThread(priority: 10, core: 1)
        fixture.sleepRoot()
        scenario.endlessly(listener.context) { core, context in
            let frame = context.pointee.frame
            if frame.x[0] == Status.notified.rawValue, frame.x[1] == 0 { Interleaving.fail("woken for nothing") }
            scenario.listening(core, context)
        }
        scenario.program(
            poller.context, scenario.signal(listener.notification, 1), scenario.operation(.poll, listener.notification),
            { _, context in context.pointee.frame.x[21] = context.pointee.frame.x[1] })
        scenario.explore {
            let heard = scenario.heard(listener.context), polled = poller.context.pointee.frame.x[21]
            return heard ^ polled == 1 ? nil : "heard \(heard), polled \(polled)"
        }
    }

    /// The inbox has two items, the first of which is posted anew while it is worked off.
    @Test func anItemThatIsPostedAnewLeavesTheListWhole() {
        let scenario = KernelScenario(cores: 2)
        let fixture = scenario.fixture
        let listeners = (0...1).map { fixture.makeThread(priority: 10 + UInt64($0), core: 0, notified: true) }
        let signaller = fixture.makeThread(priority: 10, core: 1)
        fixture.sleepRoot()
        for listener in listeners.reversed() { fixture.wait(listener) }
        for listener in listeners { scenario.endlessly(listener.context, scenario.listening) }
        scenario.program(
            signaller.context, scenario.signal(listeners[0].notification, 1),
            scenario.signal(listeners[1].notification, 1), scenario.signal(listeners[1].notification, 2))
        scenario.explore {
            for (listener, bits) in zip(listeners, [1, 3] as [UInt64]) where scenario.heard(listener.context) != bits {
                return "heard \(scenario.heard(listener.context)) of \(bits)"
            }
            return nil
        }
    }

    /// Two listeners are on one core, so that the inbox is a list.
    @Test func anInboxOfTwoLosesNothing() {
        let fixture = scenario.fixture
        fixture.raiseRoot()
        let second = fixture.makeThread(priority: 12, core: 0, notified: true)
        fixture.sleepRoot()
        listen()
        scenario.endlessly(second.context, scenario.listening)
        scenario.program(signallers[0].context, scenario.signal(listener.notification, 1))
        scenario.program(signallers[0].context, scenario.signal(second.notification, 1))
        scenario.program(signallers[1].context, scenario.signal(second.notification, 4))
        scenario.program(signallers[1].context, scenario.signal(listener.notification, 4))
        scenario.explore { [self] in
            let object = fixture.object(second.notification, as: KernelCore.Notification.self)
            guard second.state == .waiting, object.pointee.bits.load() == 0, scenario.heard(second.context) == 5 else {
                return "the second heard \(scenario.heard(second.context))"
            }
            return missing(5)
        }
    }

    /// Signals of the listener's own core and polls, between those of others.
    @Test func pollsAndSignalsOfTheOwnCoreTakeTheirPart() {
        scenario.program(listener.context, scenario.signal(listener.notification, 16))
        scenario.program(
            listener.context,
            { core, context in
                // `poll` takes bits as `listening` does.
                self.scenario.operation(.poll, self.listener.notification)(core, context)
                context.pointee.frame.x[20] |= context.pointee.frame.x[1]
            })
        listen()
        scenario.program(signallers[0].context, scenario.signal(listener.notification, 1))
        scenario.program(signallers[1].context, scenario.signal(listener.notification, 4))
        scenario.explore { [self] in missing(21) }
    }
}
