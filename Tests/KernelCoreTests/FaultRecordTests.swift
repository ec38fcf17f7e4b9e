import ABI
import HardwareModel
import Testing

@testable import KernelCore

/// A fault that nobody serves stops its context and leaves a record, which the supervisor reads on its own time. None
/// of that runs on the time of the context that faulted.
private struct Supervised {
    let fixture = Fixture()
    let watcher: UInt32

    init() {
        watcher = fixture.create(.notification)
        fixture.succeed(.notificationBind, watcher, form: NotificationBind.thread.rawValue, UInt64(InitialSlot.thread))
    }

    /// Lets root know when the thread stops.
    func watch(_ tenant: Tenant, bits: UInt64 = 1) {
        fixture.succeed(.contextControl, tenant.slot, form: ContextControl.bindStopped.rawValue, UInt64(watcher), bits)
    }

    func fault(_ tenant: Tenant, _ tag: UInt64 = 5 << 56 | 0x9600_0000, address: UInt64 = 0xDEAD_0000) {
        #expect(fixture.current() == tenant.context)
        fixture.enter { K.exit($0, tenant.context, Words(tag, address, 0, 0x1000)) }
    }

    /// Returns the record as root reads it.
    func record(_ tenant: Tenant) -> [UInt64] {
        Array(
            fixture.succeed(
                .contextState, tenant.slot, form: ContextState.read.rawValue, RegisterNumber.faultTag, 2
            ).words[2...3])
    }

    /// Expects that root runs, and that a thread's end has woken it.
    func expectRootHears(bits: UInt64 = 1, sourceLocation: SourceLocation = #_sourceLocation) {
        fixture.settleAll()
        let answer = fixture.answer(fixture.root)
        #expect(fixture.current() == fixture.root, sourceLocation: sourceLocation)
        #expect(answer.status == .notified && answer.tag == bits, sourceLocation: sourceLocation)
        let time = fixture.core(0).pointee.scheduling
        #expect(time == fixture.rootScheduling, "on its own time", sourceLocation: sourceLocation)
    }
}

private let tag: UInt64 = 5 << 56 | 0x9600_0000

@Suite struct FaultRecordTests {
    /// The budget is 10 ms of 10 s, with a tick left. The report does not wait for the period's end.
    @Test func aBudgetThatEndsWithTheFaultDelaysNobody() {
        let board = Supervised(), fixture = board.fixture
        var thread = fixture.makeThread(priority: 10, starts: false)
        thread.scheduling = fixture.create(.schedulingContext)
        fixture.succeed(
            .scheduleControl, thread.scheduling, form: ScheduleControl.configure.rawValue, 0, 10, 10_000, 100, 100_000)
        fixture.configure(thread)
        board.watch(thread)
        fixture.start(thread)
        fixture.sleepRoot()
        fixture.model.advance(by: 99)
        board.fault(thread)
        fixture.model.advance(by: 1)
        board.expectRootHears()
        #expect(board.record(thread) == [tag, 0xDEAD_0000])
        // Root's work for the fault is not charged to the budget of the thread that faulted.
        fixture.advance(500)
        #expect(fixture.current() == fixture.root)
    }

    /// A component of priority 1 faults. Before root's first operation a tenant of priority 10 wakes and spins.
    @Test func aSpinningTenantDelaysNobody() {
        let board = Supervised(), fixture = board.fixture
        let low = fixture.makeThread(priority: 1)
        let spinner = fixture.makeThread(priority: 10, notified: true)
        board.watch(low)
        fixture.sleepRoot()
        fixture.wait(spinner)
        #expect(fixture.current() == low.context)
        board.fault(low)
        fixture.raise(spinner.notification)
        board.expectRootHears()
        #expect(board.record(low) == [tag, 0xDEAD_0000])
        fixture.sleepRoot()
        #expect(fixture.current() == spinner.context && low.state == .stopped)
    }

    @Test func onAnotherCore() {
        let fixture = Fixture(cores: 2)
        let thread = fixture.makeThread(core: 1)
        let watcher = fixture.create(.notification)
        fixture.succeed(.notificationBind, watcher, form: NotificationBind.thread.rawValue, UInt64(InitialSlot.thread))
        fixture.succeed(.contextControl, thread.slot, form: ContextControl.bindStopped.rawValue, UInt64(watcher), 1)
        fixture.sleepRoot()
        fixture.enter(1) { K.exit($0, thread.context, Words(tag, 8)) }
        fixture.settle(1)
        fixture.settle(0)
        #expect(fixture.current() == fixture.root && fixture.answer(fixture.root).tag == 1)
        let record = fixture.succeed(
            .contextState, thread.slot, form: ContextState.read.rawValue, RegisterNumber.faultTag, 2)
        #expect(record.words[2...3] == [tag, 8])
    }

    /// The exit of a virtual CPU has no server.
    @Test func ofAVirtualCPU() {
        let board = Supervised(), fixture = board.fixture
        let machine = fixture.makeVirtualCPU()
        board.watch(machine)
        fixture.sleepRoot()
        fixture.exit(machine, Words(1 << 56 | 7, 0x0900_0018))
        board.expectRootHears()
        #expect(board.record(machine) == [1 << 56 | 7, 0x0900_0018])
    }

    // MARK: Pagers

    private func paged(_ board: Supervised) -> (pager: Tenant, client: Tenant) {
        let fixture = board.fixture
        let pager = fixture.makeThread(priority: 12)
        let client = fixture.makeThread(priority: 10, starts: false)
        fixture.configure(client, portal: fixture.makePortal(to: pager))
        board.watch(client)
        fixture.start(client)
        fixture.sleepRoot()
        fixture.wait(pager)
        board.fault(client)
        #expect(fixture.current() == pager.context)
        return (pager, client)
    }

    @Test func aPagerRefuses() {
        let board = Supervised()
        let (pager, client) = paged(board)
        board.fixture.replyAndWait(pager, extra: ReplyForm.refuse)
        board.expectRootHears()
        #expect(board.record(client) == [tag, 0xDEAD_0000])
    }

    @Test func aPagerDies() {
        let board = Supervised()
        let (pager, client) = paged(board)
        board.fixture.raiseRoot()
        board.fixture.delete(pager.slot)
        #expect(client.state == .stopped)
        board.fixture.sleepRoot()
        board.expectRootHears()
        #expect(board.record(client) == [tag, 0xDEAD_0000])
    }

    /// A fault that was served is not the reason of the thread's later death.
    @Test func aCuredFaultIsNoReason() {
        let board = Supervised(), fixture = board.fixture
        let (pager, client) = paged(board)
        fixture.replyAndWait(pager)
        #expect(fixture.current() == client.context)
        fixture.operate(.contextControl, client.slot, form: ContextControl.stop.rawValue, by: client.context)
        board.expectRootHears()
        #expect(client.state == .stopped && board.record(client) == [0, 0])
    }

    /// The thread loses its time while the fault is served. The record of a thread that has already stopped stays.
    @Test func aStopForWantOfTimeLeavesNoRecord() {
        let board = Supervised(), fixture = board.fixture
        let (pager, served) = paged(board)
        fixture.raiseRoot()
        fixture.delete(served.scheduling)
        #expect(served.state == .stopped && board.record(served) == [0, 0])
        let other = Supervised()
        let (refusing, refused) = paged(other)
        other.fixture.replyAndWait(refusing, extra: ReplyForm.refuse)
        other.expectRootHears()
        other.fixture.delete(refused.scheduling)
        #expect(other.record(refused) == [tag, 0xDEAD_0000])
        #expect(pager.state != .stopped)
    }

    // MARK: The end of a record

    @Test func aStartAndAResetForgetIt() {
        let board = Supervised(), fixture = board.fixture
        let thread = fixture.makeThread(priority: 10)
        board.watch(thread)
        for clears in [ContextState.reset, nil] {
            fixture.sleepRoot()
            board.fault(thread)
            board.expectRootHears()
            // A stop of a stopped thread is not reported again.
            fixture.stop(thread)
            #expect(board.record(thread) == [tag, 0xDEAD_0000])
            if let clears {
                fixture.succeed(.contextState, thread.slot, form: clears.rawValue)
                #expect(board.record(thread) == [0, 0])
            }
            fixture.start(thread)
            fixture.stop(thread)
            #expect(board.record(thread) == [0, 0])
            fixture.start(thread)
            fixture.settleAll()
            fixture.operate(.poll, board.watcher)
        }
    }

    @Test func itIsReadOnlyAndOfStoppedContextsOnly() {
        let board = Supervised(), fixture = board.fixture
        let thread = fixture.makeThread(priority: 10)
        func state(_ form: ContextState, _ number: UInt64) -> Status? {
            fixture.operate(.contextState, thread.slot, form: form.rawValue, number, 1, 1).status
        }
        #expect(state(.read, RegisterNumber.faultTag) == .badState)
        fixture.stop(thread)
        #expect(state(.read, RegisterNumber.faultTag) == .ok && state(.read, RegisterNumber.faultAddress) == .ok)
        #expect(state(.write, RegisterNumber.faultTag) == .badArgument)
        #expect(state(.write, RegisterNumber.faultAddress) == .badArgument)
        #expect(state(.read, RegisterNumber.faultAddress + 1) == .badArgument)
    }
}

@Suite struct StopNoticeTests {
    @Test func aThreadThatStopsItselfIsHeard() {
        let board = Supervised(), fixture = board.fixture
        let thread = fixture.makeThread(priority: 10)
        board.watch(thread, bits: 4)
        fixture.sleepRoot()
        fixture.operate(.contextControl, thread.slot, form: ContextControl.stop.rawValue, by: thread.context)
        board.expectRootHears(bits: 4)
        #expect(thread.state == .stopped && board.record(thread) == [0, 0])
    }

    /// Another tenant may stop it, also while its fault is being served; its end then comes later.
    @Test(arguments: [false, true])
    func aThreadThatAnotherStopsIsHeard(isCalling: Bool) {
        let board = Supervised(), fixture = board.fixture
        let server = fixture.makeThread(priority: 12), thread = fixture.makeThread(priority: 10)
        let other = fixture.makeThread(priority: 14, notified: true)
        let portal = fixture.makePortal(to: server)
        board.watch(thread)
        fixture.sleepRoot()
        fixture.wait(other)
        fixture.wait(server)
        if isCalling { fixture.call(portal, by: thread) }
        fixture.raise(other.notification)
        fixture.operate(.contextControl, thread.slot, form: ContextControl.stop.rawValue, by: other.context)
        if isCalling {
            fixture.settleAll()
            #expect(thread.state == .calling && fixture.current() == other.context, "nobody is told too early")
            fixture.wait(other)
            fixture.replyAndWait(server)
        }
        board.expectRootHears()
        #expect(thread.state == .stopped)
    }

    @Test func aThreadOfAnotherCoreIsHeard() {
        let fixture = Fixture(cores: 2)
        let thread = fixture.makeThread(core: 1)
        let watcher = fixture.create(.notification)
        fixture.succeed(.contextControl, thread.slot, form: ContextControl.bindStopped.rawValue, UInt64(watcher), 2)
        fixture.stop(thread)
        fixture.settleAll()
        #expect(fixture.operate(.poll, watcher).tag == 2)
    }

    /// A supervisor that gets the report finds the thread at rest, on any core, because the kernel writes `running`
    /// before it raises the bits.
    @Test func aThreadWithoutItsTimeIsReported() {
        let board = Supervised(), fixture = board.fixture
        let thread = fixture.makeThread(priority: 10)
        board.watch(thread)
        fixture.delete(thread.scheduling)
        fixture.settleAll()
        #expect(fixture.operate(.poll, board.watcher).tag == 1)
    }

    /// Root's tenants have their own thread without `manage`. That suffices to choose the events that end its calls,
    /// and for nothing else.
    @Test func aThreadWithoutTheRightToManageItself() {
        let fixture = Fixture()
        let thread = fixture.makeThread(priority: 10, notified: true)
        let own = fixture.derive(thread.slot, rights: .write)
        fixture.sleepRoot()
        func control(_ form: ContextControl, _ words: UInt64...) -> Status? {
            fixture.operate(
                thread.context, Operation.contextControl.rawValue, Selector(slot: own, form: form.rawValue), words
            ).status
        }
        #expect(control(.setAbortMask, 0x40) == .ok && thread.context.pointee.abortMask == 0x40)
        let watcher = UInt64(thread.notification)
        for form in [ContextControl.stop, .start, .status, .abort, .startAt] { #expect(control(form) == .noRights) }
        #expect(control(.bindStopped, watcher) == .noRights)
        #expect(control(.setMessagePage, 0) == .noRights)
        let bound = fixture.operate(
            .notificationBind, thread.notification, form: NotificationBind.thread.rawValue, UInt64(own),
            by: thread.context)
        #expect(bound.status == .noRights)
    }
}
