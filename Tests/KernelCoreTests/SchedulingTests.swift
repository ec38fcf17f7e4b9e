import ABI
import MachineModel
import Testing

@testable import KernelCore

@Suite struct SchedulingTests {
    @Test func theMostUrgentRuns() {
        let bench = Bench()
        let low = bench.makeThread(priority: 3)
        let high = bench.makeThread(priority: 7)
        #expect(bench.current() == bench.root)
        bench.sleepRoot()
        #expect(bench.current() == high.context)
        bench.wait(high)
        #expect(bench.current() == low.context)
    }

    @Test func equalsRunInTurnForASliceEach() {
        let bench = Bench()
        let threads = (0..<3).map { _ in bench.makeThread(priority: 3, slice: 100) }
        bench.sleepRoot()
        for turn in 0..<7 {
            #expect(bench.current() == threads[turn % 3].context)
            bench.advance(100)
        }
    }

    @Test func oneAloneIsNotInterrupted() {
        let bench = Bench()
        _ = bench.makeThread(priority: 3, slice: 100)
        bench.sleepRoot()
        #expect(bench.core(0).pointee.deadline == .never)
    }

    @Test func whoIsPreemptedGoesOnBeforeItsEquals() {
        let bench = Bench()
        let first = bench.makeThread(priority: 3, slice: 100)
        let second = bench.makeThread(priority: 3, slice: 100)
        let urgent = bench.makeThread(priority: 9, notified: true)
        bench.sleepRoot()
        bench.wait(urgent)
        #expect(bench.current() == first.context)
        bench.raise(urgent.notification)
        #expect(bench.current() == urgent.context)
        bench.wait(urgent)
        #expect(bench.current() == first.context)
        bench.advance(100)
        #expect(bench.current() == second.context)
    }

    /// Somebody urgent who runs more often than a slice is long must not give the same one of the equals a new slice
    /// each time.
    @Test func preemptionDoesNotRenewASlice() {
        let bench = Bench()
        _ = bench.makeThread(priority: 3, slice: 100)
        let second = bench.makeThread(priority: 3, slice: 100)
        let urgent = bench.makeThread(priority: 9, notified: true)
        bench.sleepRoot()
        bench.wait(urgent)
        var hadTurn = false
        for _ in 0..<20 {
            bench.advance(40)
            hadTurn = hadTurn || bench.current() == second.context
            bench.raise(urgent.notification)
            bench.wait(urgent)
        }
        #expect(hadTurn)
    }

    @Test func yieldingGoesBehindTheEquals() {
        let bench = Bench()
        let first = bench.makeThread(priority: 3)
        let second = bench.makeThread(priority: 3)
        bench.sleepRoot()
        bench.succeed(.scheduleControl, form: ScheduleControl.yield.rawValue, by: first.context)
        #expect(bench.current() == second.context)
        bench.succeed(.scheduleControl, form: ScheduleControl.yield.rawValue, by: second.context)
        #expect(bench.current() == first.context)
    }

    @Test func timeIsChargedToWhoRan() {
        let bench = Bench()
        let thread = bench.makeThread(priority: 3)
        let idle = bench.makeThread(priority: 2)
        bench.sleepRoot()
        bench.advance(250)
        bench.wait(thread)
        bench.advance(50)
        bench.wait(idle)
        #expect(bench.object(thread.scheduling, as: SchedulingContext.self).pointee.used == Ticks(250))
        #expect(bench.object(idle.scheduling, as: SchedulingContext.self).pointee.used == Ticks(50))
    }

    @Test func timersRaiseInOrderAndMayBeReplacedOrCancelled() {
        let bench = Bench()
        let thread = bench.makeThread(priority: 3, notified: true)
        let other = bench.create(.notification)
        let never = bench.create(.notification)
        let set = TimerForm.set.rawValue
        bench.succeed(.timer, thread.notification, form: set, bench.model.now.value + 500, 1)
        bench.succeed(.timer, thread.notification, form: set, bench.model.now.value + 300, 2)
        bench.succeed(.timer, other, form: set, bench.model.now.value + 200, 8)
        bench.succeed(.timer, never, form: set, bench.model.now.value + 100, 16)
        bench.succeed(.timer, never, form: TimerForm.cancel.rawValue)
        bench.sleepRoot()
        bench.wait(thread)
        #expect(bench.current() == nil)
        bench.advance(299)
        #expect(bench.current() == nil)
        #expect(bench.object(other, as: KernelCore.Notification.self).pointee.bits.load() == 8)
        bench.advance(1)
        #expect(bench.current() == thread.context)
        #expect(bench.answer(thread.context).status == .notified)
        #expect(bench.answer(thread.context).tag == 2)
        bench.wait(thread)
        bench.advance(1000)
        #expect(bench.current() == nil)
        #expect(bench.object(never, as: KernelCore.Notification.self).pointee.bits.load() == 0)
    }

    @Test func aTimerInThePastRaisesAtOnce() {
        let bench = Bench()
        bench.model.advance(by: 1000)
        let thread = bench.makeThread(priority: 3, notified: true)
        bench.succeed(.timer, thread.notification, form: TimerForm.set.rawValue, 5, 1)
        bench.settle()
        #expect(bench.object(thread.notification, as: KernelCore.Notification.self).pointee.bits.load() == 1)
    }

    @Test(arguments: [
        ([8, 3, 100], Status.badArgument), ([0, 32, 100], .badArgument), ([0, 3, 0], .badArgument),
        ([.max, 3, 100], .badArgument), ([0, 3, .max], .badArgument), ([0, 31, 1 << 40], .ok),
    ])
    func configuringChecksItsWords(words: [UInt64], status: Status) {
        let bench = Bench()
        let slot = bench.create(.schedulingContext)
        #expect(
            bench.operate(
                .scheduleControl, slot, form: ScheduleControl.configure.rawValue, words[0], words[1], words[2]
            ).status == status)
    }

    @Test func aSchedulingContextInUseIsNotReconfigured() {
        let bench = Bench()
        let thread = bench.makeThread()
        #expect(
            bench.operate(
                .scheduleControl, thread.scheduling, form: ScheduleControl.configure.rawValue, 0, 3, 100
            ).status == .badState)
    }
}
