import ABI
import MachineModel
import Testing

@testable import KernelCore

/// Binding a notification anew while others raise it. The design is `Sources/KernelCore/Models/bind.pml`.
@Suite struct InterleavingBindTests {
    private let scenario = KernelScenario(cores: 3)
    private let notification: UInt32
    private let thread: Tenant
    private let machine: Tenant

    /// Core 0 raises 1 and 2, and then its thread waits; core 2 raises 4 and 8.
    init() {
        let bench = scenario.bench
        notification = bench.create(.notification)
        thread = bench.makeThread(priority: 10, core: 0)
        machine = bench.makeVirtualCPU(priority: 5, core: 0, starts: false)
        scenario.name(bench.object(notification, as: KernelCore.Notification.self), "notification")
        let raiser = bench.makeThread(priority: 10, core: 2)
        bench.sleepRoot()
        scenario.program(thread.context, scenario.signal(notification, 1), scenario.signal(notification, 2))
        scenario.endlessly(thread.context, scenario.listening)
        scenario.program(raiser.context, scenario.signal(notification, 4), scenario.signal(notification, 8))
    }

    private func bind(_ tenant: Tenant, _ form: NotificationBind) -> KernelScenario.Step {
        scenario.operation(.notificationBind, notification, form: form.rawValue, UInt64(tenant.slot), 33)
    }

    private var bits: UInt64 {
        scenario.bench.object(notification, as: KernelCore.Notification.self).pointee.bits.load()
    }

    @Test func aThreadThatIsBoundHearsOfEachBit() {
        let binder = binder()
        scenario.program(binder.context, bind(thread, .thread))
        scenario.explore { [self] in
            guard binder.context.pointee.frame.x[0] == Status.ok.rawValue else { return "not bound" }
            let heard = scenario.heard(thread.context)
            guard thread.state != .waiting || bits == 0 else { return "sleeps with bits" }
            return heard | bits == 15 ? nil : "heard \(heard), left \(bits)"
        }
    }

    @Test func aVirtualCPUThatIsBoundIsInterruptedForBitsThatNobodyTook() {
        let binder = binder()
        scenario.program(binder.context, bind(thread, .thread), bind(machine, .virtualInterrupt))
        scenario.explore { [self] in
            guard binder.context.pointee.frame.x[0] == Status.ok.rawValue else { return "not bound" }
            guard bits == 0 else { return "bits \(bits) are left with a virtual CPU" }
            let isPended = machine.guest.pointee.pending[1].load() & 2 != 0
            return isPended || scenario.heard(thread.context) == 15 ? nil : "not interrupted"
        }
    }

    private func binder() -> Tenant {
        scenario.bench.raiseRoot()
        let binder = scenario.bench.makeThread(priority: 10, core: 1)
        scenario.bench.sleepRoot()
        return binder
    }
}
