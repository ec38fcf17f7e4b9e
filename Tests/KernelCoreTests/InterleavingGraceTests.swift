import ABI
import Interleaving
import HardwareModel
import Testing

@testable import KernelCore

/// The memory of a notification gets another use, while other cores look the notification up, use it and put it into
/// inboxes. The design is `Kernel/Proofs/grace.pml`.
@Suite struct InterleavingGraceTests {
    private final class Board {
        let scenario: KernelScenario
        let part: UInt32, victim: UInt32
        let object: Ref<KernelCore.Notification>
        let revoker: Tenant
        let users: [Tenant]
        var fixture: Fixture { scenario.fixture }

        /// Lets core 0 revoke `part`, of which the notification `victim` is made. Each other core has a user of it.
        init(cores: Int, sinkOn core: Int? = nil) {
            scenario = KernelScenario(cores: cores)
            let fixture = scenario.fixture
            part = fixture.create(.region, 1 << 13)
            victim = fixture.freeSlot()
            fixture.succeed(.create, part, form: UInt32(ObjectKind.notification.rawValue), 0, UInt64(victim))
            object = fixture.object(victim, as: KernelCore.Notification.self)
            scenario.name(object, "victim")
            scenario.name(fixture.slot(victim), "slot")
            if let core {
                let sink = fixture.makeThread(priority: 3, core: core)
                fixture.succeed(.notificationBind, victim, form: NotificationBind.thread.rawValue, UInt64(sink.slot))
            }
            revoker = fixture.makeThread(priority: 10, core: 0)
            users = (1..<cores).map { fixture.makeThread(priority: 10, core: $0) }
        }

        /// A word that stands for the new contents of the memory, which nobody else may touch.
        private static let mark: UInt64 = 0x5A00

        /// Lets core 0 revoke `part`, and use the memory for something else.
        func explore(sourceLocation: SourceLocation = #_sourceLocation) {
            fixture.sleepRoot()
            scenario.program(revoker.context, scenario.untilDone(.revoke, part) { [self] in reuse() })
            scenario.explore(sourceLocation: sourceLocation) { [self] in
                let status = revoker.context.pointee.frame.x[0]
                guard status == Status.ok.rawValue else { return "not revoked: \(status)" }
                guard Self.words.allSatisfy({ object.word($0) == Self.mark }) else {
                    return "a core uses memory that is something else"
                }
                return nil
            }
        }

        private static let words = 0..<Int(KernelCore.Notification.size / 8)

        /// These are plain accesses, because they are no part of the kernel.
        private func reuse() {
            for core in fixture.model.cores where core.kernelCore.hasInInbox(object) {
                Interleaving.fail("the inbox of core \(core.id.number) holds memory that is something else")
            }
            for place in Self.words { object.setWord(place, Self.mark) }
        }
    }

    @Test func aCoreThatIsInsideUsesItsNotificationToTheEnd() {
        let board = Board(cores: 2)
        board.scenario.program(board.users[0].context, board.scenario.signal(board.victim, 1))
        board.explore()
    }

    /// Core 1 posts the notification to core 2, whose inbox must be worked off first.
    @Test func anInboxKeepsTheMemory() {
        let board = Board(cores: 3, sinkOn: 2)
        board.scenario.program(board.users[0].context, board.scenario.signal(board.victim, 1))
        board.explore()
    }

    /// The notification is in core 1's inbox from the beginning.
    @Test func anInboxThatIsBeingWorkedOffKeepsTheMemory() {
        let board = Board(cores: 2, sinkOn: 1)
        board.scenario.atStart = {
            board.fixture.model.cores[0].run { K.raise(board.fixture.core(0), board.object, 1) }
        }
        board.explore()
    }

    /// The notification comes into core 1's inbox while an earlier list is still to be worked off there.
    @Test func aListThatWasTakenOutEarlierDoesNotCount() {
        let board = Board(cores: 2, sinkOn: 1)
        let sinks = (0...K.inboxBatch).map { _ in board.fixture.create(.notification) }
        let objects = sinks.map { board.fixture.object($0, as: KernelCore.Notification.self) }
        board.scenario.atStart = {
            board.fixture.model.cores[0].run {
                for object in objects { K.post(board.fixture.core(0), object, to: CoreID(1)) }
            }
            board.fixture.model.cores[1].enter { _ in _ = board.fixture.model.cores[1].takeInterrupt() }
            board.fixture.model.cores[0].run { K.raise(board.fixture.core(0), board.object, 1) }
        }
        board.explore()
    }

    /// The revoker's own inbox counts as well.
    @Test func theRevokersOwnInboxKeepsTheMemory() {
        let board = Board(cores: 2, sinkOn: 0)
        board.scenario.program(board.users[0].context, board.scenario.signal(board.victim, 1))
        board.explore()
    }

    /// Another revoker's period has begun before the removal.
    @Test func aPeriodThatIsUnderWayDoesNotCount() {
        let board = Board(cores: 2)
        let fixture = board.fixture
        let other = fixture.create(.region, 1 << 13), inside = fixture.freeSlot()
        fixture.succeed(.create, other, form: UInt32(ObjectKind.notification.rawValue), 0, UInt64(inside))
        K.enter(fixture.core(1))
        #expect(fixture.operate(.revoke, other).status == .again)
        K.leave(fixture.core(1))
        board.scenario.program(board.users[0].context, board.scenario.signal(board.victim, 1))
        board.explore()
    }

    /// The slot is emptied and filled with another notification while core 1 looks it up. The look-up finds all of one
    /// of them.
    @Test func aSlotThatIsFilledAnewIsSeenAsAWhole() {
        let board = Board(cores: 2)
        let scenario = board.scenario, fixture = board.fixture
        let slot = fixture.create(.notification)
        let other = fixture.object(slot, as: KernelCore.Notification.self)
        scenario.name(other, "other")
        fixture.sleepRoot()
        // A badge identifies the notification whose bits were raised. A look-up that mixed both would raise its bits in
        // the wrong one.
        scenario.program(
            board.revoker.context, scenario.untilDone(.revoke, board.victim, form: RevokeForm.delete.rawValue),
            scenario.operation(.derive, slot, UInt64(InitialSlot.table), UInt64(board.victim), 15, 0x80, 0))
        scenario.program(board.users[0].context, scenario.signal(board.victim, 1))
        scenario.explore {
            guard board.object.pointee.bits.load() & 0x80 == 0 else { return "the badge of another capability" }
            return other.pointee.bits.load() & 1 == 0 ? nil : "another object without its badge"
        }
    }
}

extension Ref where Object == KernelCore.Notification {
    /// Returns a word of the object's memory, outside of the exploration.
    fileprivate func word(_ place: Int) -> UInt64 { UnsafePointer<UInt64>(bitPattern: UInt(address.value))![place] }
    fileprivate func setWord(_ place: Int, _ value: UInt64) {
        UnsafeMutablePointer<UInt64>(bitPattern: UInt(address.value))![place] = value
    }
}

extension Ref where Object == Core {
    /// Returns true if a notification is in this core's inbox, or in a list that was taken out of it. The loads are
    /// plain.
    fileprivate func hasInInbox(_ object: Ref<KernelCore.Notification>) -> Bool {
        let inbox = withUnsafePointer(to: pointee.inbox) { UnsafeRawPointer($0).load(as: UInt64.self) }
        for first in [inbox, pointee.unread] {
            var tagged = first, count = 0
            while tagged != 0, count < 100 {
                if tagged == object.address.value | InboxItem.notificationTag { return true }
                let next = UnsafePointer<UInt64>(bitPattern: UInt(tagged & ~InboxItem.notificationTag))!
                tagged = tagged & InboxItem.notificationTag == 0 ? 0 : next[3]
                count += 1
            }
        }
        return false
    }
}
