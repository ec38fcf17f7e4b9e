import ABI
import MachineModel
import Testing

@testable import KernelCore

/// The rights to raise a notification's bits and to take them, and the interrupt as which they come.
@Suite struct NotificationEdgeTests {
    @Test func raisingAndTakingAreDifferentRights() {
        let bench = Bench()
        let notification = bench.create(.notification)
        let raising = bench.derive(notification, rights: .write), taking = bench.derive(notification, rights: .read)
        #expect(bench.operate(.poll, raising).status == .noRights)
        #expect(bench.operate(.signal, taking, 4).status == .noRights)
        bench.succeed(.signal, raising, 4)
        #expect(bench.operate(.poll, raising).status == .noRights)
        #expect(bench.operate(.poll, taking).tag == 4 && bench.operate(.poll, taking).tag == 0)
    }

    /// A notification interrupts its virtual CPU by the number that it is bound to, and by no other.
    @Test(arguments: [32, 63, 64, 95, 96, 127] as [UInt64])
    func eachInterruptHasItsNumber(number: UInt64) {
        let bench = Bench()
        let machine = bench.makeVirtualCPU(starts: false)
        let notification = bench.create(.notification)
        bench.succeed(
            .notificationBind, notification, form: NotificationBind.virtualInterrupt.rawValue, UInt64(machine.slot),
            number)
        bench.succeed(.signal, notification, 1)
        let pending = (0..<4).map { machine.guest.pointee.pending[$0].load() }
        #expect(pending == (0..<4).map { $0 == Int(number / 32) ? 1 << (number % 32) : 0 })
    }
}
