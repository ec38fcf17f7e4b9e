import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// The effects of an answer to an exit or a fault on the context, on the fast path and on the general one.
///
/// Tests that compare both paths do not notice a step that both leave out.
@Suite struct ExitReplyTests {
    private let fixture = Fixture()

    /// Makes a machine whose virtual CPU has exited, and whose monitor is at work.
    private func exitedMachine(fast: Bool) -> (monitor: Tenant, machine: Tenant) {
        fixture.usesFastPath = fast
        let monitor = fixture.makeThread(priority: 20)
        let machine = fixture.makeVirtualCPU(priority: 5, portal: fixture.makePortal(to: monitor))
        fixture.sleep(monitor)
        machine.context.pointee.frame.programCounter = 0x1000
        for register in 0..<31 { machine.context.pointee.frame.x[register] = 100 + UInt64(register) }
        fixture.exit(machine, Message(9))
        return (monitor, machine)
    }

    private func registers(_ tenant: Tenant) -> [UInt64] { (0..<31).map { tenant.context.pointee.frame.x[$0] } }

    @Test(arguments: [true, false]) func anAnswerWritesTheRegisterThatItNames(fast: Bool) {
        let (monitor, machine) = exitedMachine(fast: fast)
        var expected = registers(machine)
        expected[17] = 77
        fixture.replyAndWait(
            monitor, extra: ReplyForm.advance | ReplyForm.writeRegister | 17 << ReplyForm.registerShift, 77)
        #expect(registers(machine) == expected)
        #expect(machine.context.pointee.frame.programCounter == 0x1004)
        #expect(fixture.current() == machine.context && machine.state == .ready)
    }

    @Test(arguments: [true, false]) func anAnswerWritesTheArgumentsOfAHypercall(fast: Bool) {
        let (monitor, machine) = exitedMachine(fast: fast)
        var expected = registers(machine)
        expected.replaceSubrange(0..<4, with: [1, 2, 3, 4])
        fixture.replyAndWait(monitor, extra: ReplyForm.writeArguments, 1, 2, 3, 4, 5, 6)
        #expect(registers(machine) == expected)
        #expect(machine.context.pointee.frame.programCounter == 0x1000)
    }

    /// The guest gets an abort for a refusal, and goes on.
    @Test(arguments: [true, false]) func aRefusedExitDoesNotStopTheMachine(waits: Bool) {
        let (monitor, machine) = exitedMachine(fast: false)
        let expected = registers(machine)
        let refused = SystemRegisterPlace.refused, before = machine.guest.pointee.system[refused]
        fixture.operate(
            .replyWait, form: ReplyForm.reply | ReplyForm.refuse | (waits ? ReplyForm.wait : 0), by: monitor.context)
        #expect(machine.guest.pointee.system[refused] == before + 1)
        #expect(machine.state == .ready && registers(machine) == expected)
    }

    // MARK: Faults of threads

    /// Makes a thread that has faulted, and whose pager is at work.
    private func faultedThread() -> (pager: Tenant, thread: Tenant) {
        fixture.usesFastPath = false
        let pager = fixture.makeThread(priority: 20)
        let thread = fixture.makeThread(priority: 5, starts: false)
        fixture.configure(thread, portal: fixture.makePortal(to: pager))
        fixture.start(thread)
        fixture.sleep(pager)
        fixture.exit(thread, Message(9))
        return (pager, thread)
    }

    /// This also holds if a server answers that does not wait for the next call.
    @Test(arguments: [true, false]) func aServedFaultDoesNotStopTheThread(waits: Bool) {
        let (pager, thread) = faultedThread()
        fixture.operate(.replyWait, form: ReplyForm.reply | (waits ? ReplyForm.wait : 0), by: pager.context)
        #expect(thread.state == .ready)
    }

    @Test(arguments: [true, false]) func aRefusedFaultStopsTheThread(waits: Bool) {
        let (pager, thread) = faultedThread()
        fixture.operate(
            .replyWait, form: ReplyForm.reply | ReplyForm.refuse | (waits ? ReplyForm.wait : 0), by: pager.context)
        #expect(thread.state == .stopped)
    }

    /// The pager waits for this very thread, so that the fault can never be served and the thread stops.
    @Test func aFaultWhoseServerWaitsForTheThreadStopsIt() {
        fixture.usesFastPath = false
        let thread = fixture.makeThread(priority: 20, starts: false)
        let pager = fixture.makeThread(priority: 5)
        fixture.configure(thread, portal: fixture.makePortal(to: pager))
        fixture.start(thread)
        let portal = fixture.makePortal(to: thread)
        fixture.sleepRoot()
        fixture.wait(thread)
        fixture.call(portal, by: pager, 1)
        #expect(fixture.current() == thread.context)
        fixture.exit(thread, Message(9))
        #expect(thread.state == .stopped)
        #expect(fixture.answer(pager.context).status == .dead)
    }

    // MARK: Stopped and started again meanwhile

    /// A start cancels a stop that waits for the end of a call, so that no later end of a call stops the thread.
    @Test func aStopThatWasTakenBackStopsNoLaterCall() {
        let server = fixture.makeThread(priority: 20)
        let client = fixture.makeThread(priority: 5, notified: true)
        let portal = fixture.makePortal(to: server)
        fixture.sleep(server)
        fixture.call(portal, by: client, 1)
        fixture.raiseRoot()
        fixture.stop(client)
        fixture.start(client)
        fixture.succeed(.contextControl, client.slot, form: ContextControl.abort.rawValue)
        #expect(client.state == .ready && fixture.answer(client.context).status == .aborted)
    }

    // MARK: Registers

    @Test func registersBehindTheLastOneAreNone() {
        let machine = fixture.makeVirtualCPU(priority: 5, starts: false)
        let last = RegisterNumber.system + 48
        for (number, count, status) in [(last - 1, 1, Status.ok), (last, 1, .badArgument), (last - 1, 2, .badArgument)]
        {
            let answer = fixture.operate(
                .contextState, machine.slot, form: ContextState.read.rawValue, number, UInt64(count), by: fixture.root)
            #expect(answer.status == status)
        }
    }
}
