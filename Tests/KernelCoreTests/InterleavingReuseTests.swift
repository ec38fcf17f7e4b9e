import ABI
import Interleaving
import HardwareModel
import Testing

@testable import KernelCore

/// A core looks up threads and scheduling contexts without the lock, while another core revokes them and uses their
/// memory for something else. The kernel uses them no longer than their memory is theirs.
@Suite struct InterleavingReuseTests {
    private let scenario = KernelScenario(cores: 2)
    private let part: UInt32, victim: UInt32
    private static let size = 1 << 13

    init() {
        let fixture = scenario.fixture
        part = fixture.create(.region, UInt64(Self.size))
        victim = fixture.freeSlot()
    }

    private func make(_ kind: ObjectKind) {
        scenario.fixture.succeed(.create, part, form: UInt32(kind.rawValue), 0, UInt64(victim))
    }

    /// Lets core 0 revoke `part` and clear its memory, while core 1 does something with the victim.
    private func explore(
        _ steps: KernelScenario.Step..., isKnown: @escaping (UInt64) -> Bool,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let fixture = scenario.fixture
        let region = fixture.object(part, as: Region.self)
        let start = UInt(region.pointee.start.value), size = region.pointee.end.value &- region.pointee.start.value
        let words = UnsafeMutableBufferPointer<UInt64>(
            start: UnsafeMutablePointer(bitPattern: start), count: Int(size) / 8)
        let revoker = fixture.makeThread(priority: 10, core: 0), user = fixture.makeThread(priority: 10, core: 1)
        fixture.sleepRoot()
        scenario.program(
            revoker.context,
            scenario.untilDone(.revoke, part) {
                words.update(repeating: 0)
                for core in fixture.model.cores {
                    let item = core.kernelCore.pointee.unread
                    if item &- UInt64(start) < size { Interleaving.fail("an inbox holds other memory") }
                }
            })
        for step in steps {
            scenario.program(
                user.context, step,
                { _, context in
                    let status = context.pointee.frame.x[0]
                    if !isKnown(status) { Interleaving.fail("told \(status)") }
                })
        }
        scenario.explore(.short, sourceLocation: sourceLocation) {
            guard revoker.context.pointee.frame.x[0] == Status.ok.rawValue else { return "not revoked" }
            return words.allSatisfy { $0 == 0 } ? nil : "memory is used that is something else"
        }
    }

    private static func isAnswer(_ status: UInt64) -> Bool {
        status == Status.ok.rawValue || status == Status.badCapability.rawValue
    }

    /// Core 1 stops or starts a thread of its own core or of core 0.
    @Test(arguments: [0, 1]) func aThreadThatGoesIsStoppedOrNotFound(core: Int) {
        let fixture = scenario.fixture
        make(.thread)
        let thread = Tenant(
            context: fixture.object(victim, as: ExecutionContext.self), slot: victim,
            scheduling: fixture.makeScheduling(priority: 3, core: core))
        fixture.configure(thread, core: core)
        fixture.start(thread)
        scenario.name(thread.context, "thread")
        let stop = scenario.operation(.contextControl, victim, form: ContextControl.stop.rawValue)
        explore(stop, stop, isKnown: Self.isAnswer)
    }

    @Test func timeThatGoesIsAskedForItsUseOrNotFound() {
        make(.schedulingContext)
        scenario.name(scenario.fixture.object(victim, as: SchedulingContext.self), "time")
        let ask = scenario.operation(.scheduleControl, victim, form: ScheduleControl.timeUsed.rawValue)
        explore(ask, ask, isKnown: Self.isAnswer)
    }
}
