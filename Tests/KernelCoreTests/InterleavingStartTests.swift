import ABI
import Interleaving
import HardwareModel
import Testing

@testable import KernelCore

/// Starting, stopping and configuring a context from any core. The design is `Kernel/Proofs/start.pml`.
@Suite struct InterleavingStartTests {
    private let scenario = KernelScenario(cores: 2)
    private let subject: Tenant
    private let chiefs: [Tenant]

    /// Makes a subject of core 1, which is not started yet, and a more urgent chief on each core.
    init() {
        let fixture = scenario.fixture
        subject = fixture.makeThread(priority: 3, core: 1, starts: false)
        scenario.name(subject.context, "subject")
        chiefs = (0...1).map { fixture.makeThread(priority: 10, core: $0) }
        fixture.sleepRoot()
    }

    private func control(_ form: ContextControl) -> KernelScenario.Step {
        scenario.operation(.contextControl, subject.slot, form: form.rawValue)
    }
    private func configure(_ core: UInt64) -> KernelScenario.Step {
        scenario.operation(
            .contextControl, subject.slot, form: ContextControl.configure.rawValue, UInt64(subject.space),
            UInt64(InitialSlot.table), 0, UInt64(subject.scheduling), core)
    }
    private var sleep: KernelScenario.Step { scenario.wait }

    private var isRunning: Bool { subject.context.pointee.running.load() != 0 }

    /// The answers that were seen over an exploration.
    private final class Answers {
        var seen: Set<UInt64> = []
    }

    private func check(runs: Bool?) -> String? {
        let context = subject.context
        guard isRunning == (context.pointee.state != .stopped) else {
            return isRunning ? "says that it runs" : "says that it is at rest"
        }
        guard context.pointee.requests.load() == 0, context.pointee.inboxQueued.load() == 0 else {
            return "a request is left"
        }
        if let runs, runs != isRunning { return runs ? "not started" : "not stopped" }
        return nil
    }

    /// Of several requests of one core the last one counts.
    @Test func theLastRequestCounts() {
        scenario.program(chiefs[0].context, control(.start), control(.stop), control(.start), control(.stop))
        scenario.explore { [self] in check(runs: false) }
    }

    @Test func aStartAfterAStopCounts() {
        scenario.program(chiefs[0].context, control(.start), control(.stop), control(.start))
        scenario.explore { [self] in check(runs: true) }
    }

    /// The inbox holds two contexts, the first of which is posted anew while the inbox is worked off.
    @Test func aContextThatIsPostedAnewLeavesTheListWhole() {
        let fixture = scenario.fixture
        fixture.raiseRoot()
        let second = fixture.makeThread(priority: 4, core: 1, starts: false)
        fixture.sleepRoot()
        scenario.name(second.context, "second")
        func control(_ form: ContextControl) -> KernelScenario.Step {
            scenario.operation(.contextControl, second.slot, form: form.rawValue)
        }
        scenario.program(chiefs[0].context, self.control(.start), control(.start), control(.stop))
        scenario.explore { [self] in
            guard second.state == .stopped, second.context.pointee.requests.load() == 0 else { return "not stopped" }
            return check(runs: true)
        }
    }

    /// A context that is configured anew is at rest: nobody is about to start it, and nobody is stopping it.
    @Test func aConfiguredContextIsAtRest() {
        let fixture = scenario.fixture
        // The invariants show time that is left in a queue of its former owner's core.
        scenario.invariantsEach = 1
        fixture.raiseRoot()
        let other = fixture.makeScheduling(priority: 4, core: 1)
        fixture.sleepRoot()
        let anew = scenario.operation(
            .contextControl, subject.slot, form: ContextControl.configure.rawValue, UInt64(subject.space),
            UInt64(InitialSlot.table), 0, UInt64(other), 1)
        let answers = Answers()
        let keep: KernelScenario.Step = { _, context in answers.seen.insert(context.pointee.frame.x[0]) }
        scenario.program(chiefs[0].context, control(.start), control(.stop), anew, keep, control(.start))
        scenario.program(chiefs[1].context, control(.start), control(.stop), sleep)
        scenario.explore { [self] in check(runs: nil) }
        // The check is over all schedules, because a context whose configuration always fails would otherwise pass.
        #expect(Extent.isReplay || answers.seen == [Status.ok.rawValue, Status.badState.rawValue])
    }

    /// Two chiefs request opposite things. One request counts, and the subject is consistent afterwards.
    @Test func opposedRequestsLeaveItWhole() {
        scenario.program(chiefs[0].context, control(.start), control(.stop))
        scenario.program(chiefs[1].context, control(.stop), control(.start), sleep)
        scenario.explore { [self] in check(runs: nil) }
    }

    /// A context that nobody has configured yet gets its core once, from the first core that configures it.
    @Test func aContextStaysOnItsFirstCore() {
        let fixture = scenario.fixture
        fixture.raiseRoot()
        let slot = fixture.create(.thread)
        let times = (0...1).map { fixture.makeScheduling(priority: 3, core: $0) }
        fixture.sleepRoot()
        let context = fixture.object(slot, as: ExecutionContext.self)
        func configure(_ core: Int) -> KernelScenario.Step {
            scenario.operation(
                .contextControl, slot, form: ContextControl.configure.rawValue, UInt64(subject.space),
                UInt64(InitialSlot.table), 0, UInt64(times[core]), UInt64(core))
        }
        func control(_ form: ContextControl) -> KernelScenario.Step {
            scenario.operation(.contextControl, slot, form: form.rawValue)
        }
        // Keeps the answer to a chief's attempt.
        let keep: KernelScenario.Step = { _, context in context.pointee.frame.x[21] = context.pointee.frame.x[0] }
        scenario.program(chiefs[0].context, configure(0), keep, control(.start), control(.stop))
        scenario.program(chiefs[1].context, control(.stop), configure(1), keep, control(.start), sleep)
        scenario.explore { [self] in
            let told = chiefs.map { $0.context.pointee.frame.x[21] }, core = context.pointee.core.index
            guard told[core & 1] == Status.ok.rawValue else { return "its first core was told \(told)" }
            // The second attempt meets a context that has a core, and may run.
            guard [Status.wrongCore, .badState].contains(where: { $0.rawValue == told[1 - core & 1] }) else {
                return "the other core was told \(told)"
            }
            guard context.pointee.isConfigured, let home = context.pointee.home else { return "not configured" }
            guard home.pointee.core == context.pointee.core else { return "its time is another core's" }
            guard context.pointee.requests.load() == 0 else { return "a request is left" }
            return (context.pointee.running.load() != 0) == (context.pointee.state != .stopped) ? nil : "not whole"
        }
    }
}
