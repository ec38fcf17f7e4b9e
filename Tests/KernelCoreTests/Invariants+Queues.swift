import HardwareModel

@testable import KernelCore

// The queues of a core: their back links, the counts beside them, and the hardware timer.

extension Invariants {
    mutating func checkQueues(_ core: Ref<Core>, hardwareDeadline: Ticks) {
        let name = "core \(core.pointee.id.number)"
        require(core.pointee.deadline == hardwareDeadline, "\(name): the hardware timer is not set to the deadline")
        for priority in 0..<32 {
            _ = times(from: core.pointee.runQueue.heads[priority], "\(name), priority \(priority)")
        }
        checkParked(core, name)
        checkOwners(core, name)
        // Otherwise the next entry reconsiders without need, or this one has failed to.
        require(
            !core.pointee.mustSchedule || core.pointee.parked.due > 0 || core.pointee.current == nil,
            "\(name) leaves a decision to the next entry")
    }

    /// Returns a list of scheduling contexts, and checks the back links on the way.
    private mutating func times(from head: Ref<SchedulingContext>?, _ name: String) -> [Ref<SchedulingContext>] {
        var found: [Ref<SchedulingContext>] = []
        var next = head
        while let time = next, found.count <= 1000 {
            require(time.pointee.previous == found.last, "\(name): a link back")
            found.append(time)
            next = time.pointee.next
        }
        require(found.count <= 1000, "\(name): a loop")
        return found
    }

    private mutating func checkParked(_ core: Ref<Core>, _ name: String) {
        let parked = times(from: core.pointee.parked.head, "\(name), parked time")
        require(core.pointee.parked.tail == parked.last, "\(name): the tail of the parked time")
        require(Int(core.pointee.parked.count) == parked.count, "\(name): the number of the parked")
        require(core.pointee.parked.due == 0 || core.pointee.mustSchedule, "\(name): nobody looks at what is due")
        require(parked.isEmpty == (core.pointee.parked.limit == 0), "\(name): a limit of parked time that is not there")
        for time in parked {
            require(time.pointee.isParked, "\(name): parked time says that it is not")
            require(time.pointee.priority < core.pointee.parked.limit, "\(name): parked time beyond the limit")
            require(time.pointee.core == core.pointee.id, "\(name): parked time of another core")
        }
    }

    /// Checks that a set timer belongs to the core in whose queue it is, and that any other one belongs to no core.
    private mutating func checkOwners(_ core: Ref<Core>, _ name: String) {
        for notification in items(of: core.pointee.notificationTimers, "timers") {
            require(
                notification.pointee.timerOwner.load() == UInt64(core.pointee.id.number) + 1,
                "\(name): a timer in its queue belongs to another core")
        }
        for context in items(of: core.pointee.contextTimers, "sleepers") {
            require(context.pointee.state == .waitingForInterrupt, "\(name): a sleeper that does not sleep")
            require(core.pointee.loaded != context, "\(name): a sleeper whose timer is in hardware")
        }
    }
}
