import ABI

// Call, reply and wait; and VM exits and faults, which are calls that the kernel makes for a context.
// The calls' path is measured (Benchmarks/): keep it short.

extension Kernel {
    /// How many calls may nest.
    static var maximumDepth: UInt8 { 8 }

    /// `call`: through a portal to a thread of this core, which the caller's time runs until it replies.
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

    /// An exit or a fault: the context calls its portal. Without one, or nested too deep, it stops, and its record says
    /// why.
    @inline(__always)
    public static func exit(_ core: Ref<Core>, _ context: Ref<ExecutionContext>, _ message: Words) {
        guard let server = context.pointee.faultPortal?.destination(M.self).server,
            server.pointee.core == core.pointee.id, context.pointee.depth < maximumDepth
        else { return stopUnserved(core, context, message) }
        // Keeps the record of a thread's fault already, because its server may refuse or die. A virtual CPU
        // keeps none here, because its exits are many, and most of them take the fast path, which records nothing.
        if context.pointee.guest == nil { context.pointee.fault = FaultRecord(message) }
        context.pointee.callKind = .exit
        context.pointee.shape = MessageShape(bits: 0)
        send(core, context, server, badge: context.pointee.faultBadge, message, tag: context.pointee.frame.x[1])
    }

    /// Stops a context because nobody serves its fault. Its supervisor is told, and reads the record on its own time.
    private static func stopUnserved(_ core: Ref<Core>, _ context: Ref<ExecutionContext>, _ message: Words) {
        context.pointee.fault = FaultRecord(message)
        stop(core, context)
    }

    /// Hands a message to a server: at once if it waits, else the caller queues. `tag` is what the caller finds in `x1`
    /// afterwards: the portal's generation.
    @inline(__always)
    private static func send(
        _ core: Ref<Core>, _ caller: Ref<ExecutionContext>, _ server: Ref<ExecutionContext>, badge: UInt64,
        _ message: Words, tag: UInt64
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
        _ message: Words, tag: UInt64
    ) {
        if isInChain(of: caller, server) {
            // The server waits, directly or not, for this very caller, and the call could never be served; or the chain
            // is so long that the caller could not help its end.
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
        // The caller's time runs the end of the chain from now on.
        core.pointee.mustSchedule = true
    }

    /// Whether `server` is among those that wait for `caller`'s reply, or queues, with a chain of its own, at one of
    /// them; or more than `maximumDepth` links lie between `caller` and the end of the chain.
    private static func isInChain(of caller: Ref<ExecutionContext>, _ server: Ref<ExecutionContext>) -> Bool {
        var link: Ref<ExecutionContext>? = server
        var steps: UInt8 = 0
        // Each link waits for the next; the chain ends with one that can run or has stopped.
        while let context = link, steps < maximumDepth {
            if context == caller { return true }
            link = context.pointee.state == .calling ? context.pointee.server : nil
            steps &+= 1
        }
        return link != nil
    }

    /// Moves a message from a caller to a server that waits. The caller's time runs the server from now on.
    @inline(__always)
    static func transfer(
        _ caller: Ref<ExecutionContext>, _ server: Ref<ExecutionContext>, badge: UInt64, _ message: Words
    ) {
        server.pointee.frame.x[0] = Status.ok.rawValue
        server.pointee.frame.x[1] = badge
        setWords(server, message)
        server.pointee.state = .ready
        server.pointee.caller = caller
        server.pointee.depth = caller.pointee.depth &+ 1
        server.pointee.wasNotified = false
    }

    /// `replyWait`: answers the present caller, waits for the next call or notification, or both.
    @inline(__always)
    static func replyWait(_ core: Ref<Core>, _ server: Ref<ExecutionContext>, _ selector: Selector) {
        var form = selector.form
        guard form & ~ReplyForm.known == 0 else { return server.pointee.frame.x[0] = Status.unsupported.rawValue }
        if form & ReplyForm.reply != 0 {
            let shape = MessageShape(bits: selector.slot)
            guard let caller = server.pointee.caller else { return replyToNobody(core, server, form) }
            // Only a context that exited or faulted may be left stopped: a server has no such right on its clients.
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
        // The caller would wait for ever.
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

    /// The caller has gone (it was aborted or destroyed), or there was none: a server that also waits need not care.
    @inline(never)
    private static func replyToNobody(_ core: Ref<Core>, _ server: Ref<ExecutionContext>, _ form: UInt32) {
        guard form & ReplyForm.wait != 0 else { return server.pointee.frame.x[0] = Status.badState.rawValue }
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

    /// Puts the answer into the caller's registers; the caller's time runs the caller again.
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

    /// The rest of a reply that does not end in a plain switch to the caller.
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
        // The server goes on on its own time.
        if server.pointee.home != nil { useOwnTime(core, server) } else { finishStop(core, server) }
    }

    /// Waits: takes a notification that is pending, or the first queued caller, or else sleeps. When both are there
    /// they take turns, so that a flood of bits keeps no caller waiting.
    private static func wait(_ core: Ref<Core>, _ server: Ref<ExecutionContext>) {
        core.pointee.mustSchedule = true
        server.pointee.depth = 0
        let hasBits = isNotified(server)
        let isCallersTurn = server.pointee.wasNotified && server.pointee.callers.head != nil
        // None are left if another core has polled them meanwhile.
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
    static func words(of context: Ref<ExecutionContext>) -> Words {
        Words(
            context.pointee.frame.x[2], context.pointee.frame.x[3], context.pointee.frame.x[4],
            context.pointee.frame.x[5], context.pointee.frame.x[6], context.pointee.frame.x[7])
    }

    @inline(__always)
    static func setWords(_ context: Ref<ExecutionContext>, _ message: Words) {
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
