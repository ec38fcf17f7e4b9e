import ABI
import MachineModel
import Testing

@testable import KernelCore

/// Interrupts of devices: whom they reach, and that one without a driver does not come.
@Suite struct DeviceInterruptTests {
    private let bench = Bench(cores: 2)
    private let remote: Tenant
    private let notification: UInt32
    private let interrupt: UInt32

    init() {
        remote = bench.makeThread(priority: 10, core: 1)
        notification = bench.create(.notification)
        interrupt = bench.freeSlot()
        bench.succeed(
            .system, InitialSlot.system, form: SystemForm.createInterrupt.rawValue, 40, UInt64(interrupt),
            UInt64(bench.region))
    }

    private func bind(to notification: UInt32, _ bits: UInt64, by caller: Tenant? = nil) {
        bench.succeed(
            .interruptControl, interrupt, form: InterruptControl.bind.rawValue, UInt64(notification), bits,
            by: caller?.context)
    }

    private func acknowledge() {
        bench.succeed(.interruptControl, interrupt, form: InterruptControl.acknowledge.rawValue)
    }

    /// The device raises its line for a moment; returns what the notification got.
    private func pulse(core: Int = 0) -> UInt64 {
        bench.model.cores[core].setDeviceLine(40, true)
        bench.settleAll()
        bench.model.cores[core].setDeviceLine(40, false)
        return bench.operate(.poll, notification).tag
    }

    @Test func itComesAgainWhenTheDriverIsDone() {
        bind(to: notification, 5)
        #expect(pulse() == 5)
        #expect(pulse() == 0)
        acknowledge()
        #expect(pulse() == 5)
    }

    @Test(arguments: ["interrupt", "notification"], [false, true])
    func oneThatIsNobodysDoesNotCome(deleted: String, isAcknowledged: Bool) {
        bind(to: notification, 5)
        #expect(pulse() == 5)
        if isAcknowledged { acknowledge() }
        bench.delete(deleted == "interrupt" ? interrupt : notification)
        bench.model.cores[0].setDeviceLine(40, true)
        #expect(bench.model.cores[0].pendingInterrupt == nil)
        // Not even if its driver acknowledges it late.
        if deleted == "notification" { acknowledge() }
        #expect(bench.model.cores[0].pendingInterrupt == nil)
    }

    /// The next driver finds it as if there had been no other, on its own core.
    @Test(arguments: [false, true]) func itGoesToItsLastDriverOnly(isAcknowledged: Bool) {
        let other = bench.create(.notification)
        bind(to: notification, 5)
        #expect(pulse() == 5)
        if isAcknowledged { acknowledge() }
        bind(to: other, 2, by: remote)
        #expect(pulse() == 0)
        #expect(bench.operate(.poll, other).tag == 0)
        #expect(pulse(core: 1) == 0)
        #expect(bench.operate(.poll, other).tag == 2)
    }

    /// One that the kernel knows nothing of, as a mistake of the firmware may bring, is not left active.
    @Test func anUnknownOneIsDeactivated() {
        let core = bench.model.cores[0]
        for number in [41, 255, 256] as [UInt32] {
            core.run { ModelMachine.enableInterrupt(number, on: core.id) }
            core.setDeviceLine(number, true)
            for _ in 0..<2 {
                #expect(core.pendingInterrupt == number)
                bench.enter { _ in _ = core.takeInterrupt() }
            }
            core.setDeviceLine(number, false)
        }
    }
}
