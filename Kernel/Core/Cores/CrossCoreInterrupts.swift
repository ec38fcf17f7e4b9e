import ABI

// Interrupts to other cores, at a bounded rate.
//
// In each millisecond a core takes at most `interruptsPerMillisecond` interrupts on behalf of tenants of other cores.
// Each core has an equal share of them, so that no core can use up another core's share. When the share is used up,
// the sender's own timer sends the interrupt as soon as the share renews. Items wait in the inbox meanwhile, and the
// receiver handles them with the others if it looks there earlier. `Inbox.swift` calls `alert` for each item that it
// posts.

/// The interrupts that one core may still send to another.
struct InterruptShare {
    /// The end of the millisecond. A new one begins with the next interrupt.
    var end: Ticks
    var left: UInt8
}

extension Kernel {
    /// The number of interrupts of this kind that a core takes per millisecond, including those that it sends itself
    /// to finish a long inbox.
    static var interruptsPerMillisecond: UInt8 { 16 }

    /// Makes `target` look at its inbox: at once, or when this core's share of interrupts there renews.
    ///
    /// No share is needed if the interrupt takes no other tenant's time: the core is idle, or it runs the virtual CPU
    /// that another virtual CPU of its machine interrupts. The value of the other core's `current` may be outdated.
    /// That costs an interrupt or a millisecond, and loses nothing.
    static func alert(_ core: Ref<Core>, _ target: CoreID, for context: Ref<ExecutionContext>? = nil) {
        guard let other = M.board.pointee.cores[target.index & 7] else { return }
        let running = other.pointee.current
        if running == nil || running == context && isOfSameMachine(core, context) { return M.interrupt(target) }
        let now = M.now
        if core.pointee.shares[target.index & 7].end <= now {
            core.pointee.shares[target.index & 7] = InterruptShare(
                end: now + M.board.pointee.millisecond,
                left: interruptsPerMillisecond / max(M.board.pointee.coreCount, 1))
        }
        guard core.pointee.shares[target.index & 7].left > 0 else { return postpone(core, target) }
        core.pointee.shares[target.index & 7].left &-= 1
        M.interrupt(target)
    }

    /// Returns whether the virtual CPU that runs here belongs to the machine of `context`.
    private static func isOfSameMachine(_ core: Ref<Core>, _ context: Ref<ExecutionContext>?) -> Bool {
        guard let context, let own = core.pointee.current, own.pointee.isVirtualCPU, let space = own.pointee.space
        else { return false }
        for number in 0..<16 where space.pointee.virtualCPUs[number] == context { return true }
        return false
    }

    private static func postpone(_ core: Ref<Core>, _ target: CoreID) {
        let end = core.pointee.shares[target.index & 7].end
        core.pointee.postponedUntil = core.pointee.postponed == 0 ? end : min(core.pointee.postponedUntil, end)
        core.pointee.postponed |= 1 << UInt64(target.index & 7)
        guard end < core.pointee.deadline else { return }
        core.pointee.deadline = end
        M.setDeadline(end)
    }

    /// Returns the time at which this core's timer must send postponed interrupts; `.never` if there are none.
    @inline(__always)
    static func postponedDeadline(_ core: Ref<Core>) -> Ticks {
        core.pointee.postponed == 0 ? .never : core.pointee.postponedUntil
    }

    /// Sends the interrupts whose share has renewed.
    static func sendPostponed(_ core: Ref<Core>, _ now: Ticks) {
        guard postponedDeadline(core) <= now else { return }
        var rest = core.pointee.postponed
        core.pointee.postponed = 0
        while rest != 0 {
            let target = CoreID(UInt8(truncatingIfNeeded: rest.trailingZeroBitCount))
            rest &= rest &- 1
            if core.pointee.shares[target.index & 7].end <= now { alert(core, target) } else { postpone(core, target) }
        }
    }
}
