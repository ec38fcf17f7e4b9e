import ABI
import Interleaving
import MachineModel
import Testing

@testable import KernelCore

/// Virtual interrupts that other cores pend, enable and disable, against WFI, acknowledgement and end on the virtual
/// CPU's core. The design is `Sources/KernelCore/Models/pend.pml`.
@Suite struct InterleavingPendTests {
    private let scenario = KernelScenario(cores: 3)
    private let machine: Tenant
    /// Pend interrupts 33 and 34.
    private let devices: [UInt32]
    private let others: [Tenant]

    init() {
        let bench = scenario.bench
        let machine = bench.makeVirtualCPU(priority: 5, core: 0)
        self.machine = machine
        scenario.name(machine.guest, "guest")
        scenario.name(machine.context, "context")
        devices = ([33, 34] as [UInt64]).map { number in
            let device = bench.create(.notification)
            bench.succeed(
                .notificationBind, device, form: NotificationBind.virtualInterrupt.rawValue, UInt64(machine.slot), number)
            return device
        }
        for (form, index, value) in [
            (VirtualInterruptControl.setEdge, 1, 6), (.enable, 1, 2), (.setForwarding, 0, 1),
        ] as [(VirtualInterruptControl, UInt64, UInt64)] {
            bench.succeed(.interruptControl, machine.slot, form: form.rawValue, index, value)
        }
        others = (1...2).map { bench.makeThread(priority: 10, core: $0) }
        bench.sleepRoot()
    }

    private func control(_ form: VirtualInterruptControl, _ value: UInt64) -> KernelScenario.Step {
        scenario.operation(.interruptControl, machine.slot, form: form.rawValue, 1, value)
    }

    /// The guest: takes what it is interrupted for, ends it, and sleeps (or not, with `spins`).
    private func guest(spins: Bool) {
        let context = machine.context
        scenario.body(0) { core in
            while true {
                while core.pendingInterrupt != nil { KernelScenario.enter(core) { _ in _ = core.takeInterrupt() } }
                if core.kernelCore.pointee.current == context {
                    let interrupt = core.acknowledge()
                    if interrupt < 1023 {
                        context.pointee.frame.x[Int(interrupt) - 33 + 10] &+= 1
                        // Edges may come while it is active.
                        while core.pendingInterrupt != nil { KernelScenario.enter(core) { _ in _ = core.takeInterrupt() } }
                        core.end(interrupt)
                        continue
                    }
                    if !spins {
                        KernelScenario.enter(core) { K.waitForInterrupt($0, context) }
                        continue
                    }
                }
                guard Interleaving.wait(until: { core.pendingInterrupt != nil || core.interruptLine }) else { return }
            }
        }
    }

    private func check(spins: Bool, pended: [Bool]) -> String? {
        let guest = machine.guest
        guard spins || machine.state == .waitingForInterrupt else { return "does not sleep" }
        guard guest.pointee.pending[1].load() == 0 || spins && guest.pointee.isDirty.load() != 0 else { return "pending is left" }
        for number in 0...1 where pended[number] && machine.context.pointee.frame.x[10 + number] == 0 {
            guard spins else { return "interrupt \(33 + number) is lost" }
        }
        return nil
    }

    @Test func noInterruptOfTwoCoresIsLost() {
        guest(spins: false)
        scenario.program(others[0].context, scenario.signal(devices[0], 1))
        scenario.program(others[1].context, scenario.signal(devices[0], 1))
        scenario.explore { [self] in check(spins: false, pended: [true, false]) }
    }

    /// One core pends an interrupt, another enables it.
    @Test func anInterruptThatIsEnabledWhileItIsPendedIsTaken() {
        guest(spins: false)
        scenario.program(others[0].context, scenario.signal(devices[1], 1))
        scenario.program(others[1].context, control(.enable, 4))
        scenario.explore { [self] in check(spins: false, pended: [false, true]) }
    }

    /// One core pends an interrupt twice, another disables and enables it.
    @Test func anInterruptThatIsDisabledForAWhileIsNotLost() {
        guest(spins: false)
        scenario.program(others[0].context, scenario.signal(devices[0], 1), scenario.signal(devices[0], 1))
        scenario.program(others[1].context, control(.disable, 2), control(.enable, 2))
        scenario.explore { [self] in check(spins: false, pended: [true, false]) }
    }
}
