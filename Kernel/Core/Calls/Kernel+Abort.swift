import ABI

// Calls that end before their reply, because the call is aborted, or the caller or the server is stopped or
// destroyed. All functions run on the core of both contexts.
//
// A caller keeps its own time throughout (Kernel+Helping.swift). When its call ends, the same scheduling context runs
// the caller instead of the server. `Kernel+Control.swift`, notifications and the removal of objects call these
// functions.

extension Kernel {
    /// Takes a context that is `calling` out of its call. A server that was at work for it becomes an orphan; see
    /// `leaveOrphan`.
    static func endCall(_ core: Ref<Core>, _ caller: Ref<ExecutionContext>) {
        guard let server = caller.pointee.server else { return }
        caller.pointee.server = nil
        core.pointee.mustSchedule = true
        guard server.pointee.caller == caller else { return server.pointee.callers.remove(caller) }
        server.pointee.caller = nil
        // The server keeps its depth until it waits again or stops, because later callers help with the rest of the
        // request, which may nest as deep as before.
        leaveOrphan(core, server)
    }

    /// Ends a thread's call with `aborted` instead of a reply. The bits that aborted it stay in the notification.
    static func abortCall(_ core: Ref<Core>, _ thread: Ref<ExecutionContext>) {
        endCall(core, thread)
        thread.pointee.frame.x[0] = Status.aborted.rawValue
        goOn(core, thread)
    }

    /// Makes a context whose call has ended ready, or stops it if a stop was requested.
    static func goOn(_ core: Ref<Core>, _ context: Ref<ExecutionContext>) {
        guard context.pointee.stopsOnReply == 0 else { return finishStop(core, context) }
        context.pointee.state = .ready
        core.pointee.mustSchedule = true
        reviveParked(core)
    }

    /// Performs `contextControl.abort`. A thread's call ends with `aborted`. A context whose fault or exit is being
    /// served is left stopped.
    static func abort(_ core: Ref<Core>, _ context: Ref<ExecutionContext>) throws(Failure) {
        guard context.pointee.core == core.pointee.id else { throw .wrongCore }
        guard context.pointee.state == .calling else { throw .badState }
        if context.pointee.callKind == .message { return abortCall(core, context) }
        endCall(core, context)
        finishStop(core, context)
    }

    /// Returns whether a pending bit forbids the thread to wait for a reply.
    @inline(__always)
    static func isAborting(_ thread: Ref<ExecutionContext>) -> Bool {
        guard thread.pointee.abortMask != 0, let notification = thread.pointee.notification else { return false }
        return notification.pointee.bits.relaxedLoad() & thread.pointee.abortMask != 0
    }

    // MARK: Stopping

    /// Stops a context at once, even if its call is being served.
    static func forceStop(_ core: Ref<Core>, _ context: Ref<ExecutionContext>) {
        context.pointee.requests.clear(ContextRequest.start | ContextRequest.stop)
        if context.pointee.state == .calling {
            endCall(core, context)
            if context.pointee.callKind == .message { context.pointee.frame.x[0] = Status.dead.rawValue }
            return finishStop(core, context)
        }
        stop(core, context)
    }

    /// Stops a context that waits for no server any more. Takes its scheduling context off the core, and ends the
    /// call that it serves.
    static func finishStop(_ core: Ref<Core>, _ context: Ref<ExecutionContext>) {
        context.pointee.stopsOnReply = 0
        context.pointee.state = .stopped
        leaveHardware(core, context)
        abandonCaller(core, context)
        context.pointee.depth = 0
        rest(core, context)
    }

    /// Clears `running` last, because once another core sees 0, that core may change the context. Then tells the
    /// supervisor, because a supervisor that looked earlier would find the context running.
    private static func rest(_ core: Ref<Core>, _ context: Ref<ExecutionContext>) {
        let told = look(context.pointee.stopped)
        context.pointee.running.store(0)
        // Raises the bits later, because raising them now could abort a call whose end stops the next context.
        if let told { raiseLater(core, told.notification, told.bits) }
    }

    /// Takes a stopped context off the core, together with its own time.
    private static func leaveHardware(_ core: Ref<Core>, _ context: Ref<ExecutionContext>) {
        restOwnTime(core, context)
        core.pointee.mustSchedule = true
        if core.pointee.current == context { core.pointee.current = nil }
        unloadIfLoaded(core, context)
    }

    /// Tells the caller of a stopped server: a call ends with `dead`. A caller that exited or faulted, or for which a
    /// stop was requested, stops as well, and then its own caller is next. The loop takes at most `maximumDepth`
    /// turns.
    static func abandonCaller(_ core: Ref<Core>, _ stopped: Ref<ExecutionContext>) {
        var server = stopped
        while let caller = server.pointee.caller {
            server.pointee.caller = nil
            server.pointee.depth = 0
            caller.pointee.server = nil
            if server != stopped { rest(core, server) }
            if caller.pointee.callKind == .message, caller.pointee.stopsOnReply == 0 {
                caller.pointee.frame.x[0] = Status.dead.rawValue
                return goOn(core, caller)
            }
            caller.pointee.stopsOnReply = 0
            caller.pointee.state = .stopped
            leaveHardware(core, caller)
            server = caller
        }
        if server != stopped { rest(core, server) }
    }

    /// The number of contexts that one entry takes out of their calls when a server is destroyed. The last caller may
    /// exceed it by its depth.
    private static var dismissBatch: Int { 8 }

    /// Ends the calls that queue at a destroyed server with `dead`. Returns false if some are left.
    static func dismissCallers(_ core: Ref<Core>, _ server: Ref<ExecutionContext>) -> Bool {
        var contexts = 0
        while contexts < dismissBatch {
            guard let caller = server.pointee.callers.removeFirst() else { return true }
            // Counts the contexts that the caller serves, because they may stop with it.
            contexts &+= 1 &+ Int(caller.pointee.depth)
            caller.pointee.server = nil
            if caller.pointee.callKind == .message {
                caller.pointee.frame.x[0] = Status.dead.rawValue
                goOn(core, caller)
            } else {
                finishStop(core, caller)
            }
        }
        return server.pointee.callers.head == nil
    }
}
