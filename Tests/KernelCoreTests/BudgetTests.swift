import ABI
import MachineModel
import Testing

@testable import KernelCore

/// A thread with 100 ticks in each 1000, and one without a limit that is less urgent.
private struct Budgeted {
    let bench = Bench()
    let thread: Tenant
    let other: Tenant
    let overruns: UInt32
    var time: Ref<SchedulingContext> { bench.object(thread.scheduling, as: SchedulingContext.self) }

    init(budget: UInt64 = 100, period: UInt64 = 1000, priority: UInt64 = 20) {
        var made = bench.makeThread(priority: priority, notified: true, starts: false)
        made.scheduling = bench.create(.schedulingContext)
        bench.succeed(
            .scheduleControl, made.scheduling, form: ScheduleControl.configure.rawValue, 0, priority, 10_000, budget,
            period)
        bench.configure(made)
        overruns = bench.create(.notification)
        bench.succeed(
            .scheduleControl, made.scheduling, form: ScheduleControl.bindOverrun.rawValue, UInt64(overruns), 0x40)
        thread = made
        other = bench.makeThread(priority: 5)
        bench.start(thread)
        bench.sleepRoot()
    }

    func remaining() -> UInt64 { time.pointee.remaining.value }
    func overrunBits() -> UInt64 { bench.object(overruns, as: KernelCore.Notification.self).pointee.bits.load() }
}

@Suite struct BudgetTests {
    @Test func whoHasUsedItUpWaitsForTheNextPeriod() {
        let board = Budgeted()
        let bench = board.bench
        #expect(bench.current() == board.thread.context)
        bench.advance(99)
        #expect(bench.current() == board.thread.context && board.overrunBits() == 0)
        bench.advance(1)
        #expect(bench.current() == board.other.context)
        #expect(board.remaining() == 0 && board.overrunBits() == 0x40)
        bench.advance(899)
        #expect(bench.current() == board.other.context)
        bench.advance(1)
        #expect(bench.current() == board.thread.context && board.remaining() == 100)
        bench.advance(100)
        #expect(bench.current() == board.other.context)
        bench.raiseRoot()
        let used = bench.succeed(.scheduleControl, board.thread.scheduling, form: ScheduleControl.timeUsed.rawValue)
        #expect(used.words[0] == 200 && used.words[1] == 2)
    }

    /// What is not used is not saved up.
    @Test func aBudgetIsForOnePeriod() {
        let board = Budgeted()
        let bench = board.bench
        bench.advance(40)
        bench.wait(board.thread)
        #expect(bench.current() == board.other.context && board.remaining() == 60)
        bench.advance(100)
        bench.raise(board.thread.notification)
        #expect(bench.current() == board.thread.context)
        bench.advance(60)
        #expect(bench.current() == board.other.context, "in the same period 60 were left")
        bench.advance(5000)
        #expect(bench.current() == board.other.context || board.remaining() <= 100)
        #expect(board.time.pointee.used.value <= 100 + 6 * 100)
    }

    @Test func aLatePeriodBeginsAnew() {
        let board = Budgeted()
        let bench = board.bench
        bench.wait(board.thread)
        bench.advance(50_000)
        bench.raise(board.thread.notification)
        #expect(bench.current() == board.thread.context && board.remaining() == 100)
        bench.advance(100)
        #expect(bench.current() == board.other.context)
        bench.advance(899)
        #expect(bench.current() == board.other.context)
        bench.advance(1)
        #expect(bench.current() == board.thread.context)
    }

    /// Callers pay: the server is off the core with its caller's budget.
    @Test func aServerRunsOnItsCallersBudget() {
        let board = Budgeted(priority: 10)
        let bench = board.bench
        bench.raiseRoot()
        let server = bench.makeThread(priority: 25)
        let portal = bench.makePortal(to: server)
        bench.sleepRoot()
        bench.wait(server)
        #expect(bench.current() == board.thread.context)
        bench.advance(30)
        bench.call(portal, by: board.thread)
        #expect(bench.current() == server.context)
        bench.advance(69)
        #expect(bench.current() == server.context)
        bench.advance(1)
        #expect(bench.current() == board.other.context)
        #expect(server.state == .ready && board.thread.state == .calling && board.overrunBits() == 0x40)
        bench.advance(900)
        #expect(bench.current() == server.context)
        bench.replyAndWait(server)
        #expect(bench.current() == board.thread.context)
    }

    /// The caller's policy when its budget runs out in a server: the overrun ends its call, and the rest waits for its
    /// next budget.
    @Test func anOverrunMayAbortTheCall() {
        let board = Budgeted(priority: 10)
        let bench = board.bench
        bench.raiseRoot()
        let server = bench.makeThread(priority: 25)
        let portal = bench.makePortal(to: server)
        bench.succeed(.contextControl, board.thread.slot, form: ContextControl.setAbortMask.rawValue, 0x40)
        bench.succeed(
            .scheduleControl, board.thread.scheduling, form: ScheduleControl.bindOverrun.rawValue,
            UInt64(board.thread.notification), 0x40)
        bench.sleepRoot()
        bench.wait(server)
        bench.call(portal, by: board.thread)
        bench.advance(100)
        #expect(board.thread.state == .ready && bench.answer(board.thread.context).status == .aborted)
        #expect(bench.current() == board.other.context && server.state == .ready)
        bench.advance(900)
        #expect(bench.current() == board.thread.context)
    }

    /// A caller in the queue whose time is used up is served only when it has time.
    @Test func aQueuedCallerWithoutTimeIsServedLater() {
        let board = Budgeted(budget: 10, priority: 20)
        let bench = board.bench
        bench.raiseRoot()
        let server = bench.makeThread(priority: 8)
        let portal = bench.makePortal(to: server)
        bench.sleepRoot()
        bench.advance(9)
        bench.call(portal, by: board.thread)
        #expect(bench.current() == server.context)
        bench.wait(server)
        #expect(bench.current() == server.context && bench.core(0).pointee.scheduling == board.time)
        bench.advance(1)
        #expect(bench.current() == board.other.context && server.state == .ready)
        bench.advance(990)
        #expect(bench.current() == server.context)
    }

    @Test func stoppingAndStartingDoesNotGiveMore() {
        let board = Budgeted()
        let bench = board.bench
        bench.advance(100)
        #expect(bench.current() == board.other.context)
        bench.raiseRoot()
        bench.stop(board.thread)
        bench.start(board.thread)
        bench.sleepRoot()
        #expect(bench.current() == board.other.context)
        bench.advance(900)
        #expect(bench.current() == board.thread.context)
    }

    @Test func yieldingDoesNotGiveMore() {
        let board = Budgeted()
        let bench = board.bench
        for _ in 0..<10 {
            bench.advance(10)
            if bench.current() == board.thread.context {
                bench.operate(.scheduleControl, form: ScheduleControl.yield.rawValue, by: board.thread.context)
            }
        }
        #expect(bench.current() == board.other.context && board.remaining() == 0)
    }

    @Test(
        arguments: [
            ([100, 1000], Status.ok), ([1000, 1000], .ok), ([0, 0], .ok), ([0, .max], .ok), ([1, 0], .badArgument),
            ([1001, 1000], .badArgument), ([.max, .max], .badArgument), ([1 << 62, 1 << 62], .badArgument),
            ([1, (1 << 62) - 1], .ok),
        ] as [([UInt64], Status)])
    func configuringChecksBudgetAndPeriod(words: [UInt64], status: Status) {
        let bench = Bench()
        let slot = bench.create(.schedulingContext)
        let answer = bench.operate(
            .scheduleControl, slot, form: ScheduleControl.configure.rawValue, 0, 3, 100, words[0], words[1])
        #expect(answer.status == status)
    }

    @Test func bindingAnOverrunIsChecked() {
        let board = Budgeted()
        let bench = board.bench
        bench.raiseRoot()
        let weak = bench.derive(board.overruns, rights: Rights(rawValue: 9))
        func bind(_ slot: UInt64) -> Status? {
            bench.operate(
                .scheduleControl, board.thread.scheduling, form: ScheduleControl.bindOverrun.rawValue, slot, 1
            ).status
        }
        #expect(bind(UInt64(weak)) == .noRights)
        #expect(bind(UInt64(board.thread.slot)) == .badCapability)
        #expect(bind(.max) == .badCapability)
        #expect(board.time.pointee.overrun.notification != nil)
        #expect(bind(0) == .ok)
        #expect(board.time.pointee.overrun.notification == nil)
        bench.sleepRoot()
        bench.advance(100)
        #expect(board.overrunBits() == 0 && bench.current() == board.other.context)
    }

    // MARK: Handing time on

    /// A region is memory, not time: a tenant other than root makes no time that is more urgent than its own,
    /// elsewhere, or without its budget.
    @Test(arguments: [(0, 10, Status.ok), (0, 11, .noRights), (1, 5, .noRights)])
    func nobodyGivesMoreThanItsOwn(core: UInt64, priority: UInt64, status: Status) {
        let bench = Bench(cores: 2)
        let thread = bench.makeThread(priority: 10)
        let slot = bench.freeSlot()
        let time = bench.create(.schedulingContext, 5 << 8)
        bench.sleepRoot()
        let form = UInt32(ObjectKind.schedulingContext.rawValue)
        let made = bench.operate(
            .create, bench.region, form: form, core | priority << 8, UInt64(slot), by: thread.context)
        #expect(made.status == status)
        // Nor does it last longer at a time than its own.
        if status == .ok {
            let long = bench.operate(
                .scheduleControl, time, form: ScheduleControl.configure.rawValue, core, priority, 1001,
                by: thread.context)
            #expect(long.status == .noRights)
        }
        let configured = bench.operate(
            .scheduleControl, time, form: ScheduleControl.configure.rawValue, core, priority, 1000, by: thread.context)
        #expect(configured.status == status)
    }

    @Test func whoHasABudgetGivesNoTime() {
        let bench = Bench()
        var thread = bench.makeThread(priority: 10, starts: false)
        thread.scheduling = bench.create(.schedulingContext)
        bench.succeed(
            .scheduleControl, thread.scheduling, form: ScheduleControl.configure.rawValue, 0, 10, 10_000, 100, 1000)
        bench.configure(thread)
        bench.start(thread)
        let slot = bench.freeSlot()
        bench.sleepRoot()
        let form = UInt32(ObjectKind.schedulingContext.rawValue)
        #expect(
            bench.operate(.create, bench.region, form: form, 1 << 8, UInt64(slot), by: thread.context).status
                == .noRights)
    }
}
