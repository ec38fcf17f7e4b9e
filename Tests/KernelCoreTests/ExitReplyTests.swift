import ABI
import MachineModel
import Testing

@testable import KernelCore

/// The effects of an answer to an exit or a fault on the context, on the fast path and on the general one.
///
/// Tests that compare both paths do not see what both leave out.
@Suite struct ExitReplyTests {
    private let bench = Bench()

    /// A machine's virtual CPU has exited, and its monitor is at work.
    private func exitedMachine(fast: Bool) -> (monitor: Tenant, machine: Tenant) {
        bench.usesFastPath = fast
        let monitor = bench.makeThread(priority: 20)
        let machine = bench.makeVirtualCPU(priority: 5, portal: bench.makePortal(to: monitor))
        bench.sleep(monitor)
        machine.context.pointee.frame.programCounter = 0x1000
        for register in 0..<31 { machine.context.pointee.frame.x[register] = 100 + UInt64(register) }
        bench.exit(machine, Message(9))
        return (monitor, machine)
    }

    private func registers(_ tenant: Tenant) -> [UInt64] { (0..<31).map { tenant.context.pointee.frame.x[$0] } }

    @Test(arguments: [true, false]) func anAnswerWritesTheRegisterThatItNames(fast: Bool) {
        let (monitor, machine) = exitedMachine(fast: fast)
        var expected = registers(machine)
        expected[17] = 77
        bench.replyAndWait(
            monitor, extra: ReplyForm.advance | ReplyForm.writeRegister | 17 << ReplyForm.registerShift, 77)
        #expect(registers(machine) == expected)
        #expect(machine.context.pointee.frame.programCounter == 0x1004)
        #expect(bench.current() == machine.context && machine.state == .ready)
    }

    @Test(arguments: [true, false]) func anAnswerWritesTheArgumentsOfAHypercall(fast: Bool) {
        let (monitor, machine) = exitedMachine(fast: fast)
        var expected = registers(machine)
        expected.replaceSubrange(0..<4, with: [1, 2, 3, 4])
        bench.replyAndWait(monitor, extra: ReplyForm.writeArguments, 1, 2, 3, 4, 5, 6)
        #expect(registers(machine) == expected)
        #expect(machine.context.pointee.frame.programCounter == 0x1000)
    }

    /// The guest hears of a refusal by an abort, and goes on.
    @Test(arguments: [true, false]) func aRefusedExitDoesNotStopTheMachine(waits: Bool) {
        let (monitor, machine) = exitedMachine(fast: false)
        let expected = registers(machine)
        let refused = SystemRegisterPlace.refused, before = machine.guest.pointee.system[refused]
        bench.operate(
            .replyWait, form: ReplyForm.reply | ReplyForm.refuse | (waits ? ReplyForm.wait : 0), by: monitor.context)
        #expect(machine.guest.pointee.system[refused] == before + 1)
        #expect(machine.state == .ready && registers(machine) == expected)
    }

    // MARK: Faults of threads

    /// A thread has faulted, and its pager is at work.
    private func faultedThread() -> (pager: Tenant, thread: Tenant) {
        bench.usesFastPath = false
        let pager = bench.makeThread(priority: 20)
        let thread = bench.makeThread(priority: 5, starts: false)
        bench.configure(thread, portal: bench.makePortal(to: pager))
        bench.start(thread)
        bench.sleep(pager)
        bench.exit(thread, Message(9))
        return (pager, thread)
    }

    /// Also one that is answered by a server that does not wait for the next.
    @Test(arguments: [true, false]) func aServedFaultDoesNotStopTheThread(waits: Bool) {
        let (pager, thread) = faultedThread()
        bench.operate(.replyWait, form: ReplyForm.reply | (waits ? ReplyForm.wait : 0), by: pager.context)
        #expect(thread.state == .ready)
    }

    @Test(arguments: [true, false]) func aRefusedFaultStopsTheThread(waits: Bool) {
        let (pager, thread) = faultedThread()
        bench.operate(
            .replyWait, form: ReplyForm.reply | ReplyForm.refuse | (waits ? ReplyForm.wait : 0), by: pager.context)
        #expect(thread.state == .stopped)
    }

    /// Its pager waits for this very thread, so that the fault can never be served: the thread stops.
    @Test func aFaultWhoseServerWaitsForTheThreadStopsIt() {
        bench.usesFastPath = false
        let thread = bench.makeThread(priority: 20, starts: false)
        let pager = bench.makeThread(priority: 5)
        bench.configure(thread, portal: bench.makePortal(to: pager))
        bench.start(thread)
        let portal = bench.makePortal(to: thread)
        bench.sleepRoot()
        bench.wait(thread)
        bench.call(portal, by: pager, 1)
        #expect(bench.current() == thread.context)
        bench.exit(thread, Message(9))
        #expect(thread.state == .stopped)
        #expect(bench.answer(pager.context).status == .dead)
    }

    // MARK: Stopped and started again meanwhile

    /// A stop that waits for the end of a call is void after a start: no later end of a call stops the thread.
    @Test func aStopThatWasTakenBackStopsNoLaterCall() {
        let server = bench.makeThread(priority: 20)
        let client = bench.makeThread(priority: 5, notified: true)
        let portal = bench.makePortal(to: server)
        bench.sleep(server)
        bench.call(portal, by: client, 1)
        bench.raiseRoot()
        bench.stop(client)
        bench.start(client)
        bench.succeed(.contextControl, client.slot, form: ContextControl.abort.rawValue)
        #expect(client.state == .ready && bench.answer(client.context).status == .aborted)
    }

    // MARK: Registers

    @Test func registersBehindTheLastOneAreNone() {
        let machine = bench.makeVirtualCPU(priority: 5, starts: false)
        let last = RegisterNumber.system + 48
        for (number, count, status) in [(last - 1, 1, Status.ok), (last, 1, .badArgument), (last - 1, 2, .badArgument)]
        {
            let answer = bench.operate(
                .contextState, machine.slot, form: ContextState.read.rawValue, number, UInt64(count), by: bench.root)
            #expect(answer.status == status)
        }
    }
}
