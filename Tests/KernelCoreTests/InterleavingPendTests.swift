import ABI
import Interleaving
import HardwareModel
import Testing

@testable import KernelCore

/// Other cores make virtual interrupts pending, enable and disable them, during WFI, acknowledgement and end on the
/// virtual CPU's core. The design is `Kernel/Proofs/pend.pml`.
@Suite struct InterleavingPendTests {
    @Test func anInterruptThatComesAgainIsTakenAgain() {
        let machine = Machine(cores: 2)
        machine.sleeps()
        machine.others(0, machine.pend(0), machine.pend(0))
        machine.explore(pended: [true, false])
    }

    /// The guest never sleeps: an edge that comes while its interrupt is active is taken after the end.
    @Test func aGuestThatSpinsTakesEachInterrupt() {
        let machine = Machine(cores: 2)
        machine.spins()
        machine.others(0, machine.pend(0), machine.pend(0))
        machine.explore(pended: [true, false])
    }

    /// The guest sleeps before the maintenance interrupt of its end comes, and meanwhile another core enables the edge
    /// that waits.
    @Test func anEndThatIsSeenAfterTheSleepBeginsEndsIt() {
        let machine = Machine(cores: 2)
        machine.sleepsAfterEnd()
        machine.others(0, machine.control(.enable, 2))
        machine.explore(pended: [true, false])
    }

    @Test func noInterruptOfTwoCoresIsLost() {
        let machine = Machine(cores: 3)
        machine.sleeps()
        machine.others(0, machine.pend(0))
        machine.others(1, machine.pend(0))
        machine.explore(pended: [true, false])
    }

    /// One core makes an interrupt pending, and another one enables it.
    @Test func anInterruptThatIsEnabledWhileItIsPendedIsTaken() {
        let machine = Machine(cores: 3)
        machine.sleeps()
        machine.others(0, machine.pend(1))
        machine.others(1, machine.control(.enable, 4))
        machine.explore(pended: [false, true])
    }

    /// The interrupt becomes pending, and is disabled and enabled, while the guest takes it.
    @Test func anInterruptThatIsDisabledForAWhileIsNotLost() {
        let machine = Machine(cores: 2)
        machine.sleeps()
        machine.others(0, machine.pend(0), machine.control(.disable, 2), machine.pend(0), machine.control(.enable, 2))
        machine.explore(pended: [true, false])
    }

    /// One core makes an interrupt pending twice, and another one disables and enables it.
    @Test func anInterruptThatAnotherCoreDisablesIsNotLost() {
        let machine = Machine(cores: 3)
        machine.sleeps()
        machine.others(0, machine.pend(0), machine.pend(0))
        machine.others(1, machine.control(.disable, 2), machine.control(.enable, 2))
        machine.explore(pended: [true, false])
    }
}

/// A virtual CPU on core 0 that two devices interrupt, and a thread on each other core.
private final class Machine {
    private let scenario: KernelScenario
    private let machine: Tenant
    /// The devices that make interrupts 33 and 34 pending.
    private let devices: [UInt32]
    private let others: [Tenant]

    init(cores: Int) {
        scenario = KernelScenario(cores: cores)
        let fixture = scenario.fixture
        let machine = fixture.makeVirtualCPU(priority: 5, core: 0)
        self.machine = machine
        scenario.name(machine.guest, "guest")
        scenario.name(machine.context, "context")
        devices = ([33, 34] as [UInt64]).map { number in
            let device = fixture.create(.notification)
            fixture.succeed(
                .notificationBind, device, form: NotificationBind.virtualInterrupt.rawValue, UInt64(machine.slot),
                number)
            return device
        }
        for (form, index, value) in [
            (VirtualInterruptControl.setEdge, 1, 6), (.enable, 1, 2), (.setForwarding, 0, 1),
        ] as [(VirtualInterruptControl, UInt64, UInt64)] {
            fixture.succeed(.interruptControl, machine.slot, form: form.rawValue, index, value)
        }
        others = (1..<cores).map { fixture.makeThread(priority: 10, core: $0) }
        fixture.sleepRoot()
    }

    func control(_ form: VirtualInterruptControl, _ value: UInt64) -> KernelScenario.Step {
        scenario.operation(.interruptControl, machine.slot, form: form.rawValue, 1, value)
    }
    func pend(_ device: Int) -> KernelScenario.Step { scenario.signal(devices[device], 1) }
    func others(_ index: Int, _ steps: KernelScenario.Step...) {
        for step in steps { scenario.program(others[index].context, step) }
    }

    func sleeps() { guest(spins: false) }

    /// At first interrupt 33 is active and disabled, and another edge of it has come.
    func sleepsAfterEnd() {
        let core = scenario.fixture.model.cores[0], raiser = scenario.fixture.model.cores[1]
        let device = scenario.fixture.object(devices[0], as: KernelCore.Notification.self)
        scenario.atStart = { [self] in
            raiser.enter { K.raise($0, device, 1) }
            core.run { Self.takeInterrupts(core) }
            _ = core.acknowledge()
            raiser.enter { K.raise($0, device, 1) }
            core.run { Self.takeInterrupts(core) }
            machine.guest.pointee.enabled[1].clear(2)
        }
        guest(spins: false, endsFirst: true)
    }

    func spins() { guest(spins: true) }
    private var isSpinning = false

    private static func takeInterrupts(_ core: ModelCore) {
        while core.pendingInterrupt != nil { KernelScenario.enter(core) { _ in _ = core.takeInterrupt() } }
    }

    /// Plays the guest, which takes its interrupts, ends them, and sleeps at once, or not if it spins.
    private func guest(spins: Bool, endsFirst: Bool = false) {
        isSpinning = spins
        let context = machine.context
        scenario.body(0) { core in
            if endsFirst {
                core.end(33)
                KernelScenario.enter(core) { K.waitForInterrupt($0, context) }
            }
            while true {
                Self.takeInterrupts(core)
                if core.kernelCore.pointee.current == context {
                    let interrupt = core.acknowledge()
                    if interrupt < 1023 {
                        context.pointee.frame.x[Int(interrupt) - 33 + 10] &+= 1
                        // Edges may come while it is active.
                        Self.takeInterrupts(core)
                        core.end(interrupt)
                    }
                    if !spins { KernelScenario.enter(core) { K.waitForInterrupt($0, context) } }
                    if !spins || interrupt < 1023 { continue }
                }
                guard Interleaving.wait(until: { core.pendingInterrupt != nil || core.interruptLine }) else { return }
            }
        }
    }

    /// Explores the interleavings.
    ///
    /// - Parameter pended: the devices whose interrupts must have been taken.
    func explore(pended: [Bool], sourceLocation: SourceLocation = #_sourceLocation) {
        scenario.explore(sourceLocation: sourceLocation) { [self] in
            guard isSpinning || machine.state == .waitingForInterrupt else { return "does not sleep" }
            let mask = machine.guest.pointee.enabled[1].load()
            guard machine.guest.pointee.pending[1].load() & mask == 0 else { return "an interrupt is left pending" }
            guard !scenario.fixture.model.cores[0].interruptLine else {
                return "an interrupt is left in a list register"
            }
            for number in 0...1 where pended[number] && machine.context.pointee.frame.x[10 + number] == 0 {
                return "interrupt \(33 + number) is lost"
            }
            return nil
        }
    }
}
