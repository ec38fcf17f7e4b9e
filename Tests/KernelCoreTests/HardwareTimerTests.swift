import ABI
import MachineModel
import Testing

@testable import KernelCore

/// To what the hardware timer is set: the soonest of all events of the core, and to nothing if there is none.
@Suite struct HardwareTimerTests {
    private let bench = Bench(cores: 2)

    /// The fast paths may leave a timer that interrupts for nothing: see `PathComparison`.
    init() { bench.usesFastPath = false }

    private var deadline: Ticks { bench.model.cores[0].deadline }
    private func after(_ ticks: UInt64) -> Ticks { bench.model.now + Ticks(ticks) }

    @Test func theEndOfASliceMattersWhileAnEqualWaits() {
        let first = bench.makeThread(priority: 10, slice: 400)
        let second = bench.makeThread(priority: 10, slice: 300, notified: true)
        _ = bench.makeThread(priority: 9, slice: 200)
        bench.sleepRoot()
        #expect(bench.current() == first.context && deadline == after(400))
        bench.advance(150)
        #expect(deadline == after(250))
        bench.advance(250)
        #expect(bench.current() == second.context && deadline == after(300))
        bench.wait(second)
        #expect(bench.current() == first.context)
        bench.advance(1000)
        #expect(deadline == .never, "nobody of its priority waits")
        // An equal that gets ready while it runs counts from then on; the slice was over long ago.
        bench.raise(second.notification)
        bench.settle()
        #expect(bench.current() == second.context)
    }

    /// The end of the slice of the one that runs, however late its equal comes.
    @Test func anEqualThatGetsReadySetsTheTimer() {
        let first = bench.makeThread(priority: 10, slice: 400)
        let second = bench.makeThread(priority: 10, slice: 300, notified: true)
        bench.sleepRoot()
        bench.advance(400)
        bench.wait(second)
        #expect(bench.current() == first.context && deadline == .never)
        bench.advance(100)
        bench.raise(second.notification)
        #expect(bench.current() == first.context && deadline == after(300))
        bench.advance(299)
        #expect(bench.current() == first.context)
        bench.advance(1)
        #expect(bench.current() == second.context)
    }

    /// Each event in turn is the soonest of four.
    @Test(arguments: 0..<4) func theSoonestCounts(event: Int) {
        let ticks = (0..<4).map { $0 == event ? 100 : 500 } as [UInt64]
        let machine = bench.makeVirtualCPU(priority: 20)
        let budgeted = bench.makeClient(priority: 15, budget: 1000)
        let runner = bench.makeClient(priority: 10, budget: 1000)
        let bell = bench.create(.notification)
        for tenant in [budgeted, runner] { bench.start(tenant) }
        bench.sleepRoot()
        // A virtual CPU that sleeps and is not loaded, because another one is.
        let now = bench.model.now
        bench.model.cores[0].setTimer(27, now + Ticks(ticks[0]))
        bench.waitForInterrupt(machine)
        bench.raiseRoot()
        let urgent = bench.makeVirtualCPU(priority: 25)
        bench.sleepRoot()
        bench.waitForInterrupt(urgent)
        // A period that ends, a notification's timer, and a budget that runs.
        budgeted.context.pointee.home!.pointee.remaining = Ticks(0)
        budgeted.context.pointee.home!.pointee.periodEnd = now + Ticks(ticks[1])
        #expect(bench.current() == budgeted.context)
        bench.succeed(
            .timer, bell, form: TimerForm.set.rawValue, (now + Ticks(ticks[2])).value, 1, by: budgeted.context)
        bench.wait(budgeted)
        #expect(bench.current() == runner.context)
        runner.context.pointee.home!.pointee.periodEnd = now + Ticks(10_000)
        runner.context.pointee.home!.pointee.remaining = Ticks(ticks[3])
        bench.enter { K.rotate($0) }
        #expect(bench.current() == runner.context && deadline == now + Ticks(100))
    }

    @Test func whatIsCancelledIsForgotten() {
        let bells = (0..<3).map { _ in bench.create(.notification) }
        let now = bench.model.now
        for (index, bell) in bells.enumerated() {
            bench.succeed(.timer, bell, form: TimerForm.set.rawValue, now.value + UInt64(300 - 100 * index), 1)
            #expect(deadline == now + Ticks(UInt64(300 - 100 * index)))
        }
        bench.succeed(.timer, bells[1], form: TimerForm.cancel.rawValue)
        #expect(deadline == now + Ticks(100))
        bench.succeed(.timer, bells[2], form: TimerForm.cancel.rawValue)
        #expect(deadline == now + Ticks(300))
        bench.delete(bells[0])
        #expect(deadline == .never)
    }

    /// The end of the budget that runs, which goes when another one runs.
    @Test func theEndOfTheBudgetThatRuns() {
        let runner = bench.makeClient(priority: 10, budget: 50)
        let other = bench.makeThread(priority: 5)
        bench.start(runner)
        bench.sleepRoot()
        #expect(deadline == after(50))
        bench.advance(20)
        #expect(deadline == after(30))
        bench.wait(runner)
        #expect(bench.current() == other.context && deadline == .never)
        bench.advance(500)
        bench.raise(runner.notification)
        #expect(bench.current() == runner.context && deadline == after(30), "the same period")
        bench.advance(30)
        #expect(bench.current() == other.context && deadline == after(450))
    }

    /// An idle core is woken by its timers alone.
    @Test func anIdleCoreSleepsUntilTheNextEvent() {
        let waiter = bench.makeThread(priority: 10, notified: true)
        let at = after(700)
        bench.succeed(.timer, waiter.notification, form: TimerForm.set.rawValue, at.value, 1)
        bench.sleep(waiter)
        #expect(bench.current() == nil && deadline == at)
        bench.advance(700)
        #expect(bench.current() == waiter.context && deadline == .never)
    }

    // MARK: Order and slices

    @Test func prioritiesGoFromZeroToThirtyOne() {
        let tenants = [0, 31, 1, 30, 16].map { (priority: UInt64) in
            bench.makeThread(priority: priority, core: 1, notified: true)
        }
        var order: [Int] = []
        while let current = bench.current(1) {
            let index = tenants.firstIndex { $0.context == current }!
            order.append(index)
            bench.wait(tenants[index])
        }
        #expect(order == [1, 3, 4, 2, 0])
        for tenant in tenants {
            bench.raise(tenant.notification, core: 1)
            #expect(bench.core(1).pointee.runQueue.highest == -1)
            #expect(bench.current(1) == tenant.context)
            bench.wait(tenant)
        }
    }

    /// One that yields begins a new slice when its turn comes; one that has no equals goes on.
    @Test func yieldingBeginsANewSlice() {
        let first = bench.makeThread(priority: 10, slice: 400)
        let second = bench.makeThread(priority: 10, slice: 300)
        bench.sleepRoot()
        bench.advance(250)
        // It is preempted, and goes on with the rest of its slice.
        bench.raiseRoot()
        bench.sleepRoot()
        #expect(bench.current() == first.context && deadline == after(150))
        bench.advance(100)
        bench.succeed(.scheduleControl, form: ScheduleControl.yield.rawValue, by: first.context)
        let used = first.context.pointee.home!.pointee.used
        #expect(bench.current() == second.context && deadline == after(300) && used == Ticks(350))
        bench.advance(100)
        bench.succeed(.scheduleControl, form: ScheduleControl.yield.rawValue, by: second.context)
        #expect(bench.current() == first.context && deadline == after(400))
        bench.stop(second, by: first.context)
        bench.advance(100)
        bench.succeed(.scheduleControl, form: ScheduleControl.yield.rawValue, by: first.context)
        let left = first.context.pointee.home!.pointee.left
        #expect(bench.current() == first.context && left == Ticks(400))
    }

    /// A timer that comes for another reason ends no slice, and one that comes late ends it.
    @Test func aSliceEndsWhenItIsOver() {
        let first = bench.makeThread(priority: 10, slice: 400)
        let second = bench.makeThread(priority: 10, slice: 400)
        bench.sleepRoot()
        bench.model.advance(by: 399)
        bench.enter { K.timerExpired($0) }
        #expect(bench.current() == first.context && deadline == after(1))
        bench.model.advance(by: 77)
        bench.settle()
        #expect(bench.current() == second.context && deadline == after(400))
    }
}
