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

    @Test func manySignalsAreOneItemOfTheInbox() {
        let thread = bench.makeThread(core: 1, notified: true)
        for bit in 0..<5 as Range<UInt64> { bench.succeed(.signal, thread.notification, 1 << bit) }
        bench.settle(1)
        let heard = bench.wait(thread)
        #expect(heard.status == .notified && heard.tag == 0x1F)
    }
}
