import ABI
@_spi(Kernel) import Entente
import Supervision

/// Starts the system from its plan, and restarts tenants that die. `SupervisionTree` decides by the manifest's limits,
/// and `PlanExecutor` destroys and builds.
///
/// No tenant calls root. A thread that faults stops, and root reads the record of its fault. So root does none of its
/// work on a tenant's time, and once the tenants run, all of its work is within its own budget.
struct Supervisor: ~Copyable {
    var executor: PlanExecutor
    var tree: SupervisionTree
    var overruns = OverrunWatch(interval: Clock.frequency)
    /// The line that a user is typing at root's console.
    var line = CommandLine()

    init() {
        guard BootPlan.tenantCount > 0 else { fail("the image holds no tenant", .badArgument) }
        let residue = BootPlan.imageAddress & 0x1F_FFFF
        if residue != BootPlan.header.imageResidue { fail("the image's address differs from its plan", .badArgument) }
        let (tenants, groups) = (BootPlan.tenantCount, min(BootPlan.groupCount, PartID.maximumGroups))
        let tenantsSize = UInt64(FixedTable<TenantState>.size(tenants) + 15) & ~15
        let size = tenantsSize + UInt64(SupervisionTree.size(tenants: tenants, groups: groups))
        guard size <= BootPlan.node(0).parameter else { fail("root's memory does not suffice", .noMemory) }
        var memory = Memory()
        memory.mapOwn(BootPlan.node(0), BootPlan.edge(0))
        tree = SupervisionTree(at: UInt(ComponentLayout.heap + tenantsSize), tenants: tenants, groups: groups)
        executor = PlanExecutor(memory, tenantsAt: ComponentLayout.heap)
    }

    /// Runs the system. It does not return.
    mutating func run() {
        executor.build()
        plantTree()
        reportStart()
        for tenant in 0..<BootPlan.tenantCount { executor.start(tenant) }
        limitOwnTime()
        while true {
            let answer = replyWait(ReplyForm.wait)
            if answer.status == .notified { serve(answer.tag) }
        }
    }

    private mutating func serve(_ signals: UInt64) {
        if signals & SupervisorSignal.death != 0 { findDead() }
        if signals & SupervisorSignal.input != 0 { readCommands() }
        if signals & SupervisorSignal.overrun != 0 { overruns.noteNews() }
        restartWhatIsDue()
        if overruns.isDue(at: Clock.now) { reportOverruns() }
        setAlarm()
    }

    /// Limits root's time. From now on others cause its work: deaths, restarts, overruns and commands take at most a
    /// quarter of its core, and 5 ms at a time.
    private func limitOwnTime() {
        require(
            scheduleControl(RootSlot.time, .setBudget, RootTime.limit(frequency: Clock.frequency)),
            "cannot limit root's own time")
    }

    /// Builds the tree of the manifest's policies.
    private mutating func plantTree() {
        for tenant in 0..<BootPlan.tenantCount { plant(.tenant(tenant), BootPlan.tenant(tenant).supervision) }
        for group in 0..<min(BootPlan.groupCount, PartID.maximumGroups) {
            plant(.group(group), BootPlan.group(group).supervision)
        }
    }

    private mutating func plant(_ part: PartID, _ record: SupervisionRecord) {
        tree.add(
            part, RestartPolicy(record, ticksPerMillisecond: Clock.frequency / 1000),
            parent: record.parent == 0 ? nil : .group(Int(record.parent) - 1))
    }

    // MARK: Deaths

    /// Checks every thread, because the notification does not say which tenant stopped, and may be late.
    private mutating func findDead() {
        for tenant in 0..<BootPlan.tenantCount where executor.tenants[tenant].isAlive && hasStoppedThread(tenant) {
            for index in BootPlan.tenant(tenant).nodes where isStoppedThread(BootPlan.node(index)) {
                FaultReport(BootPlan.node(index)).write()
            }
            died(tenant)
        }
    }

    /// Handles a tenant that has died or must end.
    mutating func died(_ tenant: Int) {
        let verdict = tree.died(tenant, at: Clock.now)
        switch verdict {
        case .nothing: return
        case .restart(let part, _, _), .stop(let part), .escalateToBoard(let part): tearDown(part)
        }
        report(verdict, of: tenant)
        if case .escalateToBoard = verdict { failBoard() }
    }

    /// Destroys all tenants of the part, in the reverse order of their starts.
    private mutating func tearDown(_ part: PartID) {
        for tenant in (0..<BootPlan.tenantCount).reversed()
        where executor.tenants[tenant].isAlive && tree.lies(.tenant(tenant), in: part) { executor.tearDown(tenant) }
    }

    /// Applies the manifest's `on-failure`, because the top of the tree has reached its limit.
    private func failBoard() {
        let onFailure = BootPlan.header.onFailure
        guard onFailure == OnFailure.reset.rawValue || onFailure == OnFailure.powerOff.rawValue else { return }
        waitForConsole()
        invoke(.system, system(onFailure == OnFailure.reset.rawValue ? .reset : .powerOff))
    }

    // MARK: Restarts

    /// Builds the tenants whose restarts are due.
    private mutating func restartWhatIsDue() {
        while let tenant = tree.due(at: Clock.now) {
            let begin = Clock.now
            executor.construct(tenant)
            executor.connect(tenant)
            tree.started(tenant)
            executor.start(tenant)
            reportRestart(of: tenant, took: Clock.now - begin)
        }
    }

    /// Sets the alarm for the next restart or look at the overruns.
    private func setAlarm() {
        let deadline = min(tree.nextDeadline ?? .max, overruns.deadline ?? .max)
        guard deadline != .max else { return }
        setTimer(InitialSlot.notification, deadline: deadline, bits: SupervisorSignal.due)
    }
}

extension Supervisor {
    private func hasStoppedThread(_ tenant: Int) -> Bool {
        for index in BootPlan.tenant(tenant).nodes where isStoppedThread(BootPlan.node(index)) { return true }
        return false
    }

    private func isStoppedThread(_ node: PlanNode) -> Bool {
        guard node.kind == UInt64(ObjectKind.thread.rawValue) else { return false }
        let answer = contextControl(UInt32(node.slot), .status)
        return answer.status != .ok || answer.words.w0 == ContextStatus.stopped.rawValue
    }
}
