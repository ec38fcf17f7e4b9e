import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// The renewal of a budget, and its configuration while it is used up.
@Suite struct BudgetPeriodTests {
    private let fixture = Fixture()
    /// A thread with 100 ticks in each 1000.
    private let thread: Tenant
    private let other: Tenant
    private let start: UInt64

    init() {
        thread = fixture.makeClient(priority: 20, budget: 100)
        other = fixture.makeThread(priority: 5, slice: 1 << 40)
        fixture.start(thread)
        fixture.sleepRoot()
        start = fixture.model.now.value
    }

    private var time: Ref<SchedulingContext> { thread.context.pointee.home! }
    private var periodEnd: UInt64 { time.pointee.periodEnd.value - start }

    /// Uses up the budget, and serves the timer `ticks` ticks after the first period's end.
    private func renewLate(by ticks: UInt64) {
        fixture.advance(100)
        #expect(fixture.current() == other.context)
        fixture.model.advance(by: 900 + ticks)
        fixture.settle()
        #expect(fixture.current() == thread.context)
    }

    /// The periods stay on the grid, also if a renewal comes late by less than a period.
    @Test(arguments: [0, 1, 250, 899, 999] as [UInt64]) func periodsDoNotDrift(lateness: UInt64) {
        renewLate(by: lateness)
        let remaining = time.pointee.remaining
        #expect(remaining == Ticks(100) && periodEnd == 2000)
        fixture.advance(100)
        if lateness > 900 {
            // The period ended while it ran.
            return #expect(fixture.current() == thread.context)
        }
        #expect(fixture.model.cores[0].deadline == Ticks(start + 2000))
        fixture.advance(899 - lateness)
        #expect(fixture.current() == other.context)
        fixture.advance(1)
        #expect(fixture.current() == thread.context)
    }

    /// A renewal that comes late by a period or more begins a new period, and brings one budget.
    @Test(arguments: [1000, 1001, 5000] as [UInt64]) func aVeryLateRenewalBeginsAnew(lateness: UInt64) {
        renewLate(by: lateness)
        let remaining = time.pointee.remaining
        #expect(remaining == Ticks(100) && periodEnd == 2000 + lateness)
        fixture.advance(99)
        #expect(fixture.current() == thread.context)
        fixture.advance(1)
        #expect(fixture.current() == other.context)
        fixture.advance(899)
        #expect(fixture.current() == other.context)
        fixture.advance(1)
        #expect(fixture.current() == thread.context)
    }

    /// A scheduling context that waited without being used up begins a new period when it runs again.
    @Test(arguments: [500, 899, 900, 5000] as [UInt64]) func aPeriodBeginsWhenItIsUsed(pause: UInt64) {
        fixture.advance(60)
        fixture.wait(thread)
        fixture.advance(pause + 40)
        fixture.raise(thread.notification)
        let isNew = pause >= 900
        #expect(periodEnd == (isNew ? 1100 + pause : 1000))
        fixture.advance(isNew ? 99 : 39)
        #expect(fixture.current() == thread.context)
        fixture.advance(1)
        // The second one's period has ended meanwhile.
        #expect(fixture.current() == (pause == 899 ? thread.context : other.context))
    }

    // MARK: Configuring

    private func configure(_ budget: UInt64 = 0) -> Status? {
        fixture.operate(
            .scheduleControl, thread.scheduling, form: ScheduleControl.configure.rawValue, 0, 20, 500, budget, budget
        ).status
    }

    /// A thread that is given another scheduling context leaves one behind whose timer is queued. Until that expires,
    /// nobody may change the values that the timer will renew.
    @Test(arguments: [true, false]) func timeWhoseTimerIsQueuedIsNotConfigured(isDestroyed: Bool) {
        fixture.advance(100)
        let time = time
        fixture.raiseRoot()
        fixture.stop(thread)
        if isDestroyed {
            fixture.delete(thread.slot)
        } else {
            var changed = thread
            changed.scheduling = fixture.makeScheduling(priority: 20)
            fixture.configure(changed)
        }
        let hasOwner = time.pointee.context != nil
        #expect(!hasOwner)
        #expect(configure() == .badState)
        fixture.advance(899)
        #expect(configure() == .badState)
        fixture.advance(1)
        let isAtRest = time.pointee.isAtRest
        #expect(isAtRest && configure() == .ok)
        #expect(fixture.core(0).pointee.budgetTimers.first == nil)
    }

    /// A new configuration begins with a whole budget and a new period.
    @Test func configuringBeginsAnew() {
        fixture.advance(60)
        fixture.raiseRoot()
        fixture.stop(thread)
        var changed = thread
        changed.scheduling = fixture.makeScheduling(priority: 20)
        fixture.configure(changed)
        #expect(configure(300) == .ok)
        fixture.configure(thread)
        fixture.start(thread)
        fixture.sleepRoot()
        let (remaining, slice) = (time.pointee.remaining, time.pointee.slice)
        #expect(remaining == Ticks(300) && slice == Ticks(500) && periodEnd == 360)
    }

    private static let tooLong: UInt64 = 1 << 62
    private static let budgets: [([UInt64], Status)] = [
        ([100, 1000], .ok), ([1000, 1000], .ok), ([1001, 1000], .badArgument), ([100, tooLong], .badArgument),
        ([100, tooLong - 1], .ok), ([0, 0], .ok), ([0, .max], .ok), ([.max, .max], .badArgument),
    ]
    private static let configurations: [([UInt64], Status)] = [
        ([1, 3, 100], .badArgument), ([0, 31, 100], .ok), ([0, 32, 100], .badArgument), ([0, 0, 1], .ok),
        ([0, 0, 0], .badArgument), ([0, 0, tooLong - 1], .ok), ([0, 0, tooLong], .badArgument),
    ]

    @Test(arguments: budgets) func aBudgetIsPartOfItsPeriod(words: [UInt64], status: Status) {
        fixture.raiseRoot()
        let slot = fixture.create(.schedulingContext)
        let configured = fixture.operate(
            .scheduleControl, slot, form: ScheduleControl.configure.rawValue, 0, 3, 100, words[0], words[1])
        #expect(configured.status == status)
        let set = fixture.operate(
            .scheduleControl, thread.scheduling, form: ScheduleControl.setBudget.rawValue, words[0], words[1])
        #expect(set.status == status)
    }

    @Test(arguments: configurations) func theOtherWordsHaveLimits(words: [UInt64], status: Status) {
        fixture.raiseRoot()
        let slot = fixture.create(.schedulingContext)
        let answer = fixture.operate(
            .scheduleControl, slot, form: ScheduleControl.configure.rawValue, words[0], words[1], words[2])
        #expect(answer.status == status)
    }

    /// Nine budgets renew at the same tick: eight in one entry, and the last one in the next.
    @Test func anEntryRenewsEight() {
        fixture.raiseRoot()
        let others = (0..<9).map { _ in fixture.makeClient(priority: 15, budget: 10) }
        for tenant in others { fixture.start(tenant) }
        fixture.stop(thread)
        fixture.sleepRoot()
        // Each uses up its budget; all periods end at the same tick.
        for tenant in others { tenant.context.pointee.home!.pointee.periodEnd = Ticks(start + 1000) }
        for _ in others { fixture.advance(10) }
        let isEmpty = { others.allSatisfy { $0.context.pointee.home!.pointee.isExhausted } }
        #expect(isEmpty() && fixture.current() == other.context)
        fixture.model.advance(by: start + 1000 - fixture.model.now.value)
        fixture.enter { K.timerExpired($0) }
        #expect(others.count { $0.context.pointee.home!.pointee.isExhausted } == 1)
        #expect(fixture.model.cores[0].deadline <= fixture.model.now, "the rest interrupts at once")
        fixture.settle()
        #expect(others.count { $0.context.pointee.home!.pointee.isExhausted } == 0)
    }
}
