import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// The kernel sets the hardware timer to the soonest of all events of the core, or switches it off if there is none.
@Suite struct HardwareTimerTests {
    private let fixture = Fixture(cores: 2)

    /// The fast paths may leave a timer set that interrupts without need (`PathComparison`).
    init() { fixture.usesFastPath = false }

    private var deadline: Ticks { fixture.model.cores[0].deadline }
    private func after(_ ticks: UInt64) -> Ticks { fixture.model.now + Ticks(ticks) }

    @Test func theEndOfASliceMattersWhileAnEqualWaits() {
        let first = fixture.makeThread(priority: 10, slice: 400)
        let second = fixture.makeThread(priority: 10, slice: 300, notified: true)
        _ = fixture.makeThread(priority: 9, slice: 200)
        fixture.sleepRoot()
        #expect(fixture.current() == first.context && deadline == after(400))
        fixture.advance(150)
        #expect(deadline == after(250))
        fixture.advance(250)
        #expect(fixture.current() == second.context && deadline == after(300))
        fixture.wait(second)
        #expect(fixture.current() == first.context)
        fixture.advance(1000)
        #expect(deadline == .never, "nobody of its priority waits")
        // A thread of the same priority that becomes ready while it runs counts from then on; the slice was over long
        // ago.
        fixture.raise(second.notification)
        fixture.settle()
        #expect(fixture.current() == second.context)
    }

    /// The slice of the running thread ends at its time, even if its equal comes late.
    @Test func anEqualThatGetsReadySetsTheTimer() {
        let first = fixture.makeThread(priority: 10, slice: 400)
        let second = fixture.makeThread(priority: 10, slice: 300, notified: true)
        fixture.sleepRoot()
        fixture.advance(400)
        fixture.wait(second)
        #expect(fixture.current() == first.context && deadline == .never)
        fixture.advance(100)
        fixture.raise(second.notification)
        #expect(fixture.current() == first.context && deadline == after(300))
        fixture.advance(299)
        #expect(fixture.current() == first.context)
        fixture.advance(1)
        #expect(fixture.current() == second.context)
    }

    /// Each event in turn is the soonest of four.
    @Test(arguments: 0..<4) func theSoonestCounts(event: Int) {
        let ticks = (0..<4).map { $0 == event ? 100 : 500 } as [UInt64]
        let machine = fixture.makeVirtualCPU(priority: 20)
        let budgeted = fixture.makeClient(priority: 15, budget: 1000)
        let runner = fixture.makeClient(priority: 10, budget: 1000)
        let bell = fixture.create(.notification)
        for tenant in [budgeted, runner] { fixture.start(tenant) }
        fixture.sleepRoot()
        // This is a sleeping virtual CPU that is not loaded, because another one is.
        let now = fixture.model.now
        fixture.model.cores[0].setTimer(27, now + Ticks(ticks[0]))
        fixture.waitForInterrupt(machine)
        fixture.raiseRoot()
        let urgent = fixture.makeVirtualCPU(priority: 25)
        fixture.sleepRoot()
        fixture.waitForInterrupt(urgent)
        // The events are a period that ends, a notification's timer, and a budget in use.
        budgeted.context.pointee.home!.pointee.remaining = Ticks(0)
        budgeted.context.pointee.home!.pointee.periodEnd = now + Ticks(ticks[1])
        #expect(fixture.current() == budgeted.context)
        fixture.succeed(
            .timer, bell, form: TimerForm.set.rawValue, (now + Ticks(ticks[2])).value, 1, by: budgeted.context)
        fixture.wait(budgeted)
        #expect(fixture.current() == runner.context)
        runner.context.pointee.home!.pointee.periodEnd = now + Ticks(10_000)
        runner.context.pointee.home!.pointee.remaining = Ticks(ticks[3])
        fixture.enter { K.rotate($0) }
        #expect(fixture.current() == runner.context && deadline == now + Ticks(100))
    }

    @Test func aCancelledTimerIsForgotten() {
        let bells = (0..<3).map { _ in fixture.create(.notification) }
        let now = fixture.model.now
        for (index, bell) in bells.enumerated() {
            fixture.succeed(.timer, bell, form: TimerForm.set.rawValue, now.value + UInt64(300 - 100 * index), 1)
            #expect(deadline == now + Ticks(UInt64(300 - 100 * index)))
        }
        fixture.succeed(.timer, bells[1], form: TimerForm.cancel.rawValue)
        #expect(deadline == now + Ticks(100))
        fixture.succeed(.timer, bells[2], form: TimerForm.cancel.rawValue)
        #expect(deadline == now + Ticks(300))
        fixture.delete(bells[0])
        #expect(deadline == .never)
    }

    /// The end of the budget in use is an event, which disappears when another one runs.
    @Test func theEndOfTheBudgetThatRuns() {
        let runner = fixture.makeClient(priority: 10, budget: 50)
        let other = fixture.makeThread(priority: 5)
        fixture.start(runner)
        fixture.sleepRoot()
        #expect(deadline == after(50))
        fixture.advance(20)
        #expect(deadline == after(30))
        fixture.wait(runner)
        #expect(fixture.current() == other.context && deadline == .never)
        fixture.advance(500)
        fixture.raise(runner.notification)
        #expect(fixture.current() == runner.context && deadline == after(30), "the same period")
        fixture.advance(30)
        #expect(fixture.current() == other.context && deadline == after(450))
    }

    /// An idle core is woken by its timers alone.
    @Test func anIdleCoreSleepsUntilTheNextEvent() {
        let waiter = fixture.makeThread(priority: 10, notified: true)
        let at = after(700)
        fixture.succeed(.timer, waiter.notification, form: TimerForm.set.rawValue, at.value, 1)
        fixture.sleep(waiter)
        #expect(fixture.current() == nil && deadline == at)
        fixture.advance(700)
        #expect(fixture.current() == waiter.context && deadline == .never)
    }

    // MARK: Order and slices

    @Test func prioritiesGoFromZeroToThirtyOne() {
        let tenants = [0, 31, 1, 30, 16].map { (priority: UInt64) in
            fixture.makeThread(priority: priority, core: 1, notified: true)
        }
        var order: [Int] = []
        while let current = fixture.current(1) {
            let index = tenants.firstIndex { $0.context == current }!
            order.append(index)
            fixture.wait(tenants[index])
        }
        #expect(order == [1, 3, 4, 2, 0])
        for tenant in tenants {
            fixture.raise(tenant.notification, core: 1)
            #expect(fixture.core(1).pointee.runQueue.highest == -1)
            #expect(fixture.current(1) == tenant.context)
            fixture.wait(tenant)
        }
    }

    /// A thread that yields begins a new slice when its turn comes; one without equals goes on.
    @Test func yieldingBeginsANewSlice() {
        let first = fixture.makeThread(priority: 10, slice: 400)
        let second = fixture.makeThread(priority: 10, slice: 300)
        fixture.sleepRoot()
        fixture.advance(250)
        // The thread is preempted, and goes on with the rest of its slice.
        fixture.raiseRoot()
        fixture.sleepRoot()
        #expect(fixture.current() == first.context && deadline == after(150))
        fixture.advance(100)
        fixture.succeed(.scheduleControl, form: ScheduleControl.yield.rawValue, by: first.context)
        let used = first.context.pointee.home!.pointee.used
        #expect(fixture.current() == second.context && deadline == after(300) && used == Ticks(350))
        fixture.advance(100)
        fixture.succeed(.scheduleControl, form: ScheduleControl.yield.rawValue, by: second.context)
        #expect(fixture.current() == first.context && deadline == after(400))
        fixture.stop(second, by: first.context)
        fixture.advance(100)
        fixture.succeed(.scheduleControl, form: ScheduleControl.yield.rawValue, by: first.context)
        let left = first.context.pointee.home!.pointee.left
        #expect(fixture.current() == first.context && left == Ticks(400))
    }

    /// A timer that comes for another reason ends no slice, and a late one does.
    @Test func aSliceEndsWhenItIsOver() {
        let first = fixture.makeThread(priority: 10, slice: 400)
        let second = fixture.makeThread(priority: 10, slice: 400)
        fixture.sleepRoot()
        fixture.model.advance(by: 399)
        fixture.enter { K.timerExpired($0) }
        #expect(fixture.current() == first.context && deadline == after(1))
        fixture.model.advance(by: 77)
        fixture.settle()
        #expect(fixture.current() == second.context && deadline == after(400))
    }
}
