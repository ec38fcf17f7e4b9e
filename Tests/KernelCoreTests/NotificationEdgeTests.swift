import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// The rights to raise and to take a notification's bits, and the interrupt that stands for them.
@Suite struct NotificationEdgeTests {
    @Test func raisingAndTakingAreDifferentRights() {
        let fixture = Fixture()
        let notification = fixture.create(.notification)
        let raising = fixture.derive(notification, rights: .write), taking = fixture.derive(notification, rights: .read)
        #expect(fixture.operate(.poll, raising).status == .noRights)
        #expect(fixture.operate(.signal, taking, 4).status == .noRights)
        fixture.succeed(.signal, raising, 4)
        #expect(fixture.operate(.poll, raising).status == .noRights)
        #expect(fixture.operate(.poll, taking).tag == 4 && fixture.operate(.poll, taking).tag == 0)
    }

    /// A notification interrupts its virtual CPU by the number that it is bound to, and by no other.
    @Test(arguments: [32, 63, 64, 95, 96, 127] as [UInt64])
    func eachInterruptHasItsNumber(number: UInt64) {
        let fixture = Fixture()
        let machine = fixture.makeVirtualCPU(starts: false)
        let notification = fixture.create(.notification)
        fixture.succeed(
            .notificationBind, notification, form: NotificationBind.virtualInterrupt.rawValue, UInt64(machine.slot),
            number)
        fixture.succeed(.signal, notification, 1)
        let pending = (0..<4).map { machine.guest.pointee.pending[$0].load() }
        #expect(pending == (0..<4).map { $0 == Int(number / 32) ? 1 << (number % 32) : 0 })
    }
}
