import ABI
import MachineModel
import Testing

@testable import KernelCore

/// A fault that nobody serves stops its context and leaves a record, and the supervisor reads that on its own time.
/// Nothing of it runs on the time of the context that faulted.
private struct Supervised {
    let bench = Bench()
    let watcher: UInt32

    init() {
        watcher = bench.create(.notification)
        bench.succeed(.notificationBind, watcher, form: NotificationBind.thread.rawValue, UInt64(InitialSlot.thread))
    }

    /// Root is to know when the thread stops.
    func watch(_ tenant: Tenant, bits: UInt64 = 1) {
        bench.succeed(.contextControl, tenant.slot, form: ContextControl.bindStopped.rawValue, UInt64(watcher), bits)
    }

    func fault(_ tenant: Tenant, _ tag: UInt64 = 5 << 56 | 0x9600_0000, address: UInt64 = 0xDEAD_0000) {
        #expect(bench.current() == tenant.context)
        bench.enter { K.exit($0, tenant.context, Message(tag, address, 0, 0x1000)) }
    }

    /// The record, as root reads it.
    func record(_ tenant: Tenant) -> [UInt64] {
        Array(
            bench.succeed(
                .contextState, tenant.slot, form: ContextState.read.rawValue, RegisterNumber.faultTag, 2
            ).words[2...3])
    }

    /// Root runs, and was woken by a thread's end.
    func expectRootHears(bits: UInt64 = 1, sourceLocation: SourceLocation = #_sourceLocation) {
        bench.settleAll()
        let answer = bench.answer(bench.root)
        #expect(bench.current() == bench.root, sourceLocation: sourceLocation)
        #expect(answer.status == .notified && answer.tag == bits, sourceLocation: sourceLocation)
        let time = bench.core(0).pointee.scheduling
        #expect(time == bench.rootScheduling, "on its own time", sourceLocation: sourceLocation)
    }
}

private let tag: UInt64 = 5 << 56 | 0x9600_0000

@Suite struct FaultRecordTests {
    /// 10 ms of 10 s, all but a tick used up: the report does not wait for the period's end.
    @Test func aBudgetThatEndsWithTheFaultDelaysNobody() {
        let board = Supervised(), bench = board.bench
        var thread = bench.makeThread(priority: 10, starts: false)
        thread.scheduling = bench.create(.schedulingContext)
        bench.succeed(
            .scheduleControl, thread.scheduling, form: ScheduleControl.configure.rawValue, 0, 10, 10_000, 100, 100_000)
        bench.configure(thread)
        board.watch(thread)
        bench.start(thread)
        bench.sleepRoot()
        bench.model.advance(by: 99)
        board.fault(thread)
        bench.model.advance(by: 1)
        board.expectRootHears()
        #expect(board.record(thread) == [tag, 0xDEAD_0000])
        // Root's work for the fault is not charged to the budget of the thread that faulted.
        bench.advance(500)
        #expect(bench.current() == bench.root)
    }

    /// A component of priority 1 faults, and before root's first operation a tenant of priority 10 wakes and spins.
    @Test func aSpinningTenantDelaysNobody() {
        let board = Supervised(), bench = board.bench
        let low = bench.makeThread(priority: 1)
        let spinner = bench.makeThread(priority: 10, notified: true)
        board.watch(low)
        bench.sleepRoot()
        bench.wait(spinner)
        #expect(bench.current() == low.context)
        board.fault(low)
        bench.raise(spinner.notification)
        board.expectRootHears()
        #expect(board.record(low) == [tag, 0xDEAD_0000])
        bench.sleepRoot()
        #expect(bench.current() == spinner.context && low.state == .stopped)
    }

    @Test func onAnotherCore() {
        let bench = Bench(cores: 2)
        let thread = bench.makeThread(core: 1)
        let watcher = bench.create(.notification)
        bench.succeed(.notificationBind, watcher, form: NotificationBind.thread.rawValue, UInt64(InitialSlot.thread))
        bench.succeed(.contextControl, thread.slot, form: ContextControl.bindStopped.rawValue, UInt64(watcher), 1)
        bench.sleepRoot()
        bench.enter(1) { K.exit($0, thread.context, Message(tag, 8)) }
        bench.settle(1)
        bench.settle(0)
        #expect(bench.current() == bench.root && bench.answer(bench.root).tag == 1)
        let record = bench.succeed(
            .contextState, thread.slot, form: ContextState.read.rawValue, RegisterNumber.faultTag, 2)
        #expect(record.words[2...3] == [tag, 8])
    }

    /// A virtual CPU whose exit finds nobody.
    @Test func ofAVirtualCPU() {
        let board = Supervised(), bench = board.bench
        let machine = bench.makeVirtualCPU()
        board.watch(machine)
        bench.sleepRoot()
        bench.exit(machine, Message(1 << 56 | 7, 0x0900_0018))
        board.expectRootHears()
        #expect(board.record(machine) == [1 << 56 | 7, 0x0900_0018])
    }

    // MARK: Pagers

    private func paged(_ board: Supervised) -> (pager: Tenant, client: Tenant) {
        let bench = board.bench
        let pager = bench.makeThread(priority: 12)
        let client = bench.makeThread(priority: 10, starts: false)
        bench.configure(client, portal: bench.makePortal(to: pager))
        board.watch(client)
        bench.start(client)
        bench.sleepRoot()
        bench.wait(pager)
        board.fault(client)
        #expect(bench.current() == pager.context)
        return (pager, client)
    }

    @Test func aPagerRefuses() {
        let board = Supervised()
        let (pager, client) = paged(board)
        board.bench.replyAndWait(pager, extra: ReplyForm.refuse)
        board.expectRootHears()
        #expect(board.record(client) == [tag, 0xDEAD_0000])
    }

    @Test func aPagerDies() {
        let board = Supervised()
        let (pager, client) = paged(board)
        board.bench.raiseRoot()
        board.bench.delete(pager.slot)
        #expect(client.state == .stopped)
        board.bench.sleepRoot()
        board.expectRootHears()
        #expect(board.record(client) == [tag, 0xDEAD_0000])
    }

    /// A fault that was cured is not the one of which the thread died.
    @Test func aCuredFaultIsNoReason() {
        let board = Supervised(), bench = board.bench
        let (pager, client) = paged(board)
        bench.replyAndWait(pager)
        #expect(bench.current() == client.context)
        bench.operate(.contextControl, client.slot, form: ContextControl.stop.rawValue, by: client.context)
        board.expectRootHears()
        #expect(client.state == .stopped && board.record(client) == [0, 0])
    }

    /// Its time is taken away while the fault is served; a record of a thread that has stopped already stays.
    @Test func whatStopsForWantOfTimeHasNoRecord() {
        let board = Supervised(), bench = board.bench
        let (pager, served) = paged(board)
        bench.raiseRoot()
        bench.delete(served.scheduling)
        #expect(served.state == .stopped && board.record(served) == [0, 0])
        let other = Supervised()
        let (refusing, refused) = paged(other)
        other.bench.replyAndWait(refusing, extra: ReplyForm.refuse)
        other.expectRootHears()
        other.bench.delete(refused.scheduling)
        #expect(other.record(refused) == [tag, 0xDEAD_0000])
        #expect(pager.state != .stopped)
    }

    // MARK: The end of a record

    @Test func aStartAndAResetForgetIt() {
        let board = Supervised(), bench = board.bench
        let thread = bench.makeThread(priority: 10)
        board.watch(thread)
        for clears in [ContextState.reset, nil] {
            bench.sleepRoot()
            board.fault(thread)
            board.expectRootHears()
            // Stopping what is stopped says nothing new.
            bench.stop(thread)
            #expect(board.record(thread) == [tag, 0xDEAD_0000])
            if let clears {
                bench.succeed(.contextState, thread.slot, form: clears.rawValue)
                #expect(board.record(thread) == [0, 0])
            }
            bench.start(thread)
            bench.stop(thread)
            #expect(board.record(thread) == [0, 0])
            bench.start(thread)
            bench.settleAll()
            bench.operate(.poll, board.watcher)
        }
    }

    @Test func itIsReadOnlyAndOfStoppedContextsOnly() {
        let board = Supervised(), bench = board.bench
        let thread = bench.makeThread(priority: 10)
        func state(_ form: ContextState, _ number: UInt64) -> Status? {
            bench.operate(.contextState, thread.slot, form: form.rawValue, number, 1, 1).status
        }
        #expect(state(.read, RegisterNumber.faultTag) == .badState)
        bench.stop(thread)
        #expect(state(.read, RegisterNumber.faultTag) == .ok && state(.read, RegisterNumber.faultAddress) == .ok)
        #expect(state(.write, RegisterNumber.faultTag) == .badArgument)
        #expect(state(.write, RegisterNumber.faultAddress) == .badArgument)
        #expect(state(.read, RegisterNumber.faultAddress + 1) == .badArgument)
    }
}

@Suite struct StopNoticeTests {
    @Test func aThreadThatStopsItselfIsHeard() {
        let board = Supervised(), bench = board.bench
        let thread = bench.makeThread(priority: 10)
        board.watch(thread, bits: 4)
        bench.sleepRoot()
        bench.operate(.contextControl, thread.slot, form: ContextControl.stop.rawValue, by: thread.context)
        board.expectRootHears(bits: 4)
        #expect(thread.state == .stopped && board.record(thread) == [0, 0])
    }

    /// Somebody else who may stop it, also while it is being served: then its end comes later.
    @Test(arguments: [false, true])
    func aThreadThatAnotherStopsIsHeard(isCalling: Bool) {
        let board = Supervised(), bench = board.bench
        let server = bench.makeThread(priority: 12), thread = bench.makeThread(priority: 10)
        let other = bench.makeThread(priority: 14, notified: true)
        let portal = bench.makePortal(to: server)
        board.watch(thread)
        bench.sleepRoot()
        bench.wait(other)
        bench.wait(server)
        if isCalling { bench.call(portal, by: thread) }
        bench.raise(other.notification)
        bench.operate(.contextControl, thread.slot, form: ContextControl.stop.rawValue, by: other.context)
        if isCalling {
            bench.settleAll()
            #expect(thread.state == .calling && bench.current() == other.context, "nobody is told too early")
            bench.wait(other)
            bench.replyAndWait(server)
        }
        board.expectRootHears()
        #expect(thread.state == .stopped)
    }

    @Test func aThreadOfAnotherCoreIsHeard() {
        let bench = Bench(cores: 2)
        let thread = bench.makeThread(core: 1)
        let watcher = bench.create(.notification)
        bench.succeed(.contextControl, thread.slot, form: ContextControl.bindStopped.rawValue, UInt64(watcher), 2)
        bench.stop(thread)
        bench.settleAll()
        #expect(bench.operate(.poll, watcher).tag == 2)
    }

    /// The supervisor that is told finds the thread at rest, on any core, because the kernel writes `running` before it
    /// raises the bits.
    @Test func whatItIsMadeOfGoes() {
        let board = Supervised(), bench = board.bench
        let thread = bench.makeThread(priority: 10)
        board.watch(thread)
        bench.delete(thread.scheduling)
        bench.settleAll()
        #expect(bench.operate(.poll, board.watcher).tag == 1)
    }

    /// Root's tenants have their own thread without `manage`: enough to say which events end its calls, and for nothing
    /// else.
    @Test func aThreadWithoutTheRightToManageItself() {
        let bench = Bench()
        let thread = bench.makeThread(priority: 10, notified: true)
        let own = bench.derive(thread.slot, rights: .write)
        bench.sleepRoot()
        func control(_ form: ContextControl, _ words: UInt64...) -> Status? {
            bench.operate(
                thread.context, Operation.contextControl.rawValue, Selector(slot: own, form: form.rawValue), words
            ).status
        }
        #expect(control(.setAbortMask, 0x40) == .ok && thread.context.pointee.abortMask == 0x40)
        let watcher = UInt64(thread.notification)
        for form in [ContextControl.stop, .start, .status, .abort, .startAt] { #expect(control(form) == .noRights) }
        #expect(control(.bindStopped, watcher) == .noRights)
        #expect(control(.setMessagePage, 0) == .noRights)
        let bound = bench.operate(
            .notificationBind, thread.notification, form: NotificationBind.thread.rawValue, UInt64(own),
            by: thread.context)
        #expect(bound.status == .noRights)
    }
}
