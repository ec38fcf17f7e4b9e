import ABI

// The fast path: call, reply and wait, signal, poll, and a virtual CPU's exit.
//
// Each function is a list of checks. The first check that fails leaves for the general path (nil) before anything is
// changed. Nothing here calls a function that is not inlined, so that the entry from assembly needs no stack frame;
// this saves more instructions than the omitted cases do. Kernel/AArch64 calls these functions first on each entry,
// and Kernel+Call.swift is the general path. Benchmarks/ceilings.json holds the instruction counts.

extension Kernel {
    /// Performs an operation of a thread other than `replyWait`. Returns the context that runs next.
    @inline(__always)
    public static func operateFast(
        _ core: Ref<Core>, _ caller: Ref<ExecutionContext>
    ) -> Ref<ExecutionContext>? {
        let selector = Selector(bits: caller.pointee.frame.x[1])
        switch caller.pointee.frame.x[0] {
        case Operation.call.rawValue: return callFast(core, caller, selector)
        case Operation.signal.rawValue: return signalFast(core, caller, selector)
        case Operation.poll.rawValue:
            do throws(Failure) { try poll(caller, selector) } catch { return nil }
            caller.pointee.frame.x[0] = Status.ok.rawValue
            return caller
        default: return nil
        }
    }

    @inline(__always)
    private static func callFast(
        _ core: Ref<Core>, _ caller: Ref<ExecutionContext>, _ selector: Selector
    ) -> Ref<ExecutionContext>? {
        // The message has no more than six words.
        guard selector.form == 0 else { return nil }
        let found: Found
        do throws(Failure) { found = try find(caller, selector, .portal, .write) } catch { return nil }
        let portal = found.target(Portal.self)
        let (server, generation) = portal.destination(M.self)
        guard let server, server.pointee.core == core.pointee.id, server.pointee.state == .waiting,
            caller.pointee.depth < maximumDepth, caller.pointee.abortMask == 0
        else { return nil }
        caller.pointee.callKind = .message
        caller.pointee.shape = MessageShape(bits: 0)
        caller.pointee.frame.x[1] = generation
        let message = Message(
            caller.pointee.frame.x[2], caller.pointee.frame.x[3], caller.pointee.frame.x[4],
            caller.pointee.frame.x[5], caller.pointee.frame.x[6], caller.pointee.frame.x[7])
        return sendFast(core, caller, server, badge: found.badge, message)
    }

    /// Sends a virtual CPU's exit to its monitor.
    @inline(__always)
    public static func exitFast(
        _ core: Ref<Core>, _ context: Ref<ExecutionContext>, _ message: Message
    ) -> Ref<ExecutionContext>? {
        guard let server = context.pointee.faultPortal?.destination(M.self).server,
            server.pointee.core == core.pointee.id, server.pointee.state == .waiting
        else { return nil }
        context.pointee.callKind = .exit
        return sendFast(core, context, server, badge: context.pointee.faultBadge, message)
    }

    /// Hands the message to the server, which waits, and switches to it.
    @inline(__always)
    private static func sendFast(
        _ core: Ref<Core>, _ caller: Ref<ExecutionContext>, _ server: Ref<ExecutionContext>, badge: UInt64,
        _ message: Message
    ) -> Ref<ExecutionContext> {
        caller.pointee.state = .calling
        caller.pointee.server = server
        transfer(caller, server, badge: badge, message)
        switchToThread(core, server)
        return server
    }

    /// Performs `replyWait` of a thread. Returns the context that runs next.
    @inline(__always)
    public static func replyWaitFast(
        _ core: Ref<Core>, _ server: Ref<ExecutionContext>
    ) -> Ref<ExecutionContext>? {
        let selector = Selector(bits: server.pointee.frame.x[1])
        let form = selector.form
        // The operation is reply and wait, the answer is a plain one of six words, and no stop of the caller was
        // requested.
        guard
            selector.bits & (UInt64(ReplyForm.rare) << 32 | 0xFFFF_FFFF) == UInt64(ReplyForm.reply | ReplyForm.wait)
                << 32,
            let caller = server.pointee.caller, caller.pointee.stopsOnReply == 0,
            !server.pointee.usesOwnTime, canWaitSimply(server), core.pointee.parked.head == nil
        else { return nil }
        if let guest = caller.pointee.guest {
            // The virtual CPU's registers must still be in hardware, and its interrupts unchanged.
            guard core.pointee.loaded == caller, guest.pointee.isDirty.relaxedLoad() == 0 else { return nil }
            reply(core, server, caller, form & ~(ReplyForm.refuse | ReplyForm.leaveStopped))
            server.pointee.state = .waiting
            switchToLoaded(core, caller, guest)
        } else {
            reply(core, server, caller, form & ~(ReplyForm.refuse | ReplyForm.leaveStopped))
            server.pointee.state = .waiting
            switchToThread(core, caller)
        }
        return caller
    }

    /// Performs a signal that wakes no context, because the notification has no sink or its sink is a thread of this
    /// core that runs on its own time.
    @inline(__always)
    private static func signalFast(
        _ core: Ref<Core>, _ caller: Ref<ExecutionContext>, _ selector: Selector
    ) -> Ref<ExecutionContext>? {
        let found: Found
        do throws(Failure) { found = try find(caller, selector, .notification, .write) } catch { return nil }
        let notification = found.target(Notification.self)
        let sink = notification.pointee.sink.load()
        switch Hearer(sink: sink) {
        case .nobody: break
        case .thread(let thread):
            guard thread.pointee.core == core.pointee.id, thread.pointee.usesOwnTime, thread.pointee.abortMask == 0
            else { return nil }
        case .virtualInterrupt: return nil
        }
        let bits = found.badge != 0 ? found.badge : caller.pointee.frame.x[2]
        notification.pointee.bits.set(bits)
        guard notification.pointee.sink.load() == sink else {
            // Another core has changed the sink before it could see the bits.
            core.pointee.untold = notification
            return nil
        }
        caller.pointee.frame.x[0] = Status.ok.rawValue
        return caller
    }

    // MARK: Switching

    /// Performs `switchTo` for a thread.
    @inline(__always)
    static func switchToThread(_ core: Ref<Core>, _ next: Ref<ExecutionContext>) {
        if core.pointee.isInGuest { leaveGuest(core) } else { M.clearThreadRegister() }
        becomeCurrent(core, next)
    }

    /// Performs `switchTo` for the virtual CPU whose registers are loaded.
    @inline(__always)
    private static func switchToLoaded(
        _ core: Ref<Core>, _ next: Ref<ExecutionContext>, _ guest: Ref<VirtualCPU>
    ) {
        core.pointee.isInGuest = true
        M.enterGuest(guest)
        becomeCurrent(core, next)
    }
}

extension ReplyForm {
    /// The bits that make an answer other than a plain one, undefined bits among them.
    static var rare: UInt32 { reply | wait | leaveStopped | refuse | ~known }
}
