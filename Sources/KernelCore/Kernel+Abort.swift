import ABI

// Ending a call before its reply: aborted, stopped, or because one of the two is destroyed. All on the contexts' core.
//
// While a context waits for a reply it keeps, in `scheduling`, the time that it lent; who runs on it is
// `SchedulingContext.context`. That is how time is found again wherever the chain of calls has taken it.

extension Kernel {
    /// Takes a context that is `calling` out of its call, and its time back. The server goes on, on time of its own.
    static func endCall(_ core: Ref<Core>, _ caller: Ref<ExecutionContext>) {
        guard let server = caller.pointee.server else { return }
        caller.pointee.server = nil
        guard server.pointee.caller == caller else { return server.pointee.callers.remove(caller) }
        server.pointee.caller = nil
        if let time = caller.pointee.scheduling { takeBack(core, time, from: server, for: caller) }
        server.pointee.depth = 0
    }

    /// Every server that got `time` along the chain is left without. The last, which runs on it, goes on on its own.
    /// Bounded by `maximumDepth`.
    private static func takeBack(
        _ core: Ref<Core>, _ time: Ref<SchedulingContext>, from server: Ref<ExecutionContext>,
        for caller: Ref<ExecutionContext>
    ) {
        var link: Ref<ExecutionContext>? = server
        while let context = link, context.pointee.scheduling == time {
            context.pointee.scheduling = nil
            if core.pointee.current == context { releaseCore(core) }
            link = context.pointee.state == .calling ? context.pointee.server : nil
            if context.pointee.state == .ready { continueAtHome(core, context) }
        }
        // It may be queued for the last server: it is the caller's from now on.
        core.pointee.runQueue.remove(time)
        time.pointee.context = caller
    }

    /// A context that is ready and has no time goes on on its own.
    static func continueAtHome(_ core: Ref<Core>, _ context: Ref<ExecutionContext>) {
        guard let home = context.pointee.home else { return }
        context.pointee.scheduling = home
        home.pointee.context = context
        makeReady(core, home)
    }

    /// `aborted`: the call of a thread ends without a reply. The bits that did it stay in the notification.
    static func abortCall(_ core: Ref<Core>, _ thread: Ref<ExecutionContext>) {
        endCall(core, thread)
        thread.pointee.frame.x[0] = Status.aborted.rawValue
        goOn(core, thread)
    }

    /// A context whose call has ended is ready, on the time that it has or on its own, or stops if that was asked for.
    static func goOn(_ core: Ref<Core>, _ context: Ref<ExecutionContext>) {
        guard context.pointee.stopsOnReply == 0 else { return finishStop(core, context) }
        context.pointee.state = .ready
        guard let time = context.pointee.scheduling else { return continueAtHome(core, context) }
        time.pointee.context = context
        makeReady(core, time)
    }

    /// `contextControl.abort`: a thread's call ends with `aborted`; a fault or exit that is being served leaves its context
    /// stopped.
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

    /// The context does not run, is in no queue, and waits for nobody: it is stopped, and whoever waits for its reply hears of it.
    static func finishStop(_ core: Ref<Core>, _ context: Ref<ExecutionContext>) {
        context.pointee.stopsOnReply = 0
        context.pointee.state = .stopped
        unloadIfLoaded(core, context)
        abandonCaller(core, context)
        rest(core, context)
    }

    /// A context that is stopped holds nobody's time but its own. It is at rest when nothing of it is touched any more, not earlier:
    /// other cores may change it then. Only then is its supervisor told, because one that looks earlier finds it
    /// running.
    private static func rest(_ core: Ref<Core>, _ context: Ref<ExecutionContext>) {
        context.pointee.scheduling = nil
        context.pointee.home?.pointee.context = context
        let told = look(context.pointee.stopped)
        context.pointee.running.store(0)
        // Not at once: that may abort a call whose end stops the next context.
        if let told { raiseLater(core, told.notification, told.bits) }
    }

    /// A server has stopped: its caller gets its time back and `dead`. One that exited or faulted stops too, as does one
    /// that somebody stopped meanwhile; then its own caller is next. Bounded by `maximumDepth`.
    static func abandonCaller(_ core: Ref<Core>, _ stopped: Ref<ExecutionContext>) {
        var server = stopped
        while let caller = server.pointee.caller {
            server.pointee.caller = nil
            server.pointee.depth = 0
            server.pointee.scheduling = nil
            caller.pointee.server = nil
            if server != stopped { rest(core, server) }
            if caller.pointee.callKind == .message, caller.pointee.stopsOnReply == 0 {
                caller.pointee.frame.x[0] = Status.dead.rawValue
                return goOn(core, caller)
            }
            caller.pointee.stopsOnReply = 0
            caller.pointee.state = .stopped
            unloadIfLoaded(core, caller)
            server = caller
        }
        if server != stopped { rest(core, server) }
    }

    /// Callers that queue at a server that is destroyed get `dead`. False: some are left.
    static func dismissCallers(_ core: Ref<Core>, _ server: Ref<ExecutionContext>) -> Bool {
        for _ in 0..<16 {
            guard let caller = server.pointee.callers.removeFirst() else { return true }
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
