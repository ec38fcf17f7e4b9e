import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// The owner of a notification's timer, and its state after it was cancelled, has expired or was destroyed.
@Suite struct TimerOwnershipTests {
    private let fixture = Fixture(cores: 2)
    private let far: Tenant
    private let slot: UInt32

    init() {
        far = fixture.makeThread(priority: 5, core: 1)
        slot = fixture.create(.notification)
    }

    private var notification: Ref<KernelCore.Notification> { fixture.object(slot, as: KernelCore.Notification.self) }
    private var bits: UInt64 { notification.pointee.bits.load() }
    private var deadlines: [Ticks] { fixture.model.cores.map(\.deadline) }

    private func set(_ deadline: UInt64, _ bits: UInt64 = 1, by caller: Ref<ExecutionContext>? = nil) -> Status? {
        fixture.operate(.timer, slot, form: TimerForm.set.rawValue, deadline, bits, by: caller).status
    }
    private func cancel(by caller: Ref<ExecutionContext>? = nil) -> Status? {
        fixture.operate(.timer, slot, form: TimerForm.cancel.rawValue, by: caller).status
    }
    private var soon: UInt64 { fixture.model.now.value + 100 }

    /// While it is set, only the core that has set it may change it.
    @Test func anArmedTimerIsItsCores() {
        #expect(set(soon) == .ok)
        #expect(set(soon, by: far.context) == .wrongCore)
        #expect(cancel(by: far.context) == .wrongCore)
        #expect(set(soon + 50) == .ok)
        #expect(deadlines == [Ticks(soon + 50), .never])
    }

    @Test func aCancelledTimerIsNobodys() {
        #expect(set(soon) == .ok && cancel() == .ok)
        #expect(deadlines == [.never, .never])
        #expect(set(soon, 2, by: far.context) == .ok)
        #expect(deadlines == [.never, Ticks(soon)])
        #expect(set(soon) == .wrongCore)
        fixture.advance(100)
        #expect(bits == 2)
    }

    @Test func aTimerThatHasExpiredIsNobodys() {
        #expect(set(soon) == .ok)
        fixture.advance(100)
        #expect(bits == 1 && deadlines == [.never, .never])
        #expect(set(soon, 2, by: far.context) == .ok)
        fixture.advance(100)
        #expect(bits == 3)
        #expect(set(soon, 4) == .ok)
    }

    @Test func cancellingWhatIsNotSetTakesNothing() {
        #expect(cancel(by: far.context) == .ok)
        #expect(set(soon) == .ok)
        #expect(cancel() == .ok && cancel() == .ok)
        #expect(cancel(by: far.context) == .ok)
    }

    /// A second deadline replaces the first one, sooner or later, and so do its bits.
    @Test(arguments: [50, 150] as [UInt64]) func aTimerHasOneDeadline(second: UInt64) {
        let now = fixture.model.now.value
        #expect(set(now + 100, 1) == .ok && set(now + second, 2) == .ok)
        #expect(deadlines[0] == Ticks(now + second))
        fixture.advance(second - 1)
        #expect(bits == 0)
        fixture.advance(1)
        #expect(bits == 2)
        fixture.advance(500)
        #expect(bits == 2)
    }

    /// One timer is of the same core, and only another core knows the other one.
    @Test(arguments: [true, false]) func aDestroyedTimerDoesNothing(isFar: Bool) {
        #expect(set(soon, by: isFar ? far.context : nil) == .ok)
        let last = notification
        fixture.delete(slot)
        let owner = last.pointee.timerOwner.load(), isArmed = last.pointee.timer.isArmed
        #expect(owner == KernelCore.Notification.timerEnded && !isArmed)
        #expect(fixture.core(isFar ? 1 : 0).pointee.notificationTimers.first == nil)
        fixture.advance(200)
        let raised = last.pointee.bits.load()
        #expect(raised == 0 && deadlines == [.never, .never])
    }

    @Test func thePastExpiresAtOnceAndNeverNever() {
        fixture.model.advance(by: 1000)
        let now = fixture.model.now.value
        for (deadline, bit) in [(0, 1), (now - 1, 2), (now, 4)] as [(UInt64, UInt64)] {
            #expect(set(deadline, bit) == .ok)
            fixture.settle()
            let bits = bits
            #expect(bits & bit != 0)
        }
        #expect(set(.max, 8) == .ok)
        #expect(deadlines == [.never, .never])
        fixture.advance(1 << 40)
        #expect(bits == 7)
        #expect(set(soon, by: far.context) == .wrongCore, "it is armed, though for ever")
        #expect(cancel() == .ok)
    }

    /// More timers expire at one tick than one entry serves.
    @Test func anEntryServesEight() {
        let slots = (0..<9).map { _ in fixture.create(.notification) }
        let deadline = soon
        for slot in slots { fixture.succeed(.timer, slot, form: TimerForm.set.rawValue, deadline, 1) }
        fixture.model.advance(by: 100)
        let raised = { [fixture] in
            slots.count { fixture.object($0, as: KernelCore.Notification.self).pointee.bits.load() == 1 }
        }
        fixture.enter { K.timerExpired($0) }
        #expect(raised() == 8 && deadlines[0] == Ticks(deadline))
        fixture.settle()
        #expect(raised() == 9 && deadlines[0] == .never)
    }

    @Test func theRightToRaiseBitsIsNotEnough() {
        let writer = fixture.derive(slot, rights: .readWrite)
        #expect(fixture.operate(.timer, writer, form: TimerForm.set.rawValue, soon, 1).status == .noRights)
        #expect(fixture.operate(.timer, slot, form: 2, soon, 1).status == .unsupported)
        #expect(set(soon, by: far.context) == .ok, "what was refused has claimed nothing")
    }
}
