import ABI
import HardwareModel
import Testing

@testable import KernelCore

@Suite struct SchedulingTests {
    @Test func theMostUrgentRuns() {
        let fixture = Fixture()
        let low = fixture.makeThread(priority: 3)
        let high = fixture.makeThread(priority: 7)
        #expect(fixture.current() == fixture.root)
        fixture.sleepRoot()
        #expect(fixture.current() == high.context)
        fixture.wait(high)
        #expect(fixture.current() == low.context)
    }

    @Test func equalsRunInTurnForASliceEach() {
        let fixture = Fixture()
        let threads = (0..<3).map { _ in fixture.makeThread(priority: 3, slice: 100) }
        fixture.sleepRoot()
        for turn in 0..<7 {
            #expect(fixture.current() == threads[turn % 3].context)
            fixture.advance(100)
        }
    }

    @Test func oneAloneIsNotInterrupted() {
        let fixture = Fixture()
        _ = fixture.makeThread(priority: 3, slice: 100)
        fixture.sleepRoot()
        #expect(fixture.core(0).pointee.deadline == .never)
    }

    @Test func aPreemptedThreadGoesOnBeforeItsEquals() {
        let fixture = Fixture()
        let first = fixture.makeThread(priority: 3, slice: 100)
        let second = fixture.makeThread(priority: 3, slice: 100)
        let urgent = fixture.makeThread(priority: 9, notified: true)
        fixture.sleepRoot()
        fixture.wait(urgent)
        #expect(fixture.current() == first.context)
        fixture.raise(urgent.notification)
        #expect(fixture.current() == urgent.context)
        fixture.wait(urgent)
        #expect(fixture.current() == first.context)
        fixture.advance(100)
        #expect(fixture.current() == second.context)
    }

    /// An urgent thread that runs more often than a slice is long must not give the same one of the equals a new slice
    /// each time.
    @Test func preemptionDoesNotRenewASlice() {
        let fixture = Fixture()
        _ = fixture.makeThread(priority: 3, slice: 100)
        let second = fixture.makeThread(priority: 3, slice: 100)
        let urgent = fixture.makeThread(priority: 9, notified: true)
        fixture.sleepRoot()
        fixture.wait(urgent)
        var hadTurn = false
        for _ in 0..<20 {
            fixture.advance(40)
            hadTurn = hadTurn || fixture.current() == second.context
            fixture.raise(urgent.notification)
            fixture.wait(urgent)
        }
        #expect(hadTurn)
    }

    @Test func yieldingGoesBehindTheEquals() {
        let fixture = Fixture()
        let first = fixture.makeThread(priority: 3)
        let second = fixture.makeThread(priority: 3)
        fixture.sleepRoot()
        fixture.succeed(.scheduleControl, form: ScheduleControl.yield.rawValue, by: first.context)
        #expect(fixture.current() == second.context)
        fixture.succeed(.scheduleControl, form: ScheduleControl.yield.rawValue, by: second.context)
        #expect(fixture.current() == first.context)
    }

    @Test func timeIsChargedToWhoRan() {
        let fixture = Fixture()
        let thread = fixture.makeThread(priority: 3)
        let idle = fixture.makeThread(priority: 2)
        fixture.sleepRoot()
        fixture.advance(250)
        fixture.wait(thread)
        fixture.advance(50)
        fixture.wait(idle)
        #expect(fixture.object(thread.scheduling, as: SchedulingContext.self).pointee.used == Ticks(250))
        #expect(fixture.object(idle.scheduling, as: SchedulingContext.self).pointee.used == Ticks(50))
    }

    @Test func timersRaiseInOrderAndMayBeReplacedOrCancelled() {
        let fixture = Fixture()
        let thread = fixture.makeThread(priority: 3, notified: true)
        let other = fixture.create(.notification)
        let never = fixture.create(.notification)
        let set = TimerForm.set.rawValue
        fixture.succeed(.timer, thread.notification, form: set, fixture.model.now.value + 500, 1)
        fixture.succeed(.timer, thread.notification, form: set, fixture.model.now.value + 300, 2)
        fixture.succeed(.timer, other, form: set, fixture.model.now.value + 200, 8)
        fixture.succeed(.timer, never, form: set, fixture.model.now.value + 100, 16)
        fixture.succeed(.timer, never, form: TimerForm.cancel.rawValue)
        fixture.sleepRoot()
        fixture.wait(thread)
        #expect(fixture.current() == nil)
        fixture.advance(299)
        #expect(fixture.current() == nil)
        #expect(fixture.object(other, as: KernelCore.Notification.self).pointee.bits.load() == 8)
        fixture.advance(1)
        #expect(fixture.current() == thread.context)
        #expect(fixture.answer(thread.context).status == .notified)
        #expect(fixture.answer(thread.context).tag == 2)
        fixture.wait(thread)
        fixture.advance(1000)
        #expect(fixture.current() == nil)
        #expect(fixture.object(never, as: KernelCore.Notification.self).pointee.bits.load() == 0)
    }

    @Test func aTimerInThePastRaisesAtOnce() {
        let fixture = Fixture()
        fixture.model.advance(by: 1000)
        let thread = fixture.makeThread(priority: 3, notified: true)
        fixture.succeed(.timer, thread.notification, form: TimerForm.set.rawValue, 5, 1)
        fixture.settle()
        #expect(fixture.object(thread.notification, as: KernelCore.Notification.self).pointee.bits.load() == 1)
    }

    @Test(arguments: [
        ([8, 3, 100], Status.badArgument), ([0, 32, 100], .badArgument), ([0, 3, 0], .badArgument),
        ([.max, 3, 100], .badArgument), ([0, 3, .max], .badArgument), ([0, 31, 1 << 40], .ok),
    ])
    func configuringChecksItsWords(words: [UInt64], status: Status) {
        let fixture = Fixture()
        let slot = fixture.create(.schedulingContext)
        #expect(
            fixture.operate(
                .scheduleControl, slot, form: ScheduleControl.configure.rawValue, words[0], words[1], words[2]
            ).status == status)
    }

    @Test func aSchedulingContextInUseIsNotReconfigured() {
        let fixture = Fixture()
        let thread = fixture.makeThread()
        #expect(
            fixture.operate(
                .scheduleControl, thread.scheduling, form: ScheduleControl.configure.rawValue, 0, 3, 100
            ).status == .badState)
    }
}
