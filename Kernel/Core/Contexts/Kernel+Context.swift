import ABI

// Contexts: configuring, starting and stopping them, and `contextState`, which accesses their registers.
//
// `Kernel.operate` calls `contextControl` and `contextState`. Kernel+Registers.swift implements the single registers,
// and Calls/Kernel+Abort.swift the end of calls that a stop brings. Kernel/Proofs/start.pml checks starts and stops
// from several cores.

extension Kernel {
    /// Performs `contextControl`; see `ContextControl`.
    static func contextControl(
        _ core: Ref<Core>, _ caller: Ref<ExecutionContext>, _ selector: Selector
    ) throws(Failure) {
        let slot = selector.slot
        switch ContextControl(rawValue: selector.form) {
        case .start: try start(core, caller, findContext(caller, slot), anew: false)
        case .startAt: try start(core, caller, findContext(caller, slot), anew: true)
        case .stop:
            let context = try findContext(caller, slot)
            if context.pointee.isPlaced, try !isAtRestElsewhere(core, context) { stopOnRequest(core, context) }
        case .setAbortMask:
            // A thread decides itself which events end its calls, even without the right to manage it. This needs the
            // lock, because otherwise another core could become the context's own core meanwhile.
            try exclusively { () throws(Failure) in
                try setAbortMask(core, findContext(caller, slot, .write), caller.pointee.frame.x[2])
            }
        case let form:
            // The look-up is under the lock, so that nothing is bound to a context after it was destroyed.
            try exclusively { () throws(Failure) in
                let context = try findContext(caller, slot), word = caller.pointee.frame.x[2]
                switch form {
                case .configure: try configure(caller, context)
                case .status:
                    // A context whose start is requested is seen as having a request or as running, never as neither.
                    caller.pointee.frame.x[2] = (isStopped(context) ? ContextStatus.stopped : .running).rawValue
                case .setAffinity: try setAffinity(context, word)
                case .abort: try abort(core, context)
                case .setMessagePage: try setMessagePage(core, caller, context)
                case .bindStopped: try bindStopped(caller, context)
                case .bindPortal:
                    let portal = try findNode(caller, word, .portal, .manage).pointee.target(Portal.self)
                    let thread = try findContextNode(caller, UInt64(slot))
                    guard thread.pointee.kind == .thread else { throw .badCapability }
                    try bindPortal(portal, to: thread)
                default: throw .unsupported
                }
            }
        }
    }

    /// Performs `start`, or `startAt`, which sets the program counter.
    private static func start(
        _ core: Ref<Core>, _ caller: Ref<ExecutionContext>, _ context: Ref<ExecutionContext>, anew: Bool
    ) throws(Failure) {
        try exclusively { () throws(Failure) in
            guard context.pointee.isConfigured, context.pointee.home != nil else { throw .badState }
            if isStopped(context) {
                context.pointee.fault = .none
            } else if anew {
                throw .badState
            }
            if anew {
                context.pointee.frame.programCounter = caller.pointee.frame.x[2]
                context.pointee.frame.stackPointer = caller.pointee.frame.x[3]
                context.pointee.frame.x[0] = caller.pointee.frame.x[4]
                context.pointee.frame.x[1] = caller.pointee.frame.x[5]
            }
            // Requests the start under the lock, so that two cores that start it at once cannot both find it stopped.
            if context.pointee.core == core.pointee.id { begin(core, context) } else { start(core, context) }
        }
    }

    /// Returns whether a context of another core is stopped already, so that its core need not be interrupted for a
    /// stop. Checks under the lock, because a start takes the lock: otherwise the context could be between its
    /// request and `running`.
    private static func isAtRestElsewhere(_ core: Ref<Core>, _ context: Ref<ExecutionContext>) throws(Failure) -> Bool {
        guard context.pointee.core != core.pointee.id, isStopped(context) else { return false }
        var isAtRest = false
        try exclusively { () throws(Failure) in isAtRest = isStopped(context) }
        return isAtRest
    }

    private static func isStopped(_ context: Ref<ExecutionContext>) -> Bool {
        context.pointee.running.load() == 0 && context.pointee.requests.load() & ContextRequest.start == 0
    }

    private static func configure(
        _ caller: Ref<ExecutionContext>, _ context: Ref<ExecutionContext>
    ) throws(Failure) {
        guard isStopped(context) else { throw .badState }
        let parts = try Parts(caller)
        // The first core stays for ever, because other cores use `core` without a lock, and the context may be in
        // that core's inbox.
        let wasPlaced = context.pointee.isPlaced
        guard !wasPlaced || context.pointee.core == parts.core else { throw .wrongCore }
        let space = parts.space.pointee.target(AddressSpace.self)
        // A guest's own translations and a component's must not share one translation
        // identifier.
        guard !(context.pointee.isVirtualCPU ? space.pointee.isComponents : space.pointee.isMachines) else {
            throw .badState
        }
        if let time = parts.scheduling?.pointee.target(SchedulingContext.self) {
            guard time.pointee.core == parts.core else { throw .wrongCore }
            guard time.pointee.context == nil || time.pointee.context == context else { throw .badState }
        }
        if let portal = parts.faultPortal {
            // A portal that leads to no thread yet may lead to a thread of this core later.
            let server = portal.pointee.target(Portal.self).pointee.server
            guard server == nil || server?.pointee.core == parts.core else { throw .wrongCore }
        }
        if context.pointee.space != space { leaveNumber(context) }
        // Another context may have had this address, or this context may have been in the space before.
        if space.pointee.lastOnCore[parts.core.index & 7] == context { M.invalidateAll(space.pointee.translation) }
        rebind(context, .space, parts.space)
        rebind(context, .table, parts.table)
        rebind(context, .faultPortal, parts.faultPortal)
        rebind(context, .scheduling, parts.scheduling)
        context.pointee.space = space
        space.pointee.isMachines = context.pointee.isVirtualCPU
        space.pointee.isComponents = !context.pointee.isVirtualCPU
        context.pointee.table = parts.table?.pointee.target(CapabilityTable.self)
        context.pointee.faultPortal = parts.faultPortal?.pointee.target(Portal.self)
        context.pointee.faultBadge = parts.faultPortal?.pointee.badge ?? 0
        if !wasPlaced { context.pointee.core = parts.core }
        context.pointee.home?.pointee.context = nil
        context.pointee.home = parts.scheduling?.pointee.target(SchedulingContext.self)
        context.pointee.home?.pointee.context = context
        context.pointee.isPlaced = true
        context.pointee.isConfigured = true
    }

    /// The capabilities that `configure` names.
    private struct Parts {
        var space: Ref<Capability>
        var table: Ref<Capability>?
        var faultPortal: Ref<Capability>?
        var scheduling: Ref<Capability>?
        var core: CoreID

        init(_ caller: Ref<ExecutionContext>) throws(Failure) {
            let number = caller.pointee.frame.x[6]
            guard number < UInt64(M.board.pointee.coreCount) else { throw .badArgument }
            core = CoreID(UInt8(number))
            space = try findNode(caller, caller.pointee.frame.x[2], .addressSpace, .write)
            table = try Parts.optional(caller, caller.pointee.frame.x[3], .capabilityTable)
            faultPortal = try Parts.optional(caller, caller.pointee.frame.x[4], .portal)
            scheduling = try Parts.optional(caller, caller.pointee.frame.x[5], .schedulingContext)
            try mayGrow(space)
        }

        private static func optional(
            _ caller: Ref<ExecutionContext>, _ slot: UInt64, _ kind: ObjectKind
        ) throws(Failure) -> Ref<Capability>? {
            guard slot != 0 else { return nil }
            let node = try findNode(caller, slot, kind, .write)
            try mayGrow(node)
            return node
        }
    }

    /// Makes a binding of a context a child of another capability, or of none.
    private static func rebind(_ context: Ref<ExecutionContext>, _ role: NodeRole, _ parent: Ref<Capability>?) {
        erase(context.binding(role))
        if let parent { bind(context.binding(role), role, in: context.address, to: parent) }
    }

    private static func setAbortMask(
        _ core: Ref<Core>, _ context: Ref<ExecutionContext>, _ mask: UInt64
    ) throws(Failure) {
        guard context.pointee.core == core.pointee.id else { throw .wrongCore }
        context.pointee.abortMask = mask
        if context.pointee.state == .calling, context.pointee.callKind == .message, isAborting(context) {
            abortCall(core, context)
        }
    }

    /// Gives a thread its message page: RAM that the caller may read and write itself. `x2` is the extent or 0, `x3`
    /// the offset.
    private static func setMessagePage(
        _ core: Ref<Core>, _ caller: Ref<ExecutionContext>, _ context: Ref<ExecutionContext>
    ) throws(Failure) {
        guard context.pointee.core == core.pointee.id || isStopped(context) else { throw .wrongCore }
        let offset = caller.pointee.frame.x[3]
        guard caller.pointee.frame.x[2] != 0 else {
            rebind(context, .messagePage, nil)
            return context.pointee.messagePage = PhysicalAddress(0)
        }
        let extent = try findNode(caller, caller.pointee.frame.x[2], .extent, .readWrite)
        guard !extent.pointee.has(CapabilityHeader.device), Page.isAligned(offset), offset < extent.pointee.size else {
            throw .badArgument
        }
        try mayGrow(extent)
        rebind(context, .messagePage, extent)
        context.pointee.messagePage = extent.pointee.object + offset
    }

    /// Binds the notification that a stop raises. `x2` is the notification or 0, `x3` the bits.
    private static func bindStopped(
        _ caller: Ref<ExecutionContext>, _ context: Ref<ExecutionContext>
    ) throws(Failure) {
        guard caller.pointee.frame.x[2] != 0 else {
            hang(context.pointee.stopped, nil)
            return rebind(context, .stopped, nil)
        }
        let notification = try findNode(caller, caller.pointee.frame.x[2], .notification, .write)
        try mayGrow(notification)
        rebind(context, .stopped, notification)
        hang(
            context.pointee.stopped, notification.pointee.target(Notification.self),
            bits(notification, caller.pointee.frame.x[3]))
    }

    /// Enters a virtual CPU in its machine's list, in which inter-processor interrupts find it.
    private static func setAffinity(_ context: Ref<ExecutionContext>, _ number: UInt64) throws(Failure) {
        guard let guest = context.pointee.guest, let space = context.pointee.space, isStopped(context) else {
            throw .badState
        }
        guard number < 16 else { throw .badArgument }
        guard space.pointee.virtualCPUs[Int(number)] == nil else { throw .occupied }
        leaveNumber(context)
        guest.pointee.affinity = UInt8(number)
        space.pointee.virtualCPUs[Int(number)] = context
    }

    /// Removes a virtual CPU from its machine's list.
    static func leaveNumber(_ context: Ref<ExecutionContext>) {
        guard let guest = context.pointee.guest, let space = context.pointee.space else { return }
        let number = Int(guest.pointee.affinity & 15)
        if space.pointee.virtualCPUs[number] == context { space.pointee.virtualCPUs[number] = nil }
    }

    /// Makes a stopped context ready, on its own core.
    public static func start(_ core: Ref<Core>, _ context: Ref<ExecutionContext>) {
        guard context.pointee.core == core.pointee.id else {
            context.pointee.requests.set(ContextRequest.start)
            return post(core, context, to: context.pointee.core)
        }
        // No other core may access its registers or its parts while it begins to run.
        try? exclusively { () throws(Failure) in begin(core, context) }
    }

    /// Does the same under the lock.
    static func begin(_ core: Ref<Core>, _ context: Ref<ExecutionContext>) {
        guard context.pointee.state == .stopped else {
            // Cancels a request to stop when the call is answered.
            if context.pointee.state == .calling { context.pointee.stopsOnReply = 0 }
            return
        }
        // A part of the context may have been removed while another core's request was on its way.
        guard context.pointee.isConfigured, let home = context.pointee.home else { return }
        // Another tenant's stores may have filled the machine's memory.
        if context.pointee.isVirtualCPU { M.forgetInstructions() }
        context.pointee.running.store(1)
        context.pointee.state = .ready
        context.pointee.usesOwnTime = true
        makeReady(core, home)
        reviveParked(core)
    }

    /// Stops a context, on its own core. A context whose call is being served stops when the reply comes.
    static func stop(_ core: Ref<Core>, _ context: Ref<ExecutionContext>) {
        guard context.pointee.core == core.pointee.id else {
            // Cancels an earlier start, because the other core performs starts after stops.
            context.pointee.requests.clear(ContextRequest.start)
            context.pointee.requests.set(ContextRequest.stop)
            return post(core, context, to: context.pointee.core)
        }
        switch context.pointee.state {
        case .stopped: return
        case .calling:
            guard let server = context.pointee.server, server.pointee.caller != context else {
                return context.pointee.stopsOnReply = ReplyForm.leaveStopped
            }
            endCall(core, context)
            if context.pointee.callKind == .message { context.pointee.frame.x[0] = Status.dead.rawValue }
        case .waitingForInterrupt: core.pointee.contextTimers.remove(context)
        case .waiting: context.pointee.frame.x[0] = Status.dead.rawValue
        case .ready: break
        }
        finishStop(core, context)
    }

    /// Performs `stop`, and clears the record of a fault that was resolved before. On another core this happens soon.
    static func stopOnRequest(_ core: Ref<Core>, _ context: Ref<ExecutionContext>) {
        if context.pointee.core == core.pointee.id, context.pointee.state != .stopped { context.pointee.fault = .none }
        stop(core, context)
    }

    /// Performs `contextState`; see `ContextState`. Exit counters may be read at any time. All other registers
    /// require a context that is stopped, or that waits for the caller's answer to its fault or exit.
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
            guard isStopped(context) || isServed(context, by: caller) || (form == .read && isCounter(first)) else {
                throw .badState
            }
            for step in 0..<Int(count) {
                let number = first &+ UInt64(step)
                switch form {
                case .write: try write(core, context, number, caller.pointee.frame.x[4 &+ step])
                case .read: caller.pointee.frame.x[4 &+ step] = try read(core, context, number)
                default: throw .unsupported
                }
            }
        }
    }

    private static func reset(_ context: Ref<ExecutionContext>) {
        context.pointee.fault = .none
        // The registers are the first members of the structure, and their size is no multiple of 64.
        M.zero(
            context.address,
            size: UInt64(MemoryLayout<RegisterFrame>.size &+ MemoryLayout<FloatingPointFrame>.size) & ~63)
        context.pointee.floatingPoint.registers[62] = 0
        context.pointee.floatingPoint.registers[63] = 0
        context.pointee.floatingPoint.control = 0
        context.pointee.floatingPoint.status = 0
        guard let guest = context.pointee.guest else { return M.initialiseRegisters(context) }
        // Its number in the machine and its exit counters stay.
        M.zero(guest.address, size: VirtualCPU.systemSize)
        forgetInterrupts(guest)
        M.initialiseRegisters(context)
    }
}
