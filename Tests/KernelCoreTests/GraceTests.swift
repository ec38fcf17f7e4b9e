import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// The memory of an object comes back after no core uses a result of its look-ups and no inbox holds the object. No
/// core is interrupted for that.
@Suite struct GraceTests {
    private let fixture: Fixture
    private let part: UInt32
    private let notification: UInt32
    private let region: Ref<Region>
    private let before: [Int]

    init() {
        fixture = Fixture(cores: 4)
        part = fixture.create(.region, 1 << 16)
        notification = fixture.freeSlot()
        fixture.succeed(.create, part, form: UInt32(ObjectKind.notification.rawValue), 0, UInt64(notification))
        region = fixture.object(part, as: Region.self)
        before = fixture.model.cores.map { $0.interruptCount }
    }

    private func revoke() -> Status? { fixture.operate(.revoke, part).status }
    private var isReused: Bool { region.pointee.next == region.pointee.start }
    private var interrupted: [Int] { zip(fixture.model.cores, before).map { $0.interruptCount - $1 } }

    @Test func coresThatAreOutsideAreNotWaitedFor() {
        #expect(revoke() == .ok && isReused)
        #expect(interrupted == [0, 0, 0, 0])
    }

    /// The other cores may meanwhile run tenants that never enter the kernel, or sleep.
    @Test func eachCoreThatWasInsideMustLeave() {
        for index in 1..<4 { K.enter(fixture.core(index)) }
        #expect(revoke() == .again && fixture.isEmpty(notification))
        K.leave(fixture.core(1))
        K.leave(fixture.core(3))
        for _ in 0..<5 { #expect(revoke() == .again && !isReused) }
        K.leave(fixture.core(2))
        #expect(revoke() == .ok && isReused)
        #expect(interrupted == [0, 0, 0, 0])
    }

    /// A core that enters again is not waited for, because its later entries cannot find the removed object.
    @Test func aCoreThatComesBackIsNotWaitedFor() {
        K.enter(fixture.core(2))
        #expect(revoke() == .again)
        K.leave(fixture.core(2))
        K.enter(fixture.core(2))
        #expect(revoke() == .ok && isReused)
        K.leave(fixture.core(2))
    }

    /// A period that another revoker has begun may have begun before the removal.
    @Test func aPeriodThatIsUnderWayIsTooEarly() {
        let other = fixture.create(.region, 1 << 16), inside = fixture.freeSlot()
        fixture.succeed(.create, other, form: UInt32(ObjectKind.notification.rawValue), 0, UInt64(inside))
        K.enter(fixture.core(1))
        #expect(fixture.operate(.revoke, other).status == .again)
        // The core comes too late for the first period, and looks the notification up before it is removed.
        K.enter(fixture.core(2))
        #expect(revoke() == .again)
        K.leave(fixture.core(1))
        #expect(revoke() == .again && !isReused)
        #expect(fixture.operate(.revoke, other).status == .ok)
        #expect(revoke() == .again && !isReused)
        K.leave(fixture.core(2))
        #expect(revoke() == .ok && isReused)
    }

    /// The same holds if the cores have left already and a list is being worked off. The next period is late enough: it
    /// does not wait for a core that enters after it has begun.
    @Test func aPeriodThatDrainsIsTooEarly() {
        let other = fixture.create(.region, 1 << 16), inside = fixture.freeSlot()
        fixture.succeed(.create, other, form: UInt32(ObjectKind.notification.rawValue), 0, UInt64(inside))
        let sink = fixture.object(fixture.create(.notification), as: KernelCore.Notification.self)
        fixture.model.cores[1].run { K.post(fixture.core(1), sink, to: CoreID(3)) }
        #expect(fixture.operate(.revoke, other).status == .again)
        #expect(fixture.model.kernelBoard.pointee.grace.stage == .draining)
        K.enter(fixture.core(2))
        #expect(revoke() == .again)
        fixture.settle(3)
        #expect(fixture.operate(.revoke, other).status == .ok)
        #expect(revoke() == .again && !isReused)
        K.enter(fixture.core(1))
        K.leave(fixture.core(2))
        #expect(revoke() == .ok && isReused)
        K.leave(fixture.core(1))
    }

    /// This holds on the largest board, too.
    @Test func eachOfEightCoresIsWaitedFor() {
        let fixture = Fixture(cores: CoreID.maximum)
        let part = fixture.create(.region, 1 << 16)
        for index in 1..<CoreID.maximum {
            let inside = fixture.freeSlot()
            fixture.succeed(.create, part, form: UInt32(ObjectKind.notification.rawValue), 0, UInt64(inside))
            K.enter(fixture.core(index))
            #expect(fixture.operate(.revoke, part).status == .again, "core \(index)")
            K.leave(fixture.core(index))
            #expect(fixture.operate(.revoke, part).status == .ok)
        }
    }

    /// Core 1 was inside and had looked the notification up. It posts the notification to core 2 before it leaves.
    @Test(arguments: [1, 2])
    func aGracePeriodWaitsForPostedItems(rounds: Int) {
        let object = fixture.object(notification, as: KernelCore.Notification.self)
        let sinks = (0..<rounds * K.inboxBatch - 1).map { _ in fixture.create(.notification) }
        K.enter(fixture.core(1))
        #expect(revoke() == .again)
        fixture.model.cores[1].run {
            for sink in sinks {
                K.post(fixture.core(1), fixture.object(sink, as: KernelCore.Notification.self), to: CoreID(2))
            }
            K.post(fixture.core(1), object, to: CoreID(2))
        }
        K.leave(fixture.core(1))
        #expect(revoke() == .again && !isReused)
        let core = fixture.model.cores[2]
        for round in 1...rounds {
            #expect(revoke() == .again && !isReused)
            fixture.enter(2) { _ in _ = core.takeInterrupt() }
            #expect((core.kernelCore.pointee.unread == 0) == (round == rounds))
        }
        #expect(revoke() == .ok && isReused)
    }

    /// A core that posts without end does not delay the revoker, because only lists that were taken out before count.
    @Test func anInboxThatIsNeverEmptyIsNoHindrance() {
        let sinks = (0..<2).map { _ in fixture.object(fixture.create(.notification), as: KernelCore.Notification.self) }
        func post(_ index: Int) { fixture.model.cores[1].run { K.post(fixture.core(1), sinks[index], to: CoreID(2)) } }
        post(0)
        #expect(revoke() == .again)
        var status = Status.again as Status?
        for round in 1...3 {
            fixture.enter(2) { _ in _ = fixture.model.cores[2].takeInterrupt() }
            post(round & 1)
            status = revoke()
            if status == .ok { break }
        }
        #expect(status == .ok && fixture.core(2).pointee.inbox.load() != 0)
    }

    /// The revoker's own core counts, too.
    @Test func itsOwnInboxCounts() {
        let sink = fixture.object(fixture.create(.notification), as: KernelCore.Notification.self)
        fixture.model.cores[1].run { K.post(fixture.core(1), sink, to: CoreID(0)) }
        #expect(revoke() == .again && !isReused)
        fixture.settle(0)
        #expect(revoke() == .ok)
    }

    /// Entries are counted, and each has a number of its own while it lasts.
    @Test func entriesAreNumbered() {
        let core = fixture.core(3)
        let count = core.pointee.entries
        K.enter(core)
        #expect(core.pointee.inside.load() == count + 1 && core.pointee.entries == count + 1)
        K.leave(core)
        #expect(core.pointee.inside.load() == 0 && core.pointee.entries == count + 1)
    }

    /// The entry code in assembly writes both words.
    @Test func theEntryCodeFindsItsWords() {
        let core = fixture.core(3)
        K.enter(core)
        // The words lie behind the word that exists on the host only.
        let words = UnsafePointer<UInt64>(bitPattern: UInt(core.address.value))! + 1
        #expect(words[0] == core.pointee.inside.load() && words[1] == core.pointee.entries && words[0] == words[1])
        K.leave(core)
        #expect(words[0] == 0 && words[1] == core.pointee.entries)
    }
}
