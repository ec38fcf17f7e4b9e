import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// A thread with 100 ticks in each 1000, and one without a limit that is less urgent.
private struct Budgeted {
    let fixture = Fixture()
    let thread: Tenant
    let other: Tenant
    let overruns: UInt32
    var time: Ref<SchedulingContext> { fixture.object(thread.scheduling, as: SchedulingContext.self) }

    init(budget: UInt64 = 100, period: UInt64 = 1000, priority: UInt64 = 20) {
        var made = fixture.makeThread(priority: priority, notified: true, starts: false)
        made.scheduling = fixture.create(.schedulingContext)
        fixture.succeed(
            .scheduleControl, made.scheduling, form: ScheduleControl.configure.rawValue, 0, priority, 10_000, budget,
            period)
        fixture.configure(made)
        overruns = fixture.create(.notification)
        fixture.succeed(
            .scheduleControl, made.scheduling, form: ScheduleControl.bindOverrun.rawValue, UInt64(overruns), 0x40)
        thread = made
        other = fixture.makeThread(priority: 5)
        fixture.start(thread)
        fixture.sleepRoot()
    }

    func remaining() -> UInt64 { time.pointee.remaining.value }
    func overrunBits() -> UInt64 { fixture.object(overruns, as: KernelCore.Notification.self).pointee.bits.load() }
}

@Suite struct BudgetTests {
    @Test func aThreadWithoutBudgetWaitsForTheNextPeriod() {
        let board = Budgeted()
        let fixture = board.fixture
        #expect(fixture.current() == board.thread.context)
        fixture.advance(99)
        #expect(fixture.current() == board.thread.context && board.overrunBits() == 0)
        fixture.advance(1)
        #expect(fixture.current() == board.other.context)
        #expect(board.remaining() == 0 && board.overrunBits() == 0x40)
        fixture.advance(899)
        #expect(fixture.current() == board.other.context)
        fixture.advance(1)
        #expect(fixture.current() == board.thread.context && board.remaining() == 100)
        fixture.advance(100)
        #expect(fixture.current() == board.other.context)
        fixture.raiseRoot()
        let used = fixture.succeed(.scheduleControl, board.thread.scheduling, form: ScheduleControl.timeUsed.rawValue)
        #expect(used.words[0] == 200 && used.words[1] == 2)
    }

    /// Time that is not used is not saved up.
    @Test func aBudgetIsForOnePeriod() {
        let board = Budgeted()
        let fixture = board.fixture
        fixture.advance(40)
        fixture.wait(board.thread)
        #expect(fixture.current() == board.other.context && board.remaining() == 60)
        fixture.advance(100)
        fixture.raise(board.thread.notification)
        #expect(fixture.current() == board.thread.context)
        fixture.advance(60)
        #expect(fixture.current() == board.other.context, "in the same period 60 were left")
        fixture.advance(5000)
        #expect(fixture.current() == board.other.context || board.remaining() <= 100)
        #expect(board.time.pointee.used.value <= 100 + 6 * 100)
    }

    @Test func aLatePeriodBeginsAnew() {
        let board = Budgeted()
        let fixture = board.fixture
        fixture.wait(board.thread)
        fixture.advance(50_000)
        fixture.raise(board.thread.notification)
        #expect(fixture.current() == board.thread.context && board.remaining() == 100)
        fixture.advance(100)
        #expect(fixture.current() == board.other.context)
        fixture.advance(899)
        #expect(fixture.current() == board.other.context)
        fixture.advance(1)
        #expect(fixture.current() == board.thread.context)
    }

    /// Callers pay: a server leaves the core when its caller's budget ends.
    @Test func aServerRunsOnItsCallersBudget() {
        let board = Budgeted(priority: 10)
        let fixture = board.fixture
        fixture.raiseRoot()
        let server = fixture.makeThread(priority: 25)
        let portal = fixture.makePortal(to: server)
        fixture.sleepRoot()
        fixture.wait(server)
        #expect(fixture.current() == board.thread.context)
        fixture.advance(30)
        fixture.call(portal, by: board.thread)
        #expect(fixture.current() == server.context)
        fixture.advance(69)
        #expect(fixture.current() == server.context)
        fixture.advance(1)
        #expect(fixture.current() == board.other.context)
        #expect(server.state == .ready && board.thread.state == .calling && board.overrunBits() == 0x40)
        fixture.advance(900)
        #expect(fixture.current() == server.context)
        fixture.replyAndWait(server)
        #expect(fixture.current() == board.thread.context)
    }

    /// The caller chooses the consequence if its budget runs out in a server: the overrun ends its call, or the rest of
    /// the call waits for its next budget.
    @Test func anOverrunMayAbortTheCall() {
        let board = Budgeted(priority: 10)
        let fixture = board.fixture
        fixture.raiseRoot()
        let server = fixture.makeThread(priority: 25)
        let portal = fixture.makePortal(to: server)
        fixture.succeed(.contextControl, board.thread.slot, form: ContextControl.setAbortMask.rawValue, 0x40)
        fixture.succeed(
            .scheduleControl, board.thread.scheduling, form: ScheduleControl.bindOverrun.rawValue,
            UInt64(board.thread.notification), 0x40)
        fixture.sleepRoot()
        fixture.wait(server)
        fixture.call(portal, by: board.thread)
        fixture.advance(100)
        #expect(board.thread.state == .ready && fixture.answer(board.thread.context).status == .aborted)
        #expect(fixture.current() == board.other.context && server.state == .ready)
        fixture.advance(900)
        #expect(fixture.current() == board.thread.context)
    }

    /// A queued caller whose time is used up is served only after it has time again.
    @Test func aQueuedCallerWithoutTimeIsServedLater() {
        let board = Budgeted(budget: 10, priority: 20)
        let fixture = board.fixture
        fixture.raiseRoot()
        let server = fixture.makeThread(priority: 8)
        let portal = fixture.makePortal(to: server)
        fixture.sleepRoot()
        fixture.advance(9)
        fixture.call(portal, by: board.thread)
        #expect(fixture.current() == server.context)
        fixture.wait(server)
        #expect(fixture.current() == server.context && fixture.core(0).pointee.scheduling == board.time)
        fixture.advance(1)
        #expect(fixture.current() == board.other.context && server.state == .ready)
        fixture.advance(990)
        #expect(fixture.current() == server.context)
    }

    @Test func stoppingAndStartingDoesNotGiveMore() {
        let board = Budgeted()
        let fixture = board.fixture
        fixture.advance(100)
        #expect(fixture.current() == board.other.context)
        fixture.raiseRoot()
        fixture.stop(board.thread)
        fixture.start(board.thread)
        fixture.sleepRoot()
        #expect(fixture.current() == board.other.context)
        fixture.advance(900)
        #expect(fixture.current() == board.thread.context)
    }

    @Test func yieldingDoesNotGiveMore() {
        let board = Budgeted()
        let fixture = board.fixture
        for _ in 0..<10 {
            fixture.advance(10)
            if fixture.current() == board.thread.context {
                fixture.operate(.scheduleControl, form: ScheduleControl.yield.rawValue, by: board.thread.context)
            }
        }
        #expect(fixture.current() == board.other.context && board.remaining() == 0)
    }

    @Test(
        arguments: [
            ([100, 1000], Status.ok), ([1000, 1000], .ok), ([0, 0], .ok), ([0, .max], .ok), ([1, 0], .badArgument),
            ([1001, 1000], .badArgument), ([.max, .max], .badArgument), ([1 << 62, 1 << 62], .badArgument),
            ([1, (1 << 62) - 1], .ok),
        ] as [([UInt64], Status)])
    func configuringChecksBudgetAndPeriod(words: [UInt64], status: Status) {
        let fixture = Fixture()
        let slot = fixture.create(.schedulingContext)
        let answer = fixture.operate(
            .scheduleControl, slot, form: ScheduleControl.configure.rawValue, 0, 3, 100, words[0], words[1])
        #expect(answer.status == status)
    }

    @Test func bindingAnOverrunIsChecked() {
        let board = Budgeted()
        let fixture = board.fixture
        fixture.raiseRoot()
        let weak = fixture.derive(board.overruns, rights: Rights(rawValue: 9))
        func bind(_ slot: UInt64) -> Status? {
            fixture.operate(
                .scheduleControl, board.thread.scheduling, form: ScheduleControl.bindOverrun.rawValue, slot, 1
            ).status
        }
        #expect(bind(UInt64(weak)) == .noRights)
        #expect(bind(UInt64(board.thread.slot)) == .badCapability)
        #expect(bind(.max) == .badCapability)
        #expect(board.time.pointee.overrun.notification != nil)
        #expect(bind(0) == .ok)
        #expect(board.time.pointee.overrun.notification == nil)
        fixture.sleepRoot()
        fixture.advance(100)
        #expect(board.overrunBits() == 0 && fixture.current() == board.other.context)
    }

    // MARK: Handing time on

    /// A region is memory, not time. A tenant other than root makes no scheduling context that is more urgent than its
    /// own, on another core, or without its budget.
    @Test(arguments: [(0, 10, Status.ok), (0, 11, .noRights), (1, 5, .noRights)])
    func nobodyGivesMoreThanItsOwn(core: UInt64, priority: UInt64, status: Status) {
        let fixture = Fixture(cores: 2)
        let thread = fixture.makeThread(priority: 10)
        let slot = fixture.freeSlot()
        let time = fixture.create(.schedulingContext, 5 << 8)
        fixture.sleepRoot()
        let form = UInt32(ObjectKind.schedulingContext.rawValue)
        let made = fixture.operate(
            .create, fixture.region, form: form, core | priority << 8, UInt64(slot), by: thread.context)
        #expect(made.status == status)
        // Its slices are no longer than the tenant's own either.
        if status == .ok {
            let long = fixture.operate(
                .scheduleControl, time, form: ScheduleControl.configure.rawValue, core, priority, 1001,
                by: thread.context)
            #expect(long.status == .noRights)
        }
        let configured = fixture.operate(
            .scheduleControl, time, form: ScheduleControl.configure.rawValue, core, priority, 1000, by: thread.context)
        #expect(configured.status == status)
    }

    @Test func aThreadWithABudgetGrantsNoTime() {
        let fixture = Fixture()
        var thread = fixture.makeThread(priority: 10, starts: false)
        thread.scheduling = fixture.create(.schedulingContext)
        fixture.succeed(
            .scheduleControl, thread.scheduling, form: ScheduleControl.configure.rawValue, 0, 10, 10_000, 100, 1000)
        fixture.configure(thread)
        fixture.start(thread)
        let slot = fixture.freeSlot()
        fixture.sleepRoot()
        let form = UInt32(ObjectKind.schedulingContext.rawValue)
        #expect(
            fixture.operate(.create, fixture.region, form: form, 1 << 8, UInt64(slot), by: thread.context).status
                == .noRights)
    }
}
