import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// The operations that a machine may call in the kernel itself.
@Suite struct HypercallTests {
    private let fixture = Fixture()
    private let machine: Tenant
    private let notification: UInt32

    init() {
        machine = fixture.makeVirtualCPU()
        notification = fixture.create(.notification)
        fixture.sleepRoot()
    }

    /// Performs it, and returns `x0`. All other registers keep their values, except `x1` of an operation that answers
    /// with bits.
    private func hypercall(_ operation: ABI.Operation, _ slot: UInt32, _ word: UInt64 = 0) -> Status? {
        #expect(fixture.current() == machine.context)
        let frame = machine.context
        for index in 0..<31 { frame.pointee.frame.x[index] = 0x100 + UInt64(index) }
        frame.pointee.frame.x[1] = Selector(slot: slot).bits
        frame.pointee.frame.x[2] = word
        fixture.enter { K.hypercall($0, frame, operation: operation.rawValue) }
        let status = Status(rawValue: frame.pointee.frame.x[0])
        let isAnswer = operation == .poll && status == .ok
        #expect(isAnswer || frame.pointee.frame.x[1] == Selector(slot: slot).bits)
        #expect(frame.pointee.frame.x[2] == word)
        #expect((3..<31).allSatisfy { frame.pointee.frame.x[$0] == 0x100 + UInt64($0) })
        return status
    }

    @Test func itRaisesAndTakesBits() {
        #expect(hypercall(.signal, notification, 5) == .ok)
        let object = fixture.object(notification, as: KernelCore.Notification.self)
        #expect(object.pointee.bits.load() == 5)
        #expect(hypercall(.poll, notification) == .ok)
        #expect(object.pointee.bits.load() == 0 && machine.context.pointee.frame.x[1] == 5)
    }

    @Test func otherHypercallsAreRefused() {
        for operation in [ABI.Operation.signal, .poll] {
            #expect(hypercall(operation, 0) == .badCapability)
            #expect(hypercall(operation, machine.slot) == .badCapability)
        }
        for operation in [ABI.Operation.call, .replyWait, .copy, .create, .derive, .revoke, .map, .contextControl] {
            #expect(hypercall(operation, notification) == .unsupported)
        }
    }
}
