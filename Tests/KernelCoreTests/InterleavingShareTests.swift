import ABI
import Interleaving
import HardwareModel
import Testing

@testable import KernelCore

/// Interrupts of one core to another wait until the share renews, and no news of another core is lost.
@Suite struct InterleavingShareTests {
    private let scenario = KernelScenario(cores: 3)
    /// The listeners on core 0, beside a thread that always runs there, so that interrupts need a share.
    private let listeners: [Tenant]
    private let signallers: [Tenant]
    private static let millisecond: UInt64 = 1000

    init() {
        let fixture = scenario.fixture
        _ = fixture.makeThread(priority: 5)
        listeners = (0...1).map { fixture.makeThread(priority: 10 + UInt64($0), notified: true) }
        signallers = (1...2).map { fixture.makeThread(priority: 10, core: $0) }
        for listener in listeners {
            scenario.name(fixture.object(listener.notification, as: KernelCore.Notification.self), "notification")
            scenario.endlessly(listener.context, scenario.listening)
        }
        fixture.sleepRoot()
        for listener in listeners.reversed() { fixture.wait(listener) }
        scenario.atStart = {
            fixture.model.kernelBoard.pointee.millisecond = Ticks(Self.millisecond)
            for index in 1...2 {
                fixture.core(index).pointee.shares[0] = InterruptShare(
                    end: fixture.model.now + Ticks(Self.millisecond), left: index == 1 ? 0 : 1)
            }
        }
    }

    private func signal(_ index: Int, _ bits: UInt64) -> KernelScenario.Step {
        scenario.signal(listeners[index].notification, bits)
    }
    private var timePasses: KernelScenario.Step {
        { [scenario] _, _ in scenario.fixture.model.advance(by: Self.millisecond) }
    }

    private func explore(heard: [UInt64], sourceLocation: SourceLocation = #_sourceLocation) {
        scenario.explore(sourceLocation: sourceLocation) { [self] in
            for (listener, bits) in zip(listeners, heard) {
                let object = scenario.fixture.object(listener.notification, as: KernelCore.Notification.self)
                guard listener.state == .waiting, object.pointee.bits.load() == 0 else { return "sleeps with bits" }
                guard scenario.heard(listener.context) == bits else {
                    return "heard \(scenario.heard(listener.context)) of \(bits)"
                }
            }
            let postponed = (1...2).map { scenario.fixture.core($0).pointee.postponed }
            return postponed == [0, 0] ? nil : "an interrupt is postponed for ever"
        }
    }

    @Test func aSignalWhoseInterruptWaitsIsHeard() {
        scenario.program(signallers[0].context, signal(0, 1), timePasses)
        explore(heard: [1, 0])
    }

    /// The second signal of core 1 comes after the share has renewed, while core 2's interrupt has core 0 look.
    @Test func signalsBeforeAndAfterTheShareRenewsAreHeard() {
        scenario.program(signallers[0].context, signal(0, 1), timePasses, signal(1, 2))
        scenario.program(signallers[1].context, signal(0, 4), signal(1, 8), timePasses)
        explore(heard: [5, 10])
    }

    /// An item is in the inbox already. Its sender's interrupt waits, and the other core sends none for it.
    @Test func twoCoresThatPostOneItemAreBothHeard() {
        scenario.program(signallers[0].context, signal(0, 1), timePasses)
        scenario.program(signallers[1].context, signal(0, 4))
        explore(heard: [5, 0])
    }
}
