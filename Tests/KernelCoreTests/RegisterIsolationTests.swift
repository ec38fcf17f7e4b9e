import ABI
import MachineModel
import Testing

@testable import KernelCore

/// What of one tenant is in hardware must not be seen, or lost, by another.
@Suite struct RegisterIsolationTests {
    @Test func theThreadRegisterDoesNotPassFromComponentToComponent() {
        let bench = Bench()
        let server = bench.makeThread(priority: 20)
        let client = bench.makeThread(priority: 10)
        let portal = bench.makePortal(to: server)
        bench.sleepRoot()
        bench.wait(server)
        bench.model.cores[0].threadRegister = 1
        bench.call(portal, by: client)
        #expect(bench.model.cores[0].threadRegister == 0)
        bench.model.cores[0].threadRegister = 2
        bench.replyAndWait(server)
        #expect(bench.model.cores[0].threadRegister == 0)
    }

    @Test func floatingPointStaysItsOwners() {
        let bench = Bench()
        let first = bench.makeThread(priority: 5, slice: 100)
        let second = bench.makeThread(priority: 5, slice: 100)
        bench.sleepRoot()
        for round in 0..<3 as Range<UInt64> {
            for (thread, own) in [(first, 0xA0 + round), (second, 0xB0 + round)] {
                bench.enter { K.floatingPointTrap($0, thread.context) }
                if round > 0 { #expect(bench.model.cores[0].floatingPoint == own - 1) }
                bench.model.cores[0].floatingPoint = own
                bench.advance(100)
            }
        }
    }

    @Test func aThreadThatStopsByReplyingTakesItsFloatingPointAlong() {
        let bench = Bench()
        let server = bench.makeThread(passive: true, starts: false)
        let portal = bench.makePortal(to: server)
        let client = bench.makeThread(priority: 10)
        bench.makeWaiting(server)
        bench.sleepRoot()
        bench.call(portal, by: client)
        bench.enter { K.floatingPointTrap($0, server.context) }
        bench.model.cores[0].floatingPoint = 0x77
        bench.operate(.replyWait, form: ReplyForm.reply, by: server.context)
        #expect(server.state == .stopped)
        #expect(server.context.pointee.floatingPoint.registers[0] == 0x77)
        #expect(bench.core(0).pointee.floatingPointOwner == nil)
    }
}
