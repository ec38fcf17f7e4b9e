import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// Chains of calls decide whose time runs which context on one core, while another core raises a server's bits.
/// `HelpingTests` plays the steps of one core alone. The design is `Kernel/Proofs/helping.pml`.
@Suite struct InterleavingHelpingTests {
    private let scenario = KernelScenario(cores: 2)
    private let low: Tenant, server: Tenant, last: Tenant, high: Tenant, other: Tenant
    private let toServer: UInt32, toLast: UInt32

    init() {
        let fixture = scenario.fixture
        low = fixture.makeThread(priority: 2)
        server = fixture.makeThread(priority: 4, notified: true)
        last = fixture.makeThread(priority: 6)
        high = fixture.makeThread(priority: 8, notified: true)
        (toServer, toLast) = (fixture.makePortal(to: server), fixture.makePortal(to: last))
        fixture.succeed(.contextControl, high.slot, form: ContextControl.setAbortMask.rawValue, 2)
        other = fixture.makeThread(priority: 10, core: 1)
        fixture.sleepRoot()
        for tenant in [high, last, server] { fixture.wait(tenant) }
        scenario.name(fixture.object(server.notification, as: KernelCore.Notification.self), "server's bits")
    }

    /// Answers, and keeps the bits that the context has received.
    private var answer: KernelScenario.Step {
        let answer = scenario.operation(.replyWait, form: ReplyForm.reply | ReplyForm.wait)
        return { [scenario] core, context in
            _ = scenario.heard(context)
            answer(core, context)
        }
    }
    private func call(_ portal: UInt32) -> KernelScenario.Step { scenario.operation(.call, portal) }

    private func bits(_ tenant: Tenant) -> UInt64 {
        scenario.fixture.object(tenant.notification, as: KernelCore.Notification.self).pointee.bits.load()
    }

    /// Bits come for a server that serves, waits, or has a caller in its queue. The server gets them, and its callers
    /// get answers.
    @Test func aServerHearsOfBitsAndItsCallersAreServed() {
        scenario.program(low.context, call(toServer))
        // A call would overwrite the bits that the server has received.
        let callLast = call(toLast)
        scenario.program(
            server.context,
            { [scenario] core, context in
                _ = scenario.heard(context)
                callLast(core, context)
            })
        for tenant in [server, last] { scenario.endlessly(tenant.context, answer) }
        scenario.program(high.context, call(toServer))
        scenario.endlessly(high.context, scenario.listening)
        for (tenant, bits) in [(server, 1), (high, 1), (server, 4)] as [(Tenant, UInt64)] {
            scenario.program(other.context, scenario.signal(tenant.notification, bits))
        }
        scenario.explore { [self] in
            guard server.state == .waiting, bits(server) == 0 else { return "bits of the server are left" }
            guard scenario.heard(server.context) == 5 else { return "heard \(scenario.heard(server.context))" }
            for caller in [low, high] where caller.state == .calling { return "a caller is not served" }
            return nil
        }
    }

    /// The wake-up of a more urgent client and the end of its call by a bit, while a chain runs.
    @Test func aClientThatIsAbortedLeavesNoTimeBehind() {
        // The invariants look at the queues of time.
        scenario.invariantsEach = 1
        scenario.program(low.context, call(toServer))
        scenario.program(server.context, call(toLast))
        for tenant in [server, last] { scenario.endlessly(tenant.context, answer) }
        scenario.program(high.context, call(toServer))
        scenario.endlessly(high.context, scenario.listening)
        scenario.program(other.context, scenario.signal(high.notification, 1), scenario.signal(high.notification, 2))
        scenario.explore { [self] in
            guard high.state != .waiting || bits(high) == 0 else { return "sleeps with bits" }
            return low.state == .calling ? "a caller is not served" : nil
        }
    }
}
