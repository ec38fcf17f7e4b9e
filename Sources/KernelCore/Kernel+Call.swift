import ABI

// Call, reply and wait; and VM exits and faults, which are calls that the kernel makes for a context.
// The calls' path is measured (Benchmarks/): keep it short.

extension Kernel {
    /// How many calls may nest.
    static var maximumDepth: UInt8 { 8 }

    /// `call`: through a portal to a thread of this core, which runs on the caller's time until it replies.
    @inline(__always)
    static func call(_ core: Ref<Core>, _ caller: Ref<ExecutionContext>, _ selector: Selector) {
        let capability: Ref<Capability>
        do throws(Failure) {
            capability = try find(caller, selector, .portal, .write)
        } catch { return caller.pointee.frame.x[0] = error.status.rawValue }
        guard let server = capability.pointee.target(Portal.self).pointee.server else {
            return caller.pointee.frame.x[0] = Status.dead.rawValue
        }
        guard server.pointee.core == core.pointee.id else {
            return caller.pointee.frame.x[0] = Status.wrongCore.rawValue
        }
        guard caller.pointee.depth < maximumDepth else {
            return caller.pointee.frame.x[0] = Status.tooDeep.rawValue
        }
        let message = Message(
            caller.pointee.frame.x[2], caller.pointee.frame.x[3], caller.pointee.frame.x[4],
            caller.pointee.frame.x[5], caller.pointee.frame.x[6], caller.pointee.frame.x[7])
        caller.pointee.callKind = .message
        send(core, caller, server, badge: capability.pointee.badge, message)
    }

    /// An exit or a fault: the context calls its portal. Without one, or nested too deep, it stops.
    @inline(__always)
    public static func exit(_ core: Ref<Core>, _ context: Ref<ExecutionContext>, _ message: Message) {
        guard let server = context.pointee.faultPortal?.pointee.server,
            server.pointee.core == core.pointee.id, context.pointee.depth < maximumDepth
        else {
            return stop(core, context)
        }
        context.pointee.callKind = .exit
        send(core, context, server, badge: context.pointee.faultBadge, message)
    }

    /// Hands a message to a server: at once if it waits, else the caller queues.
    @inline(__always)
    private static func send(
        _ core: Ref<Core>, _ caller: Ref<ExecutionContext>, _ server: Ref<ExecutionContext>, badge: UInt64,
        _ message: Message
    ) {
        caller.pointee.state = .calling
        caller.pointee.server = server
        guard server.pointee.state == .waiting else {
            return sendLater(core, caller, server, badge: badge, message)
        }
        transfer(caller, server, badge: badge, message)
        switchTo(core, server)
    }

    @inline(never)
    private static func sendLater(
        _ core: Ref<Core>, _ caller: Ref<ExecutionContext>, _ server: Ref<ExecutionContext>, badge: UInt64,
        _ message: Message
    ) {
        if isInChain(of: caller, server) {
            // The server waits, directly or not, for this very caller: the call could never be served.
            caller.pointee.state = .ready
            caller.pointee.server = nil
            if caller.pointee.callKind == .exit { return stop(core, caller) }
            caller.pointee.frame.x[0] = Status.tooDeep.rawValue
            return
        }
        caller.pointee.message = message
        caller.pointee.messageBadge = badge
        server.pointee.callers.append(caller)
        releaseCore(core)
    }

    /// Whether `server` is among those that wait for `caller`'s reply.
    private static func isInChain(of caller: Ref<ExecutionContext>, _ server: Ref<ExecutionContext>) -> Bool {
        var link: Ref<ExecutionContext>? = caller
        while let context = link {
            if context == server { return true }
            link = context.pointee.caller
        }
        return false
    }

    /// Moves message and scheduling context from a caller to a server.
    @inline(__always)
    static func transfer(
        _ caller: Ref<ExecutionContext>, _ server: Ref<ExecutionContext>, badge: UInt64, _ message: Message
    ) {
        server.pointee.frame.x[0] = Status.ok.rawValue
        server.pointee.frame.x[1] = badge
        setWords(server, message)
        server.pointee.state = .ready
        server.pointee.caller = caller
        server.pointee.depth = caller.pointee.depth &+ 1
        let scheduling = caller.pointee.scheduling
        server.pointee.scheduling = scheduling
        scheduling?.pointee.context = server
        caller.pointee.scheduling = nil
    }

    /// `replyWait`: answers the present caller, waits for the next call or notification, or both.
    @inline(__always)
    static func replyWait(_ core: Ref<Core>, _ server: Ref<ExecutionContext>, _ selector: Selector) {
        var form = selector.form
        if form & ReplyForm.reply != 0 {
            guard let caller = server.pointee.caller else {
                return server.pointee.frame.x[0] = Status.badState.rawValue
            }
            form |= caller.pointee.stopsOnReply
            reply(core, server, caller, form)
            if form & (ReplyForm.wait | ReplyForm.leaveStopped) == ReplyForm.wait, canWaitSimply(server) {
                server.pointee.state = .waiting
                return switchTo(core, caller)
            }
            return finishReply(core, server, caller, form)
        }
        guard form & ReplyForm.wait != 0 else { return server.pointee.frame.x[0] = Status.ok.rawValue }
        // It runs on the caller's time, which would be lost.
        guard server.pointee.caller == nil else { return server.pointee.frame.x[0] = Status.badState.rawValue }
        server.pointee.frame.x[0] = Status.ok.rawValue
        wait(core, server)
    }

    /// No caller queues and no notification is pending.
    @inline(__always)
    static func canWaitSimply(_ server: Ref<ExecutionContext>) -> Bool {
        guard server.pointee.callers.head == nil else { return false }
        guard let notification = server.pointee.notification else { return true }
        return notification.pointee.bits.relaxedLoad() == 0
    }

    /// Puts the answer into the caller's registers and gives its scheduling context back.
    @inline(__always)
    static func reply(
        _ core: Ref<Core>, _ server: Ref<ExecutionContext>, _ caller: Ref<ExecutionContext>, _ form: UInt32
    ) {
        let words = Message(
            server.pointee.frame.x[2], server.pointee.frame.x[3], server.pointee.frame.x[4],
            server.pointee.frame.x[5], server.pointee.frame.x[6], server.pointee.frame.x[7])
        if caller.pointee.callKind == .message {
            let refused = form & ReplyForm.refuse != 0
            caller.pointee.frame.x[0] = refused ? Status.refused.rawValue : Status.ok.rawValue
            caller.pointee.frame.x[1] = 0
            setWords(caller, words)
        } else {
            M.finishExit(caller, form: form, words: words, isLoaded: core.pointee.loaded == caller)
        }
        server.pointee.caller = nil
        server.pointee.depth = 0
        caller.pointee.server = nil
        caller.pointee.state = form & ReplyForm.leaveStopped != 0 ? .stopped : .ready
        let scheduling = server.pointee.scheduling
        caller.pointee.scheduling = scheduling
        scheduling?.pointee.context = caller
        server.pointee.scheduling = nil
    }

    /// The rest of a reply that does not end in a plain switch to the caller.
    @inline(never)
    private static func finishReply(
        _ core: Ref<Core>, _ server: Ref<ExecutionContext>, _ caller: Ref<ExecutionContext>, _ form: UInt32
    ) {
        server.pointee.frame.x[0] = Status.ok.rawValue
        releaseCore(core)
        if caller.pointee.state == .stopped {
            caller.pointee.stopsOnReply = 0
            unloadIfLoaded(core, caller)
            abandonCaller(core, caller)
        } else if let scheduling = caller.pointee.scheduling {
            makeReady(core, scheduling, first: true)
        }
        // The server ran on the caller's time. If it goes on, then on its own.
        server.pointee.scheduling = server.pointee.home
        server.pointee.home?.pointee.context = server
        if form & ReplyForm.wait != 0 {
            wait(core, server)
        } else if let home = server.pointee.home {
            makeReady(core, home)
        } else {
            server.pointee.state = .stopped
            unloadIfLoaded(core, server)
            server.pointee.running.store(0)
        }
    }

    /// Waits: takes a notification that is pending, else the first queued caller, else sleeps.
    private static func wait(_ core: Ref<Core>, _ server: Ref<ExecutionContext>) {
        // Without time of its own a thread runs on callers' only, and hears of no notification (as in `deliver`).
        if let notification = server.pointee.notification, let home = server.pointee.home,
            notification.pointee.bits.relaxedLoad() != 0
        {
            let bits = notification.pointee.bits.exchange(0)
            answer(server, .notified, tag: bits)
            if core.pointee.current != server { makeReady(core, home) }
            return
        }
        server.pointee.state = .waiting
        if core.pointee.current == server { releaseCore(core) }
        server.pointee.scheduling = nil
        guard let caller = server.pointee.callers.removeFirst() else { return }
        transfer(caller, server, badge: caller.pointee.messageBadge, caller.pointee.message)
        if let scheduling = server.pointee.scheduling { makeReady(core, scheduling) }
    }

    // MARK: Registers

    @inline(__always)
    static func setWords(_ context: Ref<ExecutionContext>, _ message: Message) {
        context.pointee.frame.x[2] = message.w0
        context.pointee.frame.x[3] = message.w1
        context.pointee.frame.x[4] = message.w2
        context.pointee.frame.x[5] = message.w3
        context.pointee.frame.x[6] = message.w4
        context.pointee.frame.x[7] = message.w5
    }

    static func answer(_ context: Ref<ExecutionContext>, _ status: Status, tag: UInt64) {
        context.pointee.frame.x[0] = status.rawValue
        context.pointee.frame.x[1] = tag
    }
}
