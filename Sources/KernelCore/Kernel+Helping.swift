import ABI

// Helping: whose time runs whom.
//
// A scheduling context belongs to one context, its owner, for good. While the owner waits for a server, served or queued, the
// scheduling context stays in the run queue, and when it gets the core the kernel follows owner -> server -> ... and runs the context
// at the end. So a server has the sum of its callers' time and the highest of their priorities, and no time moves when a call
// is made or answered: the paths of calls touch no scheduling context at all.
//
// A chain has at most `maximumDepth` links. Time whose chain is longer, or ends at a stopped context, leaves the run queue when it is
// found so ("parked"). `readyCallers` brings it back: when the owner's call is taken or ends, or when the server is started.

extension Kernel {
    /// Returns the context that this time runs: its owner, or the end of the chain of calls that the owner waits for. Nil if none can run.
    ///
    /// Work: at most `maximumDepth` links.
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
        makeReady(core, home)
    }

    /// Takes a context's own time off the core and out of the queue, because the context waits or has stopped, or serves a caller.
    static func restOwnTime(_ core: Ref<Core>, _ context: Ref<ExecutionContext>) {
        context.pointee.usesOwnTime = false
        guard let home = context.pointee.home else { return }
        core.pointee.runQueue.remove(home)
        if core.pointee.scheduling == home { releaseCore(core) }
    }

    /// Brings back the parked time of those for whom a context works: its own, its caller's, that one's caller's.
    ///
    /// Callers that queue at one of these stay parked until they are taken. Work: at most `maximumDepth` links.
    static func readyCallers(_ core: Ref<Core>, of context: Ref<ExecutionContext>) {
        core.pointee.mustSchedule = true
        var link: Ref<ExecutionContext>? = context
        for _ in 0...maximumDepth {
            guard let helper = link else { return }
            if helper.pointee.usesOwnTime, let home = helper.pointee.home { makeReady(core, home) }
            link = helper.pointee.caller
        }
    }

    /// Brings back the parked time of the first callers that queue at a context that has been started.
    static func readyQueue(_ core: Ref<Core>, of server: Ref<ExecutionContext>) {
        var link = server.pointee.callers.head
        for _ in 0..<queueBatch {
            guard let caller = link else { return }
            readyCallers(core, of: caller)
            link = caller.pointee.next
        }
    }

    /// How many queued callers one entry looks at.
    static var queueBatch: Int { 8 }

    /// Decides on whose time a server goes on whose caller has gone: on that of later callers, which have to queue behind the rest of
    /// this work. A server with a budget of its own may use that, too; one without does not, or clients that abort their calls
    /// would make the server's unlimited time their own.
    static func leaveOrphan(_ core: Ref<Core>, _ server: Ref<ExecutionContext>) {
        core.pointee.mustSchedule = true
        guard let home = server.pointee.home, home.pointee.budget != Ticks(0) else { return }
        useOwnTime(core, server)
    }
}
