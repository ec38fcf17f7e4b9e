import ABI

// Ending a call before its reply: aborted, stopped, or because one of the two is destroyed. All on the contexts' core.
//
// A caller's time is its own throughout (Kernel+Helping.swift): when its call ends, the same time runs the caller
// instead of the server.

extension Kernel {
    /// Takes a context that is `calling` out of its call. A server that was at work for it is an orphan: see
    /// `leaveOrphan`.
    static func endCall(_ core: Ref<Core>, _ caller: Ref<ExecutionContext>) {
        guard let server = caller.pointee.server else { return }
        caller.pointee.server = nil
        core.pointee.mustSchedule = true
        guard server.pointee.caller == caller else { return server.pointee.callers.remove(caller) }
        server.pointee.caller = nil
        // Its depth stays until it waits again or stops: later callers help with the rest, which may nest as deep as
        // before.
        leaveOrphan(core, server)
    }

    /// `aborted`: the call of a thread ends without a reply. The bits that did it stay in the notification.
    static func abortCall(_ core: Ref<Core>, _ thread: Ref<ExecutionContext>) {
        endCall(core, thread)
        thread.pointee.frame.x[0] = Status.aborted.rawValue
        goOn(core, thread)
    }

    /// Makes a context ready whose call has ended, or stops it if that was asked for.
    static func goOn(_ core: Ref<Core>, _ context: Ref<ExecutionContext>) {
        guard context.pointee.stopsOnReply == 0 else { return finishStop(core, context) }
        context.pointee.state = .ready
        core.pointee.mustSchedule = true
        reviveParked(core)
    }

    /// `contextControl.abort`: a thread's call ends with `aborted`; a fault or exit that is being served leaves its
    /// context stopped.
    static func abort(_ core: Ref<Core>, _ context: Ref<ExecutionContext>) throws(Failure) {
        guard context.pointee.core == core.pointee.id else { throw .wrongCore }
        guard context.pointee.state == .calling else { throw .badState }
        if context.pointee.callKind == .message { return abortCall(core, context) }
        endCall(core, context)
        finishStop(core, context)
    }

    /// Whether a bit that is pending forbids the thread to wait for a reply.
    @inline(__always)
    static func isAborting(_ thread: Ref<ExecutionContext>) -> Bool {
        guard thread.pointee.abortMask != 0, let notification = thread.pointee.notification else { return false }
        return notification.pointee.bits.relaxedLoad() & thread.pointee.abortMask != 0
    }

    // MARK: Stopping

    /// Stops a context at once, also one whose call is being served.
    static func forceStop(_ core: Ref<Core>, _ context: Ref<ExecutionContext>) {
        context.pointee.requests.clear(ContextRequest.start | ContextRequest.stop)
        if context.pointee.state == .calling {
            endCall(core, context)
            if context.pointee.callKind == .message { context.pointee.frame.x[0] = Status.dead.rawValue }
            return finishStop(core, context)
        }
        stop(core, context)
    }

    /// Stops a context that waits for nobody any more: its time rests, and the caller that waits for its reply hears of
    /// it.
    static func finishStop(_ core: Ref<Core>, _ context: Ref<ExecutionContext>) {
        context.pointee.stopsOnReply = 0
        context.pointee.state = .stopped
        leaveHardware(core, context)
        abandonCaller(core, context)
        context.pointee.depth = 0
        rest(core, context)
    }

    /// Says last that a context is stopped. Once another core sees 0, that core may change the context. Only then is
    /// its supervisor told, because one that looks earlier finds it running.
    private static func rest(_ core: Ref<Core>, _ context: Ref<ExecutionContext>) {
        let told = look(context.pointee.stopped)
        context.pointee.running.store(0)
        // Not at once: that may abort a call whose end stops the next context.
        if let told { raiseLater(core, told.notification, told.bits) }
    }

    /// A context that has stopped does not run, and its own time does not run others.
    private static func leaveHardware(_ core: Ref<Core>, _ context: Ref<ExecutionContext>) {
        restOwnTime(core, context)
        core.pointee.mustSchedule = true
        if core.pointee.current == context { core.pointee.current = nil }
        unloadIfLoaded(core, context)
    }

    /// A server has stopped: its caller gets `dead`. One that exited or faulted stops too, as does one
    /// that somebody stopped meanwhile; then its own caller is next. Bounded by `maximumDepth`.
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

    /// The number of contexts that one entry takes out of their calls, or a few more, because a server is destroyed.
    private static var dismissBatch: Int { 8 }

    /// Callers that queue at a server that is destroyed get `dead`. False: some are left.
    static func dismissCallers(_ core: Ref<Core>, _ server: Ref<ExecutionContext>) -> Bool {
        var contexts = 0
        while contexts < dismissBatch {
            guard let caller = server.pointee.callers.removeFirst() else { return true }
            // Those that a caller serves may stop with it.
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
