import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// Of several requests to another core that it has not worked off yet, the last one counts.
@Suite struct RequestTests {
    private let fixture = Fixture(cores: 2)

    private func ask(_ tenant: Tenant, _ forms: ContextControl...) {
        for form in forms { fixture.succeed(.contextControl, tenant.slot, form: form.rawValue) }
        fixture.settle(1)
    }

    private func status(_ tenant: Tenant) -> UInt64 {
        fixture.succeed(.contextControl, tenant.slot, form: ContextControl.status.rawValue).words[0]
    }

    @Test func aStopAfterAStartStops() {
        let thread = fixture.makeThread(core: 1, starts: false)
        ask(thread, .start, .stop)
        #expect(thread.state == .stopped)
        #expect(status(thread) == ContextStatus.stopped.rawValue)
    }

    @Test func aStartAfterAStopStarts() {
        let thread = fixture.makeThread(core: 1)
        #expect(fixture.current(1) == thread.context)
        ask(thread, .stop, .start)
        #expect(fixture.current(1) == thread.context)
    }

    @Test func aStartThatIsOnItsWayCountsAsRunning() {
        let thread = fixture.makeThread(core: 1, starts: false)
        fixture.succeed(.contextControl, thread.slot, form: ContextControl.start.rawValue)
        #expect(status(thread) == ContextStatus.running.rawValue)
        #expect(
            fixture.operate(.contextState, thread.slot, form: ContextState.read.rawValue, 0, 1).status == .badState)
        fixture.settle(1)
        #expect(fixture.current(1) == thread.context)
    }

    /// The model Proofs/start.pml found this case: another core's inbox could still hold the context, and wake it
    /// there.
    @Test func aContextKeepsItsCore() {
        let thread = fixture.makeThread(core: 1, starts: false)
        let elsewhere = fixture.makeScheduling(priority: 10, core: 0)
        let words = [UInt64(thread.space), 0, 0, UInt64(elsewhere), 0]
        #expect(
            fixture.operate(
                .contextControl, thread.slot, form: ContextControl.configure.rawValue, words[0], words[1], words[2],
                words[3], words[4]
            ).status == .wrongCore)
        ask(thread, .start)
        #expect(fixture.current(1) == thread.context)
    }

    @Test func stoppingWhatHasNoCoreYetAsksNobody() {
        let slot = fixture.create(.virtualCPU)
        fixture.succeed(.contextControl, slot, form: ContextControl.stop.rawValue)
        fixture.succeed(.interruptControl, slot, form: VirtualInterruptControl.enable.rawValue, 1, 1)
        let context = fixture.object(slot, as: ExecutionContext.self)
        #expect(context.pointee.requests.load() == 0 && context.pointee.inboxQueued.load() == 0)
        #expect(context.pointee.guest?.pointee.isDirty.load() == 1)
    }

    @Test func aStopBetweenTwoStartsLeavesItRunning() {
        let thread = fixture.makeThread(core: 1, starts: false)
        ask(thread, .start, .stop, .start)
        #expect(fixture.current(1) == thread.context)
        #expect(thread.context.pointee.requests.load() == 0)
    }

    /// A thread's state and queue belong to its own core. An inbox that still holds the notification must not wake the
    /// thread.
    @Test func aNotificationThatWasBoundAnewIsPassedOn() {
        let fixture = Fixture(cores: 3)
        let first = fixture.makeThread(core: 1, notified: true)
        let second = fixture.makeThread(core: 2)
        _ = fixture.wait(second)
        fixture.succeed(.signal, first.notification, 1)
        fixture.succeed(
            .notificationBind, first.notification, form: NotificationBind.thread.rawValue, UInt64(second.slot))
        fixture.settle(1)
        #expect(second.state == .waiting)
        fixture.settle(2)
        #expect(fixture.current(2) == second.context)
    }

    @Test func manySignalsAreOneItemOfTheInbox() {
        let thread = fixture.makeThread(core: 1, notified: true)
        for bit in 0..<5 as Range<UInt64> { fixture.succeed(.signal, thread.notification, 1 << bit) }
        fixture.settle(1)
        let heard = fixture.wait(thread)
        #expect(heard.status == .notified && heard.tag == 0x1F)
    }
}
