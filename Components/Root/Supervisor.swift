import ABI
import Entente
import Supervision

/// The bits of root's own notification.
enum SupervisorEvent {
    /// Some tenant's thread stopped.
    static let death: UInt64 = 1
    /// Root's console has input.
    static let input: UInt64 = 2
    /// A restart is due, or a look at the overruns.
    static let due: UInt64 = 4
    /// Some tenant has used up its budget.
    static let overrun: UInt64 = 8
}

/// Starts the system from the image's table, and restarts what dies. `SupervisionTree` decides when and what, by the
/// manifest's limits; `SystemBuilder` destroys and builds.
///
/// Nobody calls root: a tenant's thread that faults stops, and root reads what it did. So nothing of root's work is
/// done on a tenant's time, and once the tenants run, all of it is within root's own budget.
struct Supervisor: ~Copyable {
    var builder: SystemBuilder
    var tree: SupervisionTree
    var overruns = OverrunWatch()
    /// What is being typed at root's console.
    var line = CommandLine()

    init() {
        guard BootTable.tenantCount > 0 else { fail("the image holds no tenant", .badArgument) }
        let (tenants, groups) = (SystemBuilder.tenantCount, min(BootTable.groupCount, PartID.maximumGroups))
        let tenantsSize = UInt64(FixedTable<Tenant>.size(tenants) + 15) & ~15
        let size = tenantsSize + UInt64(SupervisionTree.size(tenants: tenants, groups: groups))
        var memory = Memory()
        memory.mapOwn(ComponentLayout.heap, size: (size + 4095) & ~4095)
        tree = SupervisionTree(at: UInt(ComponentLayout.heap + tenantsSize), tenants: tenants, groups: groups)
        builder = SystemBuilder(memory, tenantsAt: ComponentLayout.heap)
    }

    /// Does not return.
    mutating func run() {
        builder.build()
        plantTree()
        reportStart()
        for tenant in 0..<SystemBuilder.tenantCount { builder.start(tenant) }
        limitOwnTime()
        while true {
            let answer = replyWait(ReplyForm.wait)
            if answer.status == .notified { serve(answer.tag) }
        }
    }

    private mutating func serve(_ events: UInt64) {
        if events & SupervisorEvent.death != 0 { findDead() }
        if events & SupervisorEvent.input != 0 { readCommands() }
        if events & SupervisorEvent.overrun != 0 { overruns.noteNews() }
        restartWhatIsDue()
        if overruns.isDue(at: Clock.now) { reportOverruns() }
        setAlarm()
    }

    /// From now on root works when others make it: their deaths, restarts, overruns and commands take a quarter of its
    /// core at most, and 5 ms at a time.
    private func limitOwnTime() {
        require(
            invoke(
                .scheduleControl, Selector(slot: InitialSlot.time, form: ScheduleControl.setBudget.rawValue),
                Words(Clock.frequency / 200, Clock.frequency / 50)), "cannot limit root's own time")
    }

    /// The manifest's tree.
    private mutating func plantTree() {
        for tenant in 0..<SystemBuilder.tenantCount {
            plant(.tenant(tenant), BootTable.tenant(tenant).supervision)
        }
        for group in 0..<min(BootTable.groupCount, PartID.maximumGroups) {
            plant(.group(group), BootTable.group(group).supervision)
        }
    }

    private mutating func plant(_ part: PartID, _ record: SupervisionRecord) {
        tree.add(
            part, RestartPolicy(record, ticksPerMillisecond: Clock.frequency / 1000),
            parent: record.parent == 0 ? nil : .group(Int(record.parent) - 1))
    }

    // MARK: Deaths

    /// Looks at every thread: who says that something stopped need not say who, and may be late.
    private mutating func findDead() {
        for tenant in 0..<SystemBuilder.tenantCount
        where builder.tenants[tenant].isAlive && builder.hasStoppedThread(tenant) {
            builder.reportStoppedThreads(tenant)
            died(tenant)
        }
    }

    /// A tenant is dead, or is to be.
    mutating func died(_ tenant: Int) {
        let verdict = tree.died(tenant, at: Clock.now)
        switch verdict {
        case .nothing: return
        case .restart(let part, _, _), .stop(let part), .escalateToBoard(let part): tearDown(part)
        }
        report(verdict, of: tenant)
        if case .escalateToBoard = verdict { failBoard() }
    }

    /// Everything in the part, the last that started first.
    private mutating func tearDown(_ part: PartID) {
        for tenant in (0..<SystemBuilder.tenantCount).reversed()
        where builder.tenants[tenant].isAlive && tree.lies(.tenant(tenant), in: part) { builder.tearDown(tenant) }
    }

    /// The top of the tree has given up: what the manifest's `on-failure` says.
    private func failBoard() {
        let onFailure = BootTable.header.onFailure
        guard onFailure == OnFailure.reset.rawValue || onFailure == OnFailure.powerOff.rawValue else { return }
        waitForConsole()
        invoke(.system, system(onFailure == OnFailure.reset.rawValue ? .reset : .powerOff))
    }

    // MARK: Restarts

    /// Builds what is due.
    private mutating func restartWhatIsDue() {
        while let tenant = tree.due(at: Clock.now) {
            let begin = Clock.now
            builder.construct(tenant)
            builder.connect(tenant)
            tree.started(tenant)
            builder.start(tenant)
            reportRestart(of: tenant, took: Clock.now - begin)
        }
    }

    /// Wakes root for what is not due yet.
    private func setAlarm() {
        let deadline = min(tree.nextDeadline ?? .max, overruns.deadline ?? .max)
        guard deadline != .max else { return }
        setTimer(InitialSlot.notification, deadline: deadline, bits: SupervisorEvent.due)
    }
}

extension SystemBuilder {
    func hasStoppedThread(_ index: Int) -> Bool {
        for number in 0..<tenants[index].threadCount {
            let answer = contextControl(tenants[index].threads[number], .status)
            if answer.status != .ok || answer.words.w0 == ContextStatus.stopped.rawValue { return true }
        }
        return false
    }

    /// Says what each thread that has stopped did.
    func reportStoppedThreads(_ index: Int) {
        for number in 0..<tenants[index].threadCount {
            let thread = tenants[index].threads[number]
            let answer = contextControl(thread, .status)
            guard answer.status == .ok, answer.words.w0 == ContextStatus.stopped.rawValue else { continue }
            FaultReport(tenant: index, thread: thread, number: number).write()
        }
    }
}
