import ABI

// Helping: the kernel runs a server on the time of the callers that wait for it.
//
// A scheduling context belongs to one context, its owner, for good. While the owner waits for a server, served or
// queued, the scheduling context stays in the run queue. When the scheduling context gets the core, the kernel
// follows the chain owner -> server -> ... and runs the context at its end. So a server has the sum of its callers'
// time and the highest of their priorities. No time moves when a call is made or answered, and the paths of calls
// touch no scheduling context.
//
// A chain has at most `maximumDepth` links. The kernel parks a scheduling context on its core, outside of the run
// queue, when it finds that the chain is longer or ends at a stopped context. `reviveParked` makes the core look at
// it again after each event by which a chain can lead further: a context starts, or a call ends.
// `Kernel+Schedule.swift` calls these functions when it looks for the next context.

extension Kernel {
    /// Returns the context that this time runs: its owner, or the end of the chain of calls for which the owner
    /// waits. Returns nil if none can run. Follows at most `maximumDepth` links.
    @inline(__always)
    static func beneficiary(of time: Ref<SchedulingContext>) -> Ref<ExecutionContext>? {
        guard let owner = time.pointee.context, owner.pointee.usesOwnTime else { return nil }
        return owner.pointee.state == .ready ? owner : endOfChain(from: owner)
    }

    @inline(never)
    private static func endOfChain(from owner: Ref<ExecutionContext>) -> Ref<ExecutionContext>? {
        var link = owner
        for _ in 0..<maximumDepth {
            guard link.pointee.state == .calling, let server = link.pointee.server else { break }
            link = server
        }
        return link.pointee.state == .ready ? link : nil
    }

    /// Lets a context that is ready or calling use its own time from now on.
    static func useOwnTime(_ core: Ref<Core>, _ context: Ref<ExecutionContext>) {
        guard let home = context.pointee.home else { return }
        context.pointee.usesOwnTime = true
        if home.pointee.isParked { core.pointee.parked.remove(home) }
        makeReady(core, home)
    }

    /// Takes a context's own time off the core and out of the run queue, because the context waits, has stopped, or
    /// serves a caller.
    static func restOwnTime(_ core: Ref<Core>, _ context: Ref<ExecutionContext>) {
        context.pointee.usesOwnTime = false
        guard let home = context.pointee.home else { return }
        core.pointee.runQueue.remove(home)
        if home.pointee.isParked { core.pointee.parked.remove(home) }
        if core.pointee.scheduling == home { releaseCore(core) }
    }

    /// Makes the core look again at all time parked until now, because a chain may lead further than before.
    @inline(__always)
    static func reviveParked(_ core: Ref<Core>) {
        guard core.pointee.parked.count != 0 else { return }
        core.pointee.mustSchedule = true
        core.pointee.parked.due = core.pointee.parked.count
    }

    /// Looks at some of the parked time that is due. Postpones this while all parked time is less urgent than the
    /// time that has the core and keeps it. Otherwise the owners of the parked time could prolong each start and each
    /// end of a call by as many entries as they like.
    @inline(never)
    static func lookAtParked(_ core: Ref<Core>) {
        if let running = core.pointee.scheduling, running.pointee.priority >= core.pointee.parked.limit,
            core.pointee.runQueue.highest <= Int(running.pointee.priority), beneficiary(of: running) != nil
        {
            return core.pointee.mustSchedule = true
        }
        reviveSome(core)
        // The end of the slice matters from now on, because parked time of the same priority may have joined the
        // queue.
        updateDeadline(core)
    }

    /// Puts some of the parked time that is due back into the run queue. If more is due, the core interrupts itself
    /// to continue.
    private static func reviveSome(_ core: Ref<Core>) {
        for _ in 0..<parkBatch {
            guard core.pointee.parked.due > 0, let time = core.pointee.parked.head else {
                core.pointee.parked.due = 0
                return
            }
            core.pointee.parked.due &-= 1
            core.pointee.parked.remove(time)
            core.pointee.runQueue.append(time)
        }
        guard core.pointee.parked.due > 0 else { return }
        core.pointee.mustSchedule = true
        M.interrupt(core.pointee.id)
    }

    /// The number of scheduling contexts that one entry parks or revives.
    static var parkBatch: Int { 8 }

    /// Lets a server whose caller has gone use its own time for the rest of the request, if that time has a budget.
    /// Otherwise only later callers, which have to queue behind the rest, run the server, because clients that abort
    /// their calls could use up the server's unlimited time.
    static func leaveOrphan(_ core: Ref<Core>, _ server: Ref<ExecutionContext>) {
        core.pointee.mustSchedule = true
        guard let home = server.pointee.home, home.pointee.budget != Ticks(0) else { return }
        useOwnTime(core, server)
    }
}
