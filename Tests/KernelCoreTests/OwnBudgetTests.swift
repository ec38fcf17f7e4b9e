import ABI
import Foundation
import HardwareModel
import TestSupport
import Testing

@testable import KernelCore

/// Budgets are set while the time is in use, and overruns are reported once.
@Suite struct OwnBudgetTests {
    private let fixture = Fixture()
    private let rootTime: UInt32

    init() {
        rootTime = fixture.freeSlot()
        fixture.install(.schedulingContext, fixture.rootScheduling.address, rootTime)
    }

    private func setBudget(_ slot: UInt32, _ budget: UInt64, _ period: UInt64, by caller: Tenant? = nil) -> Status? {
        fixture.operate(
            .scheduleControl, slot, form: ScheduleControl.setBudget.rawValue, budget, period, by: caller?.context
        ).status
    }

    @Test func rootLimitsItself() {
        let other = fixture.makeThread(priority: 5)
        fixture.advance(5000)
        #expect(setBudget(rootTime, 100, 1000) == .ok)
        #expect(fixture.current() == fixture.root, "and goes on")
        fixture.advance(99)
        #expect(fixture.current() == fixture.root, "what it used before does not count")
        fixture.advance(1)
        #expect(fixture.current() == other.context)
        fixture.advance(899)
        #expect(fixture.current() == other.context)
        fixture.advance(1)
        #expect(fixture.current() == fixture.root)
        // It can still give time to others.
        #expect(fixture.makeThread(priority: 20).state == .ready)
        #expect(fixture.object(rootTime, as: SchedulingContext.self).pointee.used.value >= 5100)
    }

    /// The kernel books all used time, before and after the change.
    @Test func nothingIsLostOrBookedTwice() {
        let before = fixture.rootScheduling.pointee.used.value
        fixture.advance(70)
        #expect(setBudget(rootTime, 100, 1000) == .ok)
        fixture.advance(30)
        #expect(setBudget(rootTime, 0, 0) == .ok)
        fixture.advance(400)
        #expect(fixture.current() == fixture.root, "no limit again")
        fixture.sleepRoot()
        #expect(fixture.rootScheduling.pointee.used.value - before == 500)
    }

    /// The old budget ends at this very moment. It counts, and nothing is added to it.
    @Test func aBudgetThatIsUsedUpCannotBeReplaced() {
        #expect(setBudget(rootTime, 100, 1000) == .ok)
        fixture.model.advance(by: 100)  // the timer's interrupt has not been taken
        fixture.root.pointee.frame.x[0] = 0
        let status = setBudget(rootTime, 1000, 1000)
        #expect(status == .badState)
        #expect(fixture.current() == nil)
        fixture.advance(899)
        #expect(fixture.current() == nil)
        fixture.advance(1)
        #expect(fixture.current() == fixture.root)
    }

    @Test func timeThatWaitsGetsItsBudgetToo() {
        let thread = fixture.makeThread(priority: 10), other = fixture.makeThread(priority: 5)
        #expect(setBudget(thread.scheduling, 100, 1000) == .ok)
        fixture.sleepRoot()
        #expect(fixture.current() == thread.context)
        fixture.advance(100)
        #expect(fixture.current() == other.context)
        fixture.raiseRoot()
        #expect(setBudget(thread.scheduling, 200, 1000) == .badState, "used up")
        #expect(setBudget(thread.scheduling, 1001, 1000) == .badState, "whatever is asked for")
        fixture.sleepRoot()
        fixture.advance(900)
        #expect(fixture.current() == thread.context)
    }

    @Test(
        arguments: [
            (100, 1000, Status.ok), (1000, 1000, .ok), (0, .max, .ok), (1001, 1000, .badArgument),
            (1 << 62, 1 << 62, .badArgument),
        ] as [(UInt64, UInt64, Status)])
    func budgetAndPeriodAreChecked(budget: UInt64, period: UInt64, status: Status) {
        #expect(setBudget(rootTime, budget, period) == status)
    }

    /// The rule for given time holds here, too, because a tenant could otherwise shake off its budget.
    @Test func nobodyGivesItselfMore() {
        let fixture = Fixture(cores: 2)
        let thread = fixture.makeThread(priority: 10)
        let urgent = fixture.makeScheduling(priority: 20), far = fixture.makeScheduling(priority: 5, core: 1)
        let weak = fixture.derive(thread.scheduling, rights: Rights(rawValue: 7))
        func set(_ slot: UInt32) -> Status? {
            fixture.operate(
                .scheduleControl, slot, form: ScheduleControl.setBudget.rawValue, 100, 1000, by: thread.context
            ).status
        }
        let distant = fixture.operate(.scheduleControl, far, form: ScheduleControl.setBudget.rawValue, 1, 1)
        #expect(distant.status == .wrongCore)
        fixture.sleepRoot()
        #expect(set(urgent) == .noRights)
        #expect(set(far) == .wrongCore)
        #expect(set(weak) == .noRights)
        #expect(set(thread.scheduling) == .ok)
        #expect(set(thread.scheduling) == .noRights, "its own has a budget now")
    }

    /// A giver may not change time whose slices are longer than its own.
    @Test(arguments: [(300, Status.noRights), (999, .noRights), (1000, .ok), (1001, .ok)] as [(UInt64, Status)])
    func budgetsOfLongerSlicesAreNotGiven(slice: UInt64, status: Status) {
        let time = fixture.makeScheduling(priority: 5, slice: 1000),
            giver = fixture.makeThread(priority: 31, slice: slice)
        #expect(fixture.current() == giver.context)
        #expect(setBudget(time, 100, 1000, by: giver) == status)
        // This also holds when a part of its slice is used up.
        fixture.object(time, as: SchedulingContext.self).pointee.left = Ticks(1)
        #expect(setBudget(time, 100, 1000, by: giver) == status)
    }

    /// A server that runs on its client's time changes its own, which it does not use now.
    @Test func aServerSetsItsOwnBudgetOnItsClientsTime() {
        let server = fixture.makeThread(priority: 20), client = fixture.makeThread(priority: 10)
        let portal = fixture.makePortal(to: server)
        fixture.sleepRoot()
        fixture.wait(server)
        fixture.call(portal, by: client)
        #expect(fixture.current() == server.context)
        let lent = fixture.core(0).pointee.scheduling
        #expect(lent == client.context.pointee.home)
        fixture.advance(10)
        #expect(setBudget(server.scheduling, 100, 1000, by: server) == .ok)
        #expect(fixture.current() == server.context && fixture.core(0).pointee.scheduling == lent)
        #expect(server.context.pointee.home?.pointee.budget == Ticks(100))
        fixture.replyAndWait(server)
        #expect(fixture.current() == client.context && fixture.core(0).pointee.scheduling == lent)
        fixture.advance(2000)
        #expect(fixture.current() == client.context)
        fixture.raiseRoot()
        let used = fixture.succeed(.scheduleControl, client.scheduling, form: ScheduleControl.timeUsed.rawValue).words[
            0]
        #expect(used == 2010)
    }
    /// A new budget begins a new period, for any rest of the old one.
    @Test func aNewBudgetBeginsANewPeriod() {
        let thread = fixture.makeThread(priority: 10), other = fixture.makeThread(priority: 5)
        #expect(setBudget(thread.scheduling, 100, 1000) == .ok)
        fixture.sleepRoot()
        fixture.advance(50)
        fixture.raiseRoot()
        fixture.advance(850)
        #expect(setBudget(thread.scheduling, 100, 1000) == .ok)
        fixture.sleepRoot()
        fixture.advance(100)
        #expect(fixture.current() == other.context, "used up at once")
        fixture.advance(899)
        #expect(fixture.current() == other.context)
        fixture.advance(1)
        #expect(fixture.current() == thread.context)
    }
    // MARK: Overruns

    /// Makes a thread with 100 ticks of each 1000, whose overruns are reported to root.
    private func overrunning() -> (thread: Tenant, bits: Ref<KernelCore.Notification>) {
        var thread = fixture.makeThread(priority: 10, starts: false)
        thread.scheduling = fixture.create(.schedulingContext)
        fixture.succeed(
            .scheduleControl, thread.scheduling, form: ScheduleControl.configure.rawValue, 0, 10, 10_000, 100, 1000)
        fixture.configure(thread)
        let watcher = fixture.create(.notification)
        bindOverrun(thread, watcher)
        fixture.start(thread)
        fixture.sleepRoot()
        return (thread, fixture.object(watcher, as: KernelCore.Notification.self))
    }

    private func bindOverrun(_ thread: Tenant, _ watcher: UInt32) {
        fixture.succeed(
            .scheduleControl, thread.scheduling, form: ScheduleControl.bindOverrun.rawValue, UInt64(watcher), 1)
    }

    /// Advances from the end of a budget to that of the next one.
    private func advanceOnePeriod() {
        fixture.advance(900)
        fixture.advance(100)
    }

    private func overruns(_ thread: Tenant) -> UInt64 {
        fixture.raiseRoot()
        defer { fixture.sleepRoot() }
        return fixture.succeed(.scheduleControl, thread.scheduling, form: ScheduleControl.timeUsed.rawValue).words[1]
    }

    /// An overrun is reported once until somebody asks, and the count includes the overruns in between.
    @Test func anOverrunIsToldOnce() {
        let (thread, watcher) = overrunning()
        fixture.advance(100)
        #expect(watcher.pointee.bits.exchange(0) == 1)
        for _ in 0..<5 {
            advanceOnePeriod()
            #expect(watcher.pointee.bits.load() == 0)
        }
        #expect(overruns(thread) == 6)
        advanceOnePeriod()
        #expect(watcher.pointee.bits.exchange(0) == 1, "armed by asking")
        advanceOnePeriod()
        #expect(watcher.pointee.bits.load() == 0)
        #expect(overruns(thread) == 8)
    }

    /// The new notification has had no report yet.
    @Test func aNewBindingIsTold() {
        let (thread, first) = overrunning()
        fixture.advance(100)
        #expect(first.pointee.bits.load() == 1)
        fixture.raiseRoot()
        let other = fixture.create(.notification)
        bindOverrun(thread, other)
        fixture.sleepRoot()
        advanceOnePeriod()
        #expect(fixture.object(other, as: KernelCore.Notification.self).pointee.bits.load() == 1)
        #expect(first.pointee.bits.load() == 1)
    }

    /// One core counts two overruns at a time, and another one asks only after a report. Its question may come in
    /// between, or too early for the second overrun, which must then be reported again.
    @Test func nothingIsLostBetweenTwoCores() {
        let fixture = Fixture(cores: 2)
        let slot = fixture.makeScheduling(priority: 3, core: 1)
        // SAFETY: both threads touch only the words of the count, which are atomic.
        nonisolated(unsafe) let time = fixture.object(slot, as: SchedulingContext.self)
        let rounds = UInt64(TestLength.count(short: 2000, long: 20_000))
        let bell = RungBell(), end = Date() + Patience.seconds
        let finished = DispatchSemaphore(value: 0)
        Thread {
            for round in 1...rounds {
                for _ in 0..<2 where time.pointee.countOverrun() { bell.word.store(1) }
                while bell.seen.load() < 2 * round, Date() < end { sched_yield() }
            }
            finished.signal()
        }.start()
        while bell.seen.load() < 2 * rounds, Date() < end {
            for _ in 0..<100 where bell.word.exchange(0) != 0 { bell.seen.store(time.pointee.takeOverruns()) }
            sched_yield()
        }
        finished.wait()
        #expect(bell.seen.load() == 2 * rounds)
    }
}

private final class RungBell: @unchecked Sendable {
    let word = AtomicWord()
    /// The count at the last question.
    let seen = AtomicWord()
}
