import ABI

// Contexts: what they are made of, starting and stopping them, reading and writing their registers.

extension Kernel {
    /// `contextControl`: see `ContextControl`.
    static func contextControl(
        _ core: Ref<Core>, _ caller: Ref<ExecutionContext>, _ selector: Selector
    ) throws(Failure) {
        let context = try findContext(caller, selector.slot)
        switch ContextControl(rawValue: selector.form) {
        case .configure: try exclusively { () throws(Failure) in try configure(caller, context) }
        case .start:
            guard hasCore(context) else { throw .badState }
            start(core, context)
        case .stop: if hasCore(context) { stop(core, context) }
        case .status:
            // Under the lock a start that was asked for is seen as a request or as running, never as neither.
            try exclusively { () throws(Failure) in
                let status: ContextStatus = isStopped(context) ? .stopped : .running
                caller.pointee.frame.x[2] = status.rawValue
            }
        case .setAffinity:
            try exclusively { () throws(Failure) in try setAffinity(context, caller.pointee.frame.x[2]) }
        default: throw .unsupported
        }
    }

    /// Whether the context's core is known, and from now on for ever: else nobody may act on what `core` says.
    static func hasCore(_ context: Ref<ExecutionContext>) -> Bool {
        guard context.pointee.isConfigured else { return false }
        M.orderLoads()
        return true
    }

    private static func isStopped(_ context: Ref<ExecutionContext>) -> Bool {
        context.pointee.running.load() == 0 && context.pointee.requests.load() & ContextRequest.start == 0
    }

    private static func configure(
        _ caller: Ref<ExecutionContext>, _ context: Ref<ExecutionContext>
    ) throws(Failure) {
        guard isStopped(context) else { throw .badState }
        let words = caller.pointee.frame
        guard words.x[6] < UInt64(M.board.pointee.coreCount) else { throw .badArgument }
        let core = CoreID(UInt8(words.x[6]))
        // Other cores go by it without a lock, and its items may be in that core's inbox.
        guard !context.pointee.isConfigured || context.pointee.core == core else { throw .wrongCore }
        let space = try findSlot(caller, words.x[2], .addressSpace, .write).pointee.target(AddressSpace.self)
        let table = words.x[3] == 0
            ? nil : try findSlot(caller, words.x[3], .capabilityTable, .write).pointee.target(CapabilityTable.self)
        let scheduling = words.x[5] == 0
            ? nil
            : try findSlot(caller, words.x[5], .schedulingContext, .write).pointee.target(SchedulingContext.self)
        if let scheduling {
            guard scheduling.pointee.core == core else { throw .wrongCore }
            guard scheduling.pointee.context == nil || scheduling.pointee.context == context else { throw .badState }
        }
        if words.x[4] != 0 {
            let portal = try findSlot(caller, words.x[4], .portal, .write)
            guard portal.pointee.target(Portal.self).pointee.server?.pointee.core == core else { throw .wrongCore }
            context.pointee.faultPortal = portal.pointee.target(Portal.self)
            context.pointee.faultBadge = portal.pointee.badge
        }
        context.pointee.space = space
        context.pointee.table = table
        context.pointee.core = core
        context.pointee.home = scheduling
        scheduling?.pointee.context = context
        M.orderStores()
        context.pointee.isConfigured = true
    }

    /// Enters a virtual CPU in its machine's list, where inter-processor interrupts find it.
    private static func setAffinity(_ context: Ref<ExecutionContext>, _ number: UInt64) throws(Failure) {
        guard let guest = context.pointee.guest, let space = context.pointee.space, isStopped(context) else {
            throw .badState
        }
        guard number < 16 else { throw .badArgument }
        guard space.pointee.virtualCPUs[Int(number)] == nil else { throw .occupied }
        guest.pointee.affinity = UInt8(number)
        space.pointee.virtualCPUs[Int(number)] = context
    }

    /// Makes a stopped context ready, on its own core.
    public static func start(_ core: Ref<Core>, _ context: Ref<ExecutionContext>) {
        guard context.pointee.core == core.pointee.id else {
            context.pointee.requests.set(ContextRequest.start)
            return post(context, to: context.pointee.core, M.board)
        }
        // Nobody else may be at its registers or what it is made of while it begins to run.
        try? exclusively { () throws(Failure) in begin(core, context) }
    }

    /// The same, under the lock.
    static func begin(_ core: Ref<Core>, _ context: Ref<ExecutionContext>) {
        guard context.pointee.state == .stopped, let home = context.pointee.home else { return }
        // Its memory may have been filled by somebody else's stores.
        if context.pointee.isVirtualCPU { M.forgetInstructions() }
        context.pointee.running.store(1)
        context.pointee.state = .ready
        context.pointee.scheduling = home
        home.pointee.context = context
        makeReady(core, home)
    }

    /// Stops a context, on its own core. One whose call is being served stops when the reply comes.
    static func stop(_ core: Ref<Core>, _ context: Ref<ExecutionContext>) {
        guard context.pointee.core == core.pointee.id else {
            // A start that was asked for before is void: the other core does starts after stops.
            context.pointee.requests.clear(ContextRequest.start)
            context.pointee.requests.set(ContextRequest.stop)
            return post(context, to: context.pointee.core, M.board)
        }
        switch context.pointee.state {
        case .stopped: return
        case .calling:
            guard let server = context.pointee.server, server.pointee.caller != context else {
                return context.pointee.stopsOnReply = ReplyForm.leaveStopped
            }
            server.pointee.callers.remove(context)
            context.pointee.server = nil
            if context.pointee.callKind == .message { context.pointee.frame.x[0] = Status.dead.rawValue }
        case .waitingForInterrupt: core.pointee.contextTimers.remove(context)
        case .waiting: context.pointee.frame.x[0] = Status.dead.rawValue
        case .ready:
            if core.pointee.current == context {
                releaseCore(core)
            } else if let scheduling = context.pointee.scheduling {
                core.pointee.runQueue.remove(scheduling)
            }
        }
        context.pointee.state = .stopped
        unloadIfLoaded(core, context)
        abandonCaller(core, context)
    }

    /// A server has stopped: its caller gets its time back and `dead`. One that exited or faulted stops too, as does one
    /// that somebody stopped meanwhile; then its own caller is next. Bounded by `maximumDepth`.
    ///
    /// Whoever has stopped is at rest when nothing of it is touched any more, not earlier: other cores may change it then.
    static func abandonCaller(_ core: Ref<Core>, _ stopped: Ref<ExecutionContext>) {
        var server = stopped
        while let caller = server.pointee.caller {
            let scheduling = server.pointee.scheduling
            server.pointee.caller = nil
            server.pointee.depth = 0
            server.pointee.scheduling = nil
            caller.pointee.server = nil
            caller.pointee.scheduling = scheduling
            scheduling?.pointee.context = caller
            server.pointee.running.store(0)
            if caller.pointee.callKind == .message, caller.pointee.stopsOnReply == 0 {
                caller.pointee.frame.x[0] = Status.dead.rawValue
                caller.pointee.state = .ready
                if let scheduling { makeReady(core, scheduling) }
                return
            }
            caller.pointee.stopsOnReply = 0
            caller.pointee.state = .stopped
            unloadIfLoaded(core, caller)
            server = caller
        }
        server.pointee.running.store(0)
    }

    /// `contextState`: see `ContextState`. Exit counters may be read at any time, all else of a stopped context only.
    static func contextState(
        _ core: Ref<Core>, _ caller: Ref<ExecutionContext>, _ selector: Selector
    ) throws(Failure) {
        let context = try findContext(caller, selector.slot)
        let form = ContextState(rawValue: selector.form)
        let first = caller.pointee.frame.x[2]
        let count = caller.pointee.frame.x[3]
        if form == .reset {
            return try exclusively { () throws(Failure) in
                guard isStopped(context) else { throw .badState }
                reset(context)
            }
        }
        guard count >= 1, count <= 4 else { throw .badArgument }
        try exclusively { () throws(Failure) in
            guard isStopped(context) || (form == .read && first >= RegisterNumber.counters) else { throw .badState }
            for step in 0..<Int(count) {
                let number = first &+ UInt64(step)
                switch form {
                case .write: try write(context, number, caller.pointee.frame.x[4 &+ step])
                case .read: caller.pointee.frame.x[4 &+ step] = try read(context, number)
                default: throw .unsupported
                }
            }
        }
    }

    private static func reset(_ context: Ref<ExecutionContext>) {
        M.resetRegisters(context)
        guard let guest = context.pointee.guest else { return }
        let affinity = guest.pointee.affinity
        let exits = guest.pointee.exits
        M.zero(guest.address, size: VirtualCPU.size &- VirtualCPU.offset)
        guest.pointee.context = context
        guest.pointee.affinity = affinity
        guest.pointee.exits = exits
        M.resetRegisters(context)
    }

    private static func write(
        _ context: Ref<ExecutionContext>, _ number: UInt64, _ value: UInt64
    ) throws(Failure) {
        switch number {
        case 0...30: context.pointee.frame.x[Int(number)] = value
        case RegisterNumber.stackPointer: context.pointee.frame.stackPointer = value
        case RegisterNumber.programCounter: context.pointee.frame.programCounter = value
        case RegisterNumber.processorState:
            guard M.isPermitted(processorState: value, ofVirtualCPU: context.pointee.isVirtualCPU) else {
                throw .badArgument
            }
            context.pointee.frame.processorState = value
        default: throw .badArgument
        }
    }

    private static func read(_ context: Ref<ExecutionContext>, _ number: UInt64) throws(Failure) -> UInt64 {
        switch number {
        case 0...30: return context.pointee.frame.x[Int(number)]
        case RegisterNumber.stackPointer: return context.pointee.frame.stackPointer
        case RegisterNumber.programCounter: return context.pointee.frame.programCounter
        case RegisterNumber.processorState: return context.pointee.frame.processorState
        case RegisterNumber.system..<(RegisterNumber.system + 48):
            guard let guest = context.pointee.guest else { throw .badArgument }
            return guest.pointee.system[Int(number &- RegisterNumber.system)]
        case RegisterNumber.counters..<(RegisterNumber.counters + UInt64(ExitCounter.count)):
            guard let guest = context.pointee.guest else { throw .badArgument }
            return guest.pointee.exits[Int(number &- RegisterNumber.counters)]
        default: throw .badArgument
        }
    }
}
