import ABI
import Interleaving
import MachineModel
import Testing

@testable import KernelCore

/// When the memory of a notification becomes something else, while other cores look the notification up, use it and put
/// it into inboxes. The design is `Sources/KernelCore/Models/grace.pml`.
@Suite struct InterleavingGraceTests {
    private let scenario: KernelScenario
    private let part: UInt32
    private let victim: UInt32
    private let fresh: UInt32
    private let revoker: Tenant
    private let users: [Tenant]

    /// Core 0 revokes `part` and makes a notification of it again; the others use the first one meanwhile.
    init() {
        scenario = KernelScenario(cores: 3)
        let bench = scenario.bench
        part = bench.create(.region, 1 << 13)
        victim = bench.freeSlot()
        fresh = bench.freeSlot()
        bench.succeed(.create, part, form: UInt32(ObjectKind.notification.rawValue), 0, UInt64(victim))
        scenario.name(bench.object(victim, as: KernelCore.Notification.self), "victim")
        revoker = bench.makeThread(priority: 10, core: 0)
        users = (1...2).map { bench.makeThread(priority: 10, core: $0) }
    }

    private func bind(_ core: Int) {
        let bench = scenario.bench
        let sink = bench.makeThread(priority: 3, core: core)
        bench.succeed(.notificationBind, victim, form: NotificationBind.thread.rawValue, UInt64(sink.slot))
    }

    /// What is made of the memory afterwards must stay as it was made.
    private func explore(_ extent: Extent = .usual, sourceLocation: SourceLocation = #_sourceLocation) {
        let bench = scenario.bench
        bench.sleepRoot()
        scenario.program(revoker.context, scenario.untilDone(.revoke, part))
        scenario.program(
            revoker.context,
            scenario.operation(.create, part, form: UInt32(ObjectKind.notification.rawValue), 0, UInt64(fresh)))
        scenario.explore(extent, sourceLocation: sourceLocation) { [self] in
            guard revoker.context.pointee.frame.x[0] == Status.ok.rawValue, !bench.isEmpty(fresh) else {
                return "not done: \(revoker.context.pointee.frame.x[0])"
            }
            let object = bench.object(fresh, as: KernelCore.Notification.self)
            guard object.pointee.bits.load() == 0, object.pointee.inboxQueued.load() == 0 else {
                return "memory is used that belongs to something else"
            }
            return nil
        }
    }

    @Test func aCoreThatIsInsideUsesItsNotificationToTheEnd() {
        scenario.program(users[0].context, scenario.signal(victim, 1))
        explore()
    }

    /// Core 1 posts it to core 2, whose inbox must be worked off first.
    @Test func anInboxKeepsTheMemory() {
        bind(2)
        scenario.program(users[0].context, scenario.signal(victim, 1))
        explore()
    }

    /// The revoker's own inbox as well.
    @Test func theRevokersOwnInboxKeepsTheMemory() {
        bind(0)
        scenario.program(users[0].context, scenario.signal(victim, 1))
        explore()
    }

    /// A period of core 2's own revocation may have begun before the removal.
    @Test func aPeriodThatIsUnderWayDoesNotCount() {
        let bench = scenario.bench
        let other = bench.create(.region, 1 << 13), inside = bench.freeSlot()
        bench.succeed(.create, other, form: UInt32(ObjectKind.notification.rawValue), 0, UInt64(inside))
        scenario.program(users[0].context, scenario.signal(victim, 1), scenario.signal(victim, 2))
        scenario.program(users[1].context, scenario.untilDone(.revoke, other))
        explore()
    }

    /// The slot is emptied and filled with another notification while core 1 looks: its look-up finds all of one.
    @Test func aSlotThatIsFilledAnewIsSeenAsAWhole() {
        let bench = scenario.bench
        let extent = bench.create(.notification)
        let other = bench.object(extent, as: KernelCore.Notification.self)
        scenario.name(other, "other")
        bench.sleepRoot()
        // A badge tells whose bits were raised: what is seen with the wrong object raises its bits there.
        scenario.program(
            revoker.context, scenario.untilDone(.revoke, victim, form: RevokeForm.delete.rawValue),
            scenario.operation(.derive, extent, UInt64(InitialSlot.table), UInt64(victim), 15, 0x80, 0))
        scenario.program(users[0].context, scenario.signal(victim, 1))
        let first = bench.object(victim, as: KernelCore.Notification.self)
        scenario.explore {
            guard first.pointee.bits.load() & 0x80 == 0 else { return "the badge of another capability" }
            return other.pointee.bits.load() & 1 == 0 ? nil : "another object without its badge"
        }
    }
}
