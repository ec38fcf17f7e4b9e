import ABI
import MachineModel

@testable import KernelCore

/// What holds whenever the kernel returns, whatever tenants did.
struct Invariants {
    private let cores: [Ref<Core>]
    private let table: Ref<CapabilityTable>
    /// Those that the bench or its tenants may have filled.
    private let slots: Range<UInt32>
    private var found: [String] = []

    init(_ bench: Bench) {
        cores = bench.model.cores.map { $0.kernelCore }
        table = bench.table
        slots = 1..<max(bench.slotsInUse, 128)
    }

    func broken() -> [String] {
        var checker = self
        for core in cores {
            checker.checkCurrent(core)
            checker.checkRunQueue(core)
            checker.checkTimers(core)
        }
        for number in slots { checker.checkSlot(number) }
        return checker.found
    }

    private mutating func require(_ condition: Bool, _ message: @autoclosure () -> String) {
        if !condition { found.append(message()) }
    }

    // MARK: Who runs

    private mutating func checkCurrent(_ core: Ref<Core>) {
        let name = "core \(core.pointee.id.number)"
        guard let current = core.pointee.current else {
            require(core.pointee.scheduling == nil, "\(name): time is charged though nobody runs")
            return require(core.pointee.runQueue.occupied == 0, "\(name) idles though somebody is ready")
        }
        require(current.pointee.state == .ready, "\(name) runs a context that is \(current.pointee.state)")
        require(current.pointee.core == core.pointee.id, "\(name) runs a context of another core")
        guard let scheduling = core.pointee.scheduling else {
            return require(false, "\(name) runs on nobody's time")
        }
        require(current.pointee.scheduling == scheduling, "\(name) runs a context on time that is not its own")
        require(scheduling.pointee.context == current, "\(name): the time that is used is another context's")
        require(!scheduling.pointee.isQueued, "\(name): what has the core is queued")
        require(
            core.pointee.runQueue.highest <= Int(scheduling.pointee.priority),
            "\(name): somebody more urgent is ready")
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
        guard let context = item.pointee.context else { return require(false, "queued time is nobody's") }
        require(context.pointee.state == .ready, "queued time is of a context that is \(context.pointee.state)")
        require(context.pointee.scheduling == item, "queued time is of a context that runs on other time")
        require(core.pointee.current != context, "a context runs and is queued")
    }

    private mutating func checkTimers(_ core: Ref<Core>) {
        var previous: Ref<KernelCore.Notification>?
        var next = core.pointee.notificationTimers.first
        var length = 0
        while let item = next, length <= 1000 {
            require(item.pointee.timer.isArmed, "a listed timer is not armed")
            require(item.pointee.timer.previous == previous, "a timer's link back")
            if let previous {
                require(previous.pointee.timer.deadline <= item.pointee.timer.deadline, "timers out of order")
            }
            previous = item
            next = item.pointee.timer.next
            length += 1
        }
        require(length <= 1000, "the list of timers is a loop")
        let soonest = min(core.pointee.notificationTimers.soonest, core.pointee.contextTimers.soonest)
        require(core.pointee.deadline <= soonest, "the hardware timer comes too late")
    }

    // MARK: Capabilities

    private mutating func checkSlot(_ number: UInt32) {
        guard let slot = table.pointee.slot(number), slot.pointee.kind != .none else { return }
        checkContext(slot, number)
        if let parent = slot.pointee.parent {
            checkFamily(slot, parent, number)
            if slot.pointee.kind == parent.pointee.kind, slot.pointee.kind != .region {
                require(parent.pointee.rights.isSuperset(of: slot.pointee.rights), "slot \(number) gained rights")
            }
            if slot.pointee.kind == .extent, parent.pointee.kind == .extent {
                let start = slot.pointee.object.value, outer = parent.pointee.object.value
                require(
                    start >= outer && start + slot.pointee.size <= outer + parent.pointee.size,
                    "slot \(number) is an extent beyond its parent")
            }
        }
    }

    private mutating func checkFamily(_ slot: Ref<Capability>, _ parent: Ref<Capability>, _ number: UInt32) {
        require(parent.pointee.kind != .none, "slot \(number) has no parent any more")
        if let previous = slot.pointee.previousSibling {
            require(previous.pointee.nextSibling == slot, "slot \(number): sibling before")
        } else {
            require(parent.pointee.firstChild == slot, "slot \(number) is no child of its parent")
        }
        if let next = slot.pointee.nextSibling {
            require(next.pointee.previousSibling == slot, "slot \(number): sibling behind")
        }
    }

    /// A context that is ready can run: its time is queued or has the core.
    private mutating func checkContext(_ slot: Ref<Capability>, _ number: UInt32) {
        guard slot.pointee.kind == .thread || slot.pointee.kind == .virtualCPU else { return }
        let context = slot.pointee.target(ExecutionContext.self)
        if context.pointee.state == .ready {
            let core = cores[context.pointee.core.index]
            let isQueued = context.pointee.scheduling?.pointee.isQueued ?? false
            require(isQueued || core.pointee.current == context, "slot \(number) is ready and will never run")
        }
        if let caller = context.pointee.caller {
            require(caller.pointee.state == .calling, "slot \(number) serves a caller that is \(caller.pointee.state)")
            require(caller.pointee.server == context, "slot \(number) serves a caller that waits for another")
        }
    }
}
