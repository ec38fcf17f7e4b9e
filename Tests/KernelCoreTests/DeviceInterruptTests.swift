import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// The interrupts of devices reach their drivers, and one without a driver does not come.
@Suite struct DeviceInterruptTests {
    private let fixture = Fixture(cores: 2)
    private let remote: Tenant
    private let notification: UInt32
    private let interrupt: UInt32

    init() {
        remote = fixture.makeThread(priority: 10, core: 1)
        notification = fixture.create(.notification)
        interrupt = fixture.freeSlot()
        fixture.succeed(
            .system, RootSlot.system, form: SystemForm.createInterrupt.rawValue, 40, UInt64(interrupt),
            UInt64(fixture.region))
    }

    private func bind(to notification: UInt32, _ bits: UInt64, by caller: Tenant? = nil) {
        fixture.succeed(
            .interruptControl, interrupt, form: InterruptControl.bind.rawValue, UInt64(notification), bits,
            by: caller?.context)
    }

    private func acknowledge() {
        fixture.succeed(.interruptControl, interrupt, form: InterruptControl.acknowledge.rawValue)
    }

    /// Raises the device's line for a moment, and returns the bits of the notification.
    private func pulse(core: Int = 0) -> UInt64 {
        fixture.model.cores[core].setDeviceLine(40, true)
        fixture.settleAll()
        fixture.model.cores[core].setDeviceLine(40, false)
        return fixture.operate(.poll, notification).tag
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
        fixture.delete(deleted == "interrupt" ? interrupt : notification)
        fixture.model.cores[0].setDeviceLine(40, true)
        #expect(fixture.model.cores[0].pendingInterrupt == nil)
        // It does not come even if its driver acknowledges it late.
        if deleted == "notification" { acknowledge() }
        #expect(fixture.model.cores[0].pendingInterrupt == nil)
    }

    /// The next driver finds the interrupt as if there had been no other driver, on its own core.
    @Test(arguments: [false, true]) func itGoesToItsLastDriverOnly(isAcknowledged: Bool) {
        let other = fixture.create(.notification)
        bind(to: notification, 5)
        #expect(pulse() == 5)
        if isAcknowledged { acknowledge() }
        bind(to: other, 2, by: remote)
        #expect(pulse() == 0)
        #expect(fixture.operate(.poll, other).tag == 0)
        #expect(pulse(core: 1) == 0)
        #expect(fixture.operate(.poll, other).tag == 2)
    }

    /// Another tenant may bind the interrupt for a driver. It costs time on the driver's core alone.
    @Test func itGoesToTheCoreOfItsHearer() {
        let thread = fixture.makeThread(core: 1, starts: false), heard = fixture.create(.notification)
        fixture.succeed(.notificationBind, heard, form: NotificationBind.thread.rawValue, UInt64(thread.slot))
        bind(to: heard, 4)
        #expect(pulse() == 0)
        #expect(fixture.operate(.poll, heard).tag == 0)
        _ = pulse(core: 1)
        #expect(fixture.operate(.poll, heard).tag == 4)
    }

    /// An interrupt that the kernel does not know, as faulty firmware may cause, does not stay active.
    @Test func anUnknownOneIsDeactivated() {
        let core = fixture.model.cores[0]
        for number in [41, 255, 256] as [UInt32] {
            core.run { ModelHardware.enableInterrupt(number, on: core.id) }
            core.setDeviceLine(number, true)
            for _ in 0..<2 {
                #expect(core.pendingInterrupt == number)
                fixture.enter { _ in _ = core.takeInterrupt() }
            }
            core.setDeviceLine(number, false)
        }
    }

    /// A driver that has started anew does not know whether its last interrupt was acknowledged.
    @Test(arguments: [false, true]) func aDriverThatBindsAgainHearsOfTheNext(isAcknowledged: Bool) {
        for bits in [5, 6] as [UInt64] {
            bind(to: notification, bits)
            #expect(pulse() == bits)
            if isAcknowledged { acknowledge() }
        }
    }

    /// Numbers that differ in one bit are different interrupts.
    @Test(arguments: [(40, 168), (63, 127), (33, 97), (34, 162), (255, 127), (254, 126)] as [(UInt32, UInt32)])
    func numbersAreTakenInFull(first: UInt32, second: UInt32) {
        let board = fixture.model.kernelBoard, core = fixture.model.cores[0]
        var slots: [UInt32] = []
        for (number, bits) in [(first, 1), (second, 2)] as [(UInt32, UInt64)] {
            let slot = number == 40 ? interrupt : fixture.freeSlot()
            if number != 40 {
                fixture.succeed(
                    .system, RootSlot.system, form: SystemForm.createInterrupt.rawValue, UInt64(number),
                    UInt64(slot),
                    UInt64(fixture.region))
            }
            fixture.succeed(.interruptControl, slot, form: InterruptControl.bind.rawValue, UInt64(notification), bits)
            slots.append(slot)
        }
        func pulse(_ number: UInt32) -> UInt64 {
            core.setDeviceLine(number, true)
            fixture.settle()
            core.setDeviceLine(number, false)
            return fixture.operate(.poll, notification).tag
        }
        #expect(pulse(first) == 1 && pulse(second) == 2)
        fixture.succeed(.interruptControl, slots[1], form: InterruptControl.acknowledge.rawValue)
        #expect(pulse(second) == 2 && pulse(first) == 0, "only one of them was acknowledged")
        fixture.delete(slots[0])
        #expect(
            (0..<256).allSatisfy { (board.pointee.interrupts[$0] != nil) == ($0 == second || $0 == 40 && first != 40) })
        fixture.succeed(.interruptControl, slots[1], form: InterruptControl.acknowledge.rawValue)
        #expect(pulse(first) == 0 && pulse(second) == 2)
    }
}
