import ABI
import MachineModel
import Testing

@testable import KernelCore

/// Requests to another core that it has not worked off yet: the last one counts.
@Suite struct RequestTests {
    private let bench = Bench(cores: 2)

    private func ask(_ tenant: Tenant, _ forms: ContextControl...) {
        for form in forms { bench.succeed(.contextControl, tenant.slot, form: form.rawValue) }
        bench.settle(1)
    }

    private func status(_ tenant: Tenant) -> UInt64 {
        bench.succeed(.contextControl, tenant.slot, form: ContextControl.status.rawValue).words[0]
    }

    @Test func aStopAfterAStartStops() {
        let thread = bench.makeThread(core: 1, starts: false)
        ask(thread, .start, .stop)
        #expect(thread.state == .stopped)
        #expect(status(thread) == ContextStatus.stopped.rawValue)
    }

    @Test func aStartAfterAStopStarts() {
        let thread = bench.makeThread(core: 1)
        #expect(bench.current(1) == thread.context)
        ask(thread, .stop, .start)
        #expect(bench.current(1) == thread.context)
    }

    @Test func aStartThatIsOnItsWayCountsAsRunning() {
        let thread = bench.makeThread(core: 1, starts: false)
        bench.succeed(.contextControl, thread.slot, form: ContextControl.start.rawValue)
        #expect(status(thread) == ContextStatus.running.rawValue)
        #expect(
            bench.operate(.contextState, thread.slot, form: ContextState.read.rawValue, 0, 1).status == .badState)
        bench.settle(1)
        #expect(bench.current(1) == thread.context)
    }

    /// Found by Models/start.pml: another core's inbox could still hold the context, and wake it there.
    @Test func aContextKeepsItsCore() {
        let thread = bench.makeThread(core: 1, starts: false)
        let elsewhere = bench.makeScheduling(priority: 10, core: 0)
        let words = [UInt64(thread.space), 0, 0, UInt64(elsewhere), 0]
        #expect(
            bench.operate(
                .contextControl, thread.slot, form: ContextControl.configure.rawValue, words[0], words[1], words[2],
                words[3], words[4]
            ).status == .wrongCore)
        ask(thread, .start)
        #expect(bench.current(1) == thread.context)
    }

    @Test func stoppingWhatHasNoCoreYetAsksNobody() {
        let slot = bench.create(.virtualCPU)
        bench.succeed(.contextControl, slot, form: ContextControl.stop.rawValue)
        bench.succeed(.interruptControl, slot, form: VirtualInterruptControl.enable.rawValue, 1, 1)
        let context = bench.object(slot, as: ExecutionContext.self)
        #expect(context.pointee.requests.load() == 0 && context.pointee.inboxQueued.load() == 0)
        #expect(context.pointee.guest?.pointee.isDirty.load() == 1)
    }

    @Test func aStopBetweenTwoStartsLeavesItRunning() {
        let thread = bench.makeThread(core: 1, starts: false)
        ask(thread, .start, .stop, .start)
        #expect(bench.current(1) == thread.context)
        #expect(thread.context.pointee.requests.load() == 0)
    }

    /// A thread's state and queue are its own core's: the inbox that still holds the notification must not wake it.
    @Test func aNotificationThatWasBoundAnewIsPassedOn() {
        let bench = Bench(cores: 3)
        let first = bench.makeThread(core: 1, notified: true)
        let second = bench.makeThread(core: 2)
        _ = bench.wait(second)
        bench.succeed(.signal, first.notification, 1)
        bench.succeed(
            .notificationBind, first.notification, form: NotificationBind.thread.rawValue, UInt64(second.slot))
        bench.settle(1)
        #expect(second.state == .waiting)
        bench.settle(2)
        #expect(bench.current(2) == second.context)
    }

    @Test func manySignalsAreOneItemOfTheInbox() {
        let thread = bench.makeThread(core: 1, notified: true)
        for bit in 0..<5 as Range<UInt64> { bench.succeed(.signal, thread.notification, 1 << bit) }
        bench.settle(1)
        let heard = bench.wait(thread)
        #expect(heard.status == .notified && heard.tag == 0x1F)
    }
}
