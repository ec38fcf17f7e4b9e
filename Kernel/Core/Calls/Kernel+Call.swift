import ABI

// Call, reply and wait. VM exits and faults are calls that the kernel makes for a context.
//
// This is the general path. `Kernel+FastPath.swift` handles the frequent cases first, and leaves for this file when
// one of its checks fails. Benchmarks/ measures both, so keep them short. Read on in Kernel+Helping.swift for the
// time on which a server runs, and in Kernel+Abort.swift for calls that end without a reply.

extension Kernel {
    /// The number of calls that may nest.
    static var maximumDepth: UInt8 { 8 }

    /// Performs `call`: sends a message through a portal to a thread of this core. The caller's time runs that thread
    /// until it replies.
    @inline(__always)
    static func call(_ core: Ref<Core>, _ caller: Ref<ExecutionContext>, _ selector: Selector) {
        do throws(Failure) {
            let found = try find(caller, selector, .portal, .write)
            let portal = found.target(Portal.self)
            let (server, generation) = portal.destination(M.self)
            guard let server else {
                caller.pointee.frame.x[1] = generation
                throw Failure(.dead)
            }
            guard server.pointee.core == core.pointee.id else { throw .wrongCore }
            guard caller.pointee.depth < maximumDepth else { throw .tooDeep }
            try prepareShape(caller, MessageShape(bits: selector.form))
            if isAborting(caller) {
                caller.pointee.frame.x[1] = generation
                throw Failure(.aborted)
            }
            caller.pointee.callKind = .message
            send(
                core, caller, server, badge: found.badge, words(of: caller), tag: generation)
        } catch { caller.pointee.frame.x[0] = error.status.rawValue }
    }

    /// Sends an exit or a fault of a context to its portal. If the context has no portal or its calls nest too deep,
    /// it stops, and its fault record gives the reason.
    @inline(__always)
    public static func exit(_ core: Ref<Core>, _ context: Ref<ExecutionContext>, _ message: Message) {
        guard let server = context.pointee.faultPortal?.destination(M.self).server,
            server.pointee.core == core.pointee.id, context.pointee.depth < maximumDepth
        else { return stopUnserved(core, context, message) }
        // Keeps the record of a thread's fault now, because its server may refuse or die. A virtual CPU keeps none
        // here, because its exits are frequent, and most take the fast path, which records nothing.
        if context.pointee.guest == nil { context.pointee.fault = FaultRecord(message) }
        context.pointee.callKind = .exit
        context.pointee.shape = MessageShape(bits: 0)
        send(core, context, server, badge: context.pointee.faultBadge, message, tag: context.pointee.frame.x[1])
    }

    /// Stops a context because no server handles its fault. The stop raises its supervisor's notification, and the
    /// supervisor reads the record on its own time.
    private static func stopUnserved(_ core: Ref<Core>, _ context: Ref<ExecutionContext>, _ message: Message) {
        context.pointee.fault = FaultRecord(message)
        stop(core, context)
    }

    /// Hands a message to a server at once if the server waits; otherwise the caller queues.
    ///
    /// - Parameter tag: the portal's generation, which the caller finds in `x1` afterwards.
    @inline(__always)
    private static func send(
        _ core: Ref<Core>, _ caller: Ref<ExecutionContext>, _ server: Ref<ExecutionContext>, badge: UInt64,
        _ message: Message, tag: UInt64
    ) {
        caller.pointee.state = .calling
        caller.pointee.server = server
        guard server.pointee.state == .waiting else {
            return sendLater(core, caller, server, badge: badge, message, tag: tag)
        }
        caller.pointee.frame.x[1] = tag
        transfer(caller, server, badge: badge, message)
        if caller.pointee.shape.bits != 0 { transferMore(caller, server, caller.pointee.shape) }
        switchTo(core, server)
    }

    @inline(never)
    private static func sendLater(
        _ core: Ref<Core>, _ caller: Ref<ExecutionContext>, _ server: Ref<ExecutionContext>, badge: UInt64,
        _ message: Message, tag: UInt64
    ) {
        if isInChain(of: caller, server) {
            // Either the server waits, directly or not, for this caller, so that the call could never be served; or
            // the chain is so long that the caller could not help its end.
            caller.pointee.state = .ready
            caller.pointee.server = nil
            if caller.pointee.callKind == .exit { return stopUnserved(core, caller, message) }
            caller.pointee.frame.x[0] = Status.tooDeep.rawValue
            return
        }
        caller.pointee.frame.x[1] = tag
        caller.pointee.message = message
        caller.pointee.messageBadge = badge
        server.pointee.callers.append(caller)
        // From now on the caller's time runs the context at the end of the chain.
        core.pointee.mustSchedule = true
    }

    /// Returns whether the call would close a circle or make the chain too long: `server` waits for `caller`,
    /// directly or through other servers, or more than `maximumDepth` links lie between `caller` and the end of the
    /// chain.
    private static func isInChain(of caller: Ref<ExecutionContext>, _ server: Ref<ExecutionContext>) -> Bool {
        var link: Ref<ExecutionContext>? = server
        var steps: UInt8 = 0
        // Each context of the chain waits for the next one. The chain ends at a context that can run or has stopped.
        while let context = link, steps < maximumDepth {
            if context == caller { return true }
            link = context.pointee.state == .calling ? context.pointee.server : nil
            steps &+= 1
        }
        return link != nil
    }

    /// Moves a message from a caller to a waiting server. The caller's time runs the server from now on.
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
        server.pointee.wasNotified = false
    }

    /// Performs `replyWait`: answers the present caller, waits for the next call or notification, or both.
    @inline(__always)
    static func replyWait(_ core: Ref<Core>, _ server: Ref<ExecutionContext>, _ selector: Selector) {
        var form = selector.form
        guard form & ~ReplyForm.known == 0 else { return server.pointee.frame.x[0] = Status.unsupported.rawValue }
        if form & ReplyForm.reply != 0 {
            let shape = MessageShape(bits: selector.slot)
            guard let caller = server.pointee.caller else { return replyToNobody(core, server, form) }
            // A server may leave only a context that exited or faulted stopped, because it has no such right on its
            // clients.
            guard shape.isValid, !shape.hasLease,
                form & ReplyForm.leaveStopped == 0 || caller.pointee.callKind == .exit
            else { return server.pointee.frame.x[0] = Status.badArgument.rawValue }
            form |= caller.pointee.stopsOnReply
            reply(core, server, caller, form)
            if shape.bits != 0, caller.pointee.callKind == .message { transferMore(server, caller, shape) }
            if form & (ReplyForm.wait | ReplyForm.leaveStopped | ReplyForm.refuse) == ReplyForm.wait,
                !server.pointee.usesOwnTime, canWaitSimply(server), core.pointee.parked.head == nil
            {
                server.pointee.state = .waiting
                return switchTo(core, caller)
            }
            return finishReply(core, server, caller, form)
        }
        guard form & ReplyForm.wait != 0 else { return server.pointee.frame.x[0] = Status.ok.rawValue }
        // A server that waits while it has a caller would leave that caller waiting for ever.
        guard server.pointee.caller == nil else { return server.pointee.frame.x[0] = Status.badState.rawValue }
        server.pointee.frame.x[0] = Status.ok.rawValue
        wait(core, server)
    }

    /// Returns whether a reply refuses a thread's fault, so that the thread must stop. A refused exit of a virtual CPU
    /// does not stop it.
    @inline(__always)
    private static func isGivenUp(_ caller: Ref<ExecutionContext>, _ form: UInt32) -> Bool {
        form & ReplyForm.refuse != 0 && caller.pointee.callKind == .exit && caller.pointee.guest == nil
    }

    /// Handles a reply without a caller, which was aborted or destroyed or never existed. A server that also waits
    /// succeeds all the same, so that it need not handle the case.
    @inline(never)
    private static func replyToNobody(_ core: Ref<Core>, _ server: Ref<ExecutionContext>, _ form: UInt32) {
        guard form & ReplyForm.wait != 0 else { return server.pointee.frame.x[0] = Status.badState.rawValue }
        server.pointee.frame.x[0] = Status.ok.rawValue
        wait(core, server)
    }

    /// Returns whether no caller queues and no notification is pending.
    @inline(__always)
    static func canWaitSimply(_ server: Ref<ExecutionContext>) -> Bool {
        guard server.pointee.callers.head == nil else { return false }
        guard let notification = server.pointee.notification else { return true }
        return notification.pointee.bits.relaxedLoad() == 0
    }

    /// Writes the answer into the caller's registers. The caller's time runs the caller again.
    @inline(__always)
    static func reply(
        _ core: Ref<Core>, _ server: Ref<ExecutionContext>, _ caller: Ref<ExecutionContext>, _ form: UInt32
    ) {
        if caller.pointee.callKind == .message {
            let refused = form & ReplyForm.refuse != 0
            caller.pointee.frame.x[0] = refused ? Status.refused.rawValue : Status.ok.rawValue
            setWords(caller, words(of: server))
        } else {
            M.finishExit(caller, form: form, words: words(of: server), isLoaded: core.pointee.loaded == caller)
        }
        server.pointee.caller = nil
        server.pointee.depth = 0
        caller.pointee.server = nil
        caller.pointee.state = form & ReplyForm.leaveStopped != 0 ? .stopped : .ready
    }

    /// Finishes a reply that does not end in a plain switch to the caller.
    @inline(never)
    private static func finishReply(
        _ core: Ref<Core>, _ server: Ref<ExecutionContext>, _ caller: Ref<ExecutionContext>, _ form: UInt32
    ) {
        server.pointee.frame.x[0] = Status.ok.rawValue
        if isGivenUp(caller, form) { caller.pointee.state = .stopped }
        if caller.pointee.state == .stopped {
            finishStop(core, caller)
        } else {
            reviveParked(core)
        }
        core.pointee.mustSchedule = true
        if form & ReplyForm.wait != 0 { return wait(core, server) }
        // The server continues on its own time.
        if server.pointee.home != nil { useOwnTime(core, server) } else { finishStop(core, server) }
    }

    /// Takes a pending notification or the first queued caller, or else puts the server to sleep. If both are there
    /// they take turns, so that a flood of bits keeps no caller waiting.
    private static func wait(_ core: Ref<Core>, _ server: Ref<ExecutionContext>) {
        core.pointee.mustSchedule = true
        server.pointee.depth = 0
        let hasBits = isNotified(server)
        let isCallersTurn = server.pointee.wasNotified && server.pointee.callers.head != nil
        // No bits are left if another core has polled them meanwhile.
        if hasBits, !isCallersTurn, let bits = server.pointee.notification?.pointee.bits.exchange(0), bits != 0 {
            server.pointee.wasNotified = true
            answer(server, .notified, tag: bits)
            return useOwnTime(core, server)
        }
        server.pointee.state = .waiting
        restOwnTime(core, server)
        guard let caller = server.pointee.callers.removeFirst() else { return }
        transfer(caller, server, badge: caller.pointee.messageBadge, caller.pointee.message)
        if caller.pointee.shape.bits != 0 { transferMore(caller, server, caller.pointee.shape) }
        if hasBits { useOwnTime(core, server) }
    }

    /// Returns whether bits are pending that the thread can take. A thread without time of its own takes none.
    private static func isNotified(_ server: Ref<ExecutionContext>) -> Bool {
        guard server.pointee.home != nil, let notification = server.pointee.notification else { return false }
        return notification.pointee.bits.relaxedLoad() != 0
    }

    // MARK: Registers

    @inline(__always)
    static func words(of context: Ref<ExecutionContext>) -> Message {
        Message(
            context.pointee.frame.x[2], context.pointee.frame.x[3], context.pointee.frame.x[4],
            context.pointee.frame.x[5], context.pointee.frame.x[6], context.pointee.frame.x[7])
    }

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
