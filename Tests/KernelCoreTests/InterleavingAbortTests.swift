import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// A call with its reply, and its end before the reply by a bit of the caller's abort mask, which other cores raise.
/// The design is `Kernel/Proofs/abort.pml`.
@Suite struct InterleavingAbortTests {
    private let scenario = KernelScenario(cores: 3)
    /// X calls S, and S calls T; bit 1 is in the abort masks of X and S, bit 2 is not.
    private let x: Tenant, s: Tenant, t: Tenant
    private let toS: UInt32, toT: UInt32
    private let others: [Tenant]

    init() {
        let fixture = scenario.fixture
        t = fixture.makeThread(priority: 20)
        s = fixture.makeThread(priority: 15, notified: true)
        x = fixture.makeThread(priority: 10, notified: true)
        (toS, toT) = (fixture.makePortal(to: s), fixture.makePortal(to: t))
        for tenant in [x, s] {
            fixture.succeed(.contextControl, tenant.slot, form: ContextControl.setAbortMask.rawValue, 1)
        }
        others = (1...2).map { fixture.makeThread(priority: 10, core: $0) }
        for (tenant, name) in [(x, "X"), (s, "S"), (t, "T")] { scenario.name(tenant.context, name) }
        for (tenant, name) in [(x, "X's bits"), (s, "S's bits")] { scenario.name(notification(tenant), name) }
        fixture.sleepRoot()
        fixture.wait(t)
        fixture.wait(s)
    }

    private func notification(_ tenant: Tenant) -> Ref<KernelCore.Notification> {
        scenario.fixture.object(tenant.notification, as: KernelCore.Notification.self)
    }

    private func raise(_ bits: UInt64, _ tenant: Tenant) -> KernelScenario.Step {
        scenario.signal(tenant.notification, bits)
    }
    private var answer: KernelScenario.Step { scenario.operation(.replyWait, form: ReplyForm.reply | ReplyForm.wait) }
    private var poll: KernelScenario.Step { scenario.operation(.poll, x.notification) }

    private func call(_ portal: UInt32) -> KernelScenario.Step {
        let call = scenario.operation(.call, portal)
        return { [scenario] core, context in
            _ = scenario.heard(context)
            // Each call has one outcome, which is counted here and checked at the end.
            context.pointee.frame.x[21] &+= 1
            call(core, context)
        }
    }

    /// Checks the state after all activity has ended.
    ///
    /// - Parameter wasSignalled: true if bits came for S, which may use its own time from then on.
    private func check(isAnswered: Bool, wasSignalled: Bool = false) -> String? {
        for tenant in [x, s] {
            let bits = notification(tenant).pointee.bits.load()
            if tenant.state == .calling, bits & 1 != 0 { return "calls though a bit of its mask is raised" }
            if tenant.state == .waiting, bits != 0 { return "sleeps with bits" }
            if bits != 0, tenant.state != .stopped, !tenant.context.pointee.usesOwnTime { return "bits bring no time" }
        }
        for server in [s, t] {
            if let queued = server.context.pointee.callers.head,
                queued.pointee.state != .calling || queued.pointee.server != server.context
            {
                return "a caller that has gone on is in the queue"
            }
            guard let caller = server.context.pointee.caller else {
                let hasNews = server.notification != 0 && notification(server).pointee.bits.load() != 0
                if server.state == .ready, server.context.pointee.usesOwnTime, !hasNews, !wasSignalled {
                    return "an orphan uses its own time"
                }
                continue
            }
            guard caller.pointee.state == .calling, caller.pointee.server == server.context else {
                return "serves a caller that has gone on"
            }
        }
        let bits = notification(x).pointee.bits.load()
        return bits | scenario.heard(x.context) == 3 || !isAnswered ? nil : "X lost bits: \(bits)"
    }

    /// S answers, or X is aborted and the bits stay.
    @Test func aCallHasOneOutcome() {
        scenario.program(x.context, call(toS), call(toS))
        scenario.endlessly(s.context, answer)
        scenario.program(others[0].context, raise(2, x))
        scenario.program(others[1].context, raise(1, x))
        scenario.explore { [self] in check(isAnswered: true) }
    }

    /// S never answers, so only the bit ends the call, even if other bits came before.
    @Test func aServerThatHangsLosesItsCallerToABit() {
        scenario.program(x.context, call(toS))
        scenario.program(others[0].context, raise(2, x))
        scenario.program(others[1].context, raise(1, x))
        scenario.explore { [self] in
            x.context.pointee.frame.x[0] == Status.aborted.rawValue ? check(isAnswered: true) : "not aborted"
        }
    }

    /// X calls S, and S calls T, which never answers. Both callers are aborted in either order.
    @Test func aChainIsAbortedInEitherOrder() {
        // S may keep the core.
        scenario.mayEndEarly = true
        scenario.program(x.context, call(toS))
        scenario.program(s.context, call(toT))
        scenario.program(others[0].context, raise(1, x), raise(2, s))
        scenario.program(others[1].context, raise(1, s), raise(2, x))
        scenario.explore { [self] in
            // S may have been woken by its bits, and may keep X from calling at all.
            guard x.context.pointee.frame.x[21] != 0 else { return nil }
            return x.context.pointee.frame.x[0] == Status.aborted.rawValue
                ? check(isAnswered: true, wasSignalled: true) : "X is not aborted"
        }
    }

    /// X queues at S, which is at work for a less urgent caller, when the bit comes.
    @Test func aCallerThatIsAbortedLeavesTheQueue() {
        // X may keep the core.
        scenario.mayEndEarly = true
        let fixture = scenario.fixture
        fixture.raiseRoot()
        let first = fixture.makeThread(priority: 5)
        fixture.sleepRoot()
        scenario.program(first.context, call(toS))
        scenario.program(x.context, scenario.listening, call(toS))
        scenario.program(others[0].context, raise(2, x), raise(1, x))
        scenario.explore { [self] in
            guard x.context.pointee.frame.x[21] != 0, first.context.pointee.frame.x[21] != 0,
                scenario.heard(x.context) & 1 == 0
            else { return nil }
            return x.context.pointee.frame.x[0] == Status.aborted.rawValue ? check(isAnswered: true) : "not aborted"
        }
    }
}
