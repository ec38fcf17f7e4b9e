import ABI
import HardwareModel

@testable import KernelCore

/// The conditions that hold whenever the kernel returns, for any actions of tenants.
///
/// `Invariants+Tree` walks the derivation tree and finds all objects by it, and `Invariants+Objects` checks each of
/// them.
struct Invariants {
    let board: Ref<Board>
    let cores: [Ref<Core>]
    /// The table of root, which holds the capabilities without a parent.
    let table: Ref<CapabilityTable>
    let root: Ref<ExecutionContext>
    /// The deadlines of the cores' hardware timers.
    private let hardwareDeadlines: [Ticks]
    private(set) var found: [String] = []

    // MARK: Contents of the tree, filled by `walkTree`

    /// Every node that can be reached from one without a parent.
    var nodes: Set<UInt64> = []
    /// The objects whose first capability is there.
    var objects: [UInt64: LiveObject] = [:]
    var mappings: [Ref<Capability>] = []

    struct LiveObject {
        var kind: ObjectKind
        var size: UInt64
    }

    init(_ fixture: Fixture) {
        board = fixture.model.kernelBoard
        cores = fixture.model.cores.map { $0.kernelCore }
        table = fixture.table
        root = fixture.root
        hardwareDeadlines = fixture.model.cores.map(\.deadline)
    }

    func broken() -> [String] {
        var checker = self
        checker.walkTree()
        // The check does not follow links into memory that is no longer an object.
        guard checker.found.isEmpty else { return checker.found }
        checker.checkCoresPointers()
        guard checker.found.isEmpty else { return checker.found }
        for (core, deadline) in zip(cores, hardwareDeadlines) {
            checker.checkQueues(core, hardwareDeadline: deadline)
            checker.checkCurrent(core)
            checker.checkRunQueue(core)
            checker.checkTimers(core)
            checker.checkBudgetTimers(core)
        }
        checker.checkObjects()
        checker.checkMappings()
        return checker.found
    }

    /// Returns true if there is an object of this kind at the address.
    func isLive(_ address: PhysicalAddress, _ kinds: ObjectKind...) -> Bool {
        objects[address.value].map { kinds.contains($0.kind) } ?? false
    }

    mutating func require(_ condition: Bool, _ message: @autoclosure () -> String) {
        if !condition { found.append(message()) }
    }

    // MARK: Running contexts

    private mutating func checkCurrent(_ core: Ref<Core>) {
        let name = "core \(core.pointee.id.number)"
        guard let current = core.pointee.current else {
            require(core.pointee.scheduling == nil, "\(name): time is charged though nobody runs")
            // A core that has parked time in this entry, and done nothing else, has interrupted itself to continue.
            return require(
                core.pointee.runQueue.occupied == 0 || core.pointee.mustSchedule,
                "\(name) idles though somebody is ready")
        }
        checkDeadline(core, name)
        require(current.pointee.state == .ready, "\(name) runs a context that is \(current.pointee.state)")
        require(current.pointee.core == core.pointee.id, "\(name) runs a context of another core")
        guard let scheduling = core.pointee.scheduling else {
            return require(false, "\(name) runs on nobody's time")
        }
        require(
            Kernel<ModelHardware>.beneficiary(of: scheduling) == current,
            "\(name) runs a context on time that does not lead to it")
        require(!scheduling.pointee.isQueued, "\(name): what has the core is queued")
        require(!scheduling.pointee.isExhausted, "\(name) runs on time that is used up")
        require(
            core.pointee.runQueue.highest <= Int(scheduling.pointee.priority),
            "\(name): somebody more urgent is ready")
    }

    /// Requires that the hardware timer is not too late for any event.
    private mutating func checkDeadline(_ core: Ref<Core>, _ name: String) {
        let deadline = core.pointee.deadline
        require(deadline <= core.pointee.notificationTimers.soonest, "\(name): a notification's timer is forgotten")
        require(deadline <= core.pointee.contextTimers.soonest, "\(name): the timer of a virtual CPU is forgotten")
        require(deadline <= core.pointee.budgetTimers.soonest, "\(name): the end of a period is forgotten")
        require(
            deadline <= Kernel<ModelHardware>.postponedDeadline(core), "\(name): a postponed interrupt is forgotten")
        guard let scheduling = core.pointee.scheduling else { return }
        require(
            scheduling.pointee.budget == Ticks(0) || deadline <= core.pointee.budgetEnd,
            "\(name): a budget has no end")
        require(
            scheduling.pointee.budget != Ticks(0) || core.pointee.budgetEnd == .never,
            "\(name): a budget that nobody has")
        require(
            core.pointee.runQueue.highest != Int(scheduling.pointee.priority) || deadline <= core.pointee.sliceEnd,
            "\(name): a slice has no end")
    }

    private mutating func checkRunQueue(_ core: Ref<Core>) {
        for priority in 0..<32 {
            var last: Ref<SchedulingContext>?
            var next = core.pointee.runQueue.heads[priority]
            var length = 0
            while let item = next {
                checkQueued(item, core, priority)
                last = item
                next = item.pointee.next
                length += 1
                if length > 1000 { return require(false, "the queue of priority \(priority) is a loop") }
            }
            require(core.pointee.runQueue.tails[priority] == last, "tail of priority \(priority)")
            let bit = core.pointee.runQueue.occupied & 1 << UInt32(priority) != 0
            require(bit == (last != nil), "occupied bit of priority \(priority)")
        }
    }

    private mutating func checkQueued(_ item: Ref<SchedulingContext>, _ core: Ref<Core>, _ priority: Int) {
        require(item.pointee.isQueued, "a queued scheduling context says that it is not")
        require(Int(item.pointee.priority) == priority, "a scheduling context in the wrong queue")
        require(item.pointee.core == core.pointee.id, "a scheduling context on the wrong core")
        require(!item.pointee.isExhausted, "time that is used up is queued")
        guard let context = item.pointee.context else { return require(false, "queued time is nobody's") }
        require(context.pointee.usesOwnTime, "queued time is of a context that does not use it")
        require(core.pointee.scheduling != item, "time runs and is queued")
    }

    private mutating func checkBudgetTimers(_ core: Ref<Core>) {
        for item in items(of: core.pointee.budgetTimers, "budgets") {
            require(item.pointee.isExhausted, "time waits for a new budget and has one")
            require(item.pointee.core == core.pointee.id, "time waits for a new budget on another core")
        }
    }

    /// Returns the items of a queue of deadlines, and checks the queue's shape on the way.
    mutating func items<Item: Timed & ~Copyable>(of queue: TimerQueue<Item>, _ name: String) -> [Ref<Item>] {
        var found: [Ref<Item>] = []
        var rest = queue.first.map { [$0] } ?? []
        require(queue.first?.timer.parent == nil, "the first of the \(name) has a parent")
        while let item = rest.popLast(), found.count <= 1000 {
            found.append(item)
            require(item.timer.isArmed, "one of the \(name) is not armed")
            for child in [item.timer.left, item.timer.right] {
                guard let child else { continue }
                require(child.timer.parent == item, "a link back among the \(name)")
                require(item.timer.deadline <= child.timer.deadline, "\(name) out of order")
                rest.append(child)
            }
            let left = item.timer.left?.timer.rank ?? 0
            let right = item.timer.right?.timer.rank ?? 0
            require(right <= left && item.timer.rank == right + 1, "a rank among the \(name)")
        }
        require(found.count <= 1000, "the queue of \(name) is a loop")
        return found
    }

    private mutating func checkTimers(_ core: Ref<Core>) {
        _ = items(of: core.pointee.notificationTimers, "timers")
        _ = items(of: core.pointee.contextTimers, "sleepers")
        let soonest = min(
            core.pointee.notificationTimers.soonest,
            min(core.pointee.contextTimers.soonest, core.pointee.budgetTimers.soonest))
        require(core.pointee.deadline <= soonest, "the hardware timer comes too late")
    }
}
