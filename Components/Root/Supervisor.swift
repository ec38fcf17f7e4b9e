import ABI
import Entente
import Supervision

/// The bits of root's own notification.
enum SupervisorEvent {
    /// Some tenant's thread stopped: because it faulted, or because nobody could serve its fault.
    static let death: UInt64 = 1
    /// Root's console has input.
    static let input: UInt64 = 2
    /// A restart is due.
    static let due: UInt64 = 4
    /// Some tenant has used up its budget.
    static let overrun: UInt64 = 8
}

/// Starts the system from the image's table, and restarts what dies. `SupervisionTree` decides when and what, by the
/// manifest's limits; `SystemBuilder` destroys and builds.
///
/// It runs on root's first thread. Faults of other cores come to root's threads there, which report them and wake this one.
struct Supervisor: ~Copyable {
    var builder: SystemBuilder
    var tree: SupervisionTree
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
        while true { serve(replyWait(ReplyForm.wait)) }
    }

    private mutating func serve(_ answer: Answer) {
        if answer.status == .ok {
            FaultReport(answer).settle()
            findDead()
        } else if answer.status == .notified {
            if answer.tag & SupervisorEvent.death != 0 { findDead() }
            if answer.tag & SupervisorEvent.input != 0 { readCommands() }
            if answer.tag & SupervisorEvent.overrun != 0 { reportOverruns() }
        }
        restartWhatIsDue()
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
        where builder.tenants[tenant].isAlive && builder.hasStoppedThread(tenant) { died(tenant) }
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

    /// Builds what is due, and sets the alarm for what is not.
    private mutating func restartWhatIsDue() {
        while let tenant = tree.due(at: Clock.now) {
            let begin = Clock.now
            builder.construct(tenant)
            builder.connect(tenant)
            tree.started(tenant)
            builder.start(tenant)
            reportRestart(of: tenant, took: Clock.now - begin)
        }
        guard let deadline = tree.nextDeadline else { return }
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
}
