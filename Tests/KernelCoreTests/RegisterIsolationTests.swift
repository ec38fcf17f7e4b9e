import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// A tenant neither sees nor loses registers of another tenant that are in hardware.
@Suite struct RegisterIsolationTests {
    @Test func theThreadRegisterDoesNotPassFromComponentToComponent() {
        let fixture = Fixture()
        let server = fixture.makeThread(priority: 20)
        let client = fixture.makeThread(priority: 10)
        let portal = fixture.makePortal(to: server)
        fixture.sleepRoot()
        fixture.wait(server)
        fixture.model.cores[0].threadRegister = 1
        fixture.call(portal, by: client)
        #expect(fixture.model.cores[0].threadRegister == 0)
        fixture.model.cores[0].threadRegister = 2
        fixture.replyAndWait(server)
        #expect(fixture.model.cores[0].threadRegister == 0)
    }

    @Test func floatingPointStaysItsOwners() {
        let fixture = Fixture()
        let first = fixture.makeThread(priority: 5, slice: 100)
        let second = fixture.makeThread(priority: 5, slice: 100)
        fixture.sleepRoot()
        for round in 0..<3 as Range<UInt64> {
            for (thread, own) in [(first, 0xA0 + round), (second, 0xB0 + round)] {
                fixture.enter { K.floatingPointTrap($0, thread.context) }
                if round > 0 { #expect(fixture.model.cores[0].floatingPoint == own - 1) }
                fixture.model.cores[0].floatingPoint = own
                fixture.advance(100)
            }
        }
    }

    @Test func aThreadThatStopsByReplyingTakesItsFloatingPointAlong() {
        let fixture = Fixture()
        let server = fixture.makeThread(passive: true, starts: false)
        let portal = fixture.makePortal(to: server)
        let client = fixture.makeThread(priority: 10)
        fixture.makeWaiting(server)
        fixture.sleepRoot()
        fixture.call(portal, by: client)
        fixture.enter { K.floatingPointTrap($0, server.context) }
        fixture.model.cores[0].floatingPoint = 0x77
        fixture.operate(.replyWait, form: ReplyForm.reply, by: server.context)
        #expect(server.state == .stopped)
        #expect(server.context.pointee.floatingPoint.registers[0] == 0x77)
        #expect(fixture.core(0).pointee.floatingPointOwner == nil)
    }
}
