import ABI

// Removal of single nodes of the derivation tree: a binding, a mapping, or an object. All functions require the lock
// of `exclusively`.
//
// `Kernel+Revoke.swift` calls `remove` for each node without children, on the core that may touch the object.

extension Kernel {
    /// Removes a node that has no children, and the state that depends on it. The work is bounded; the result tells
    /// whether work is left.
    ///
    /// - Parameter steps: the remaining budget, which a mapping or an object reduces as much as several plain
    ///   capabilities.
    static func remove(_ core: Ref<Core>, _ node: Ref<Capability>, _ steps: inout Int) -> Progress {
        let header = CapabilityHeader(bits: node.pointee.header.relaxedLoad())
        let progress: Progress
        if header.role != .slot {
            progress = unbind(core, node, header.role)
        } else if header.kind == .mapping {
            steps -= revokeBatch / 2
            progress = unmap(node)
        } else if header.bits & CapabilityHeader.owner != 0 {
            steps -= revokeBatch / 2
            progress = destroy(core, node, header.kind)
        } else {
            progress = .done
        }
        guard case .done = progress else { return progress }
        erase(node)
        return .done
    }

    // MARK: Bindings

    private static func unbind(_ core: Ref<Core>, _ node: Ref<Capability>, _ role: NodeRole) -> Progress {
        let holder = PhysicalAddress(node.pointee.extra)
        switch role {
        case .space, .table, .faultPortal, .scheduling, .messagePage, .stopped:
            return unbind(core, Ref<ExecutionContext>(at: holder), role)
        case .server: Ref<Portal>(at: holder).pointee.server = nil
        case .sink, .sinkSource: unbindSink(Ref(at: holder))
        case .interrupt: unbind(Ref<Interrupt>(at: holder))
        case .doorbell: unbindDoorbell(Ref(at: holder), node)
        case .overrun: hang(Ref<SchedulingContext>(at: holder).pointee.overrun, nil)
        case .slot: break
        }
        return .done
    }

    /// Removes a part of a context. A context without its space or its time cannot run, so it stops on its own core.
    private static func unbind(_ core: Ref<Core>, _ context: Ref<ExecutionContext>, _ role: NodeRole) -> Progress {
        switch role {
        case .table: context.pointee.table = nil
        case .faultPortal: context.pointee.faultPortal = nil
        case .messagePage: context.pointee.messagePage = PhysicalAddress(0)
        case .stopped: hang(context.pointee.stopped, nil)
        default:
            guard context.pointee.core == core.pointee.id else { return .elsewhere(context.pointee.core) }
            if context.pointee.state != .stopped { context.pointee.fault = .none }
            forceStop(core, context)
            context.pointee.isConfigured = false
            if role == .space {
                leaveSpace(core, context)
            } else {
                context.pointee.home?.pointee.context = nil
                context.pointee.home = nil
            }
        }
        return .done
    }

    /// Unbinds a notification's sink, so that its bits reach no context.
    static func unbindSink(_ notification: Ref<Notification>) {
        if case .thread(let thread) = notification.pointee.hearer { thread.pointee.notification = nil }
        notification.pointee.sink.store(0)
        erase(notification.sinkBinding)
        erase(notification.sinkSourceBinding)
    }

    /// Unbinds an interrupt. Disables it, so that it does not occur and is not left active.
    static func unbind(_ interrupt: Ref<Interrupt>) {
        guard interrupt.pointee.bell.notification != nil else { return }
        hang(interrupt.pointee.bell, nil)
        M.disableInterrupt(interrupt.pointee.number)
    }

    // MARK: Objects

    /// Destroys the object of an owner capability. All objects that were bound to it are unbound already, because
    /// bindings are children. The bindings that the object itself uses remain to be removed.
    private static func destroy(_ core: Ref<Core>, _ node: Ref<Capability>, _ kind: ObjectKind) -> Progress {
        switch kind {
        case .thread, .virtualCPU: return destroy(core, node.pointee.target(ExecutionContext.self))
        case .addressSpace: return destroy(core, node.pointee.target(AddressSpace.self))
        case .schedulingContext: return destroy(core, node.pointee.target(SchedulingContext.self))
        case .notification: return destroy(core, node.pointee.target(Notification.self))
        case .portal: erase(node.pointee.target(Portal.self).serverBinding)
        case .interrupt:
            let interrupt = node.pointee.target(Interrupt.self)
            unbind(interrupt)
            erase(interrupt.binding)
            M.board.pointee.interrupts[Int(interrupt.pointee.number)] = nil
        case .capabilityTable:
            let table = node.pointee.target(CapabilityTable.self)
            table.pointee.nextDying = M.board.pointee.dyingTables
            M.board.pointee.dyingTables = table
        case .region, .extent, .system, .mapping, .none: break
        }
        return .done
    }

    private static func destroy(_ core: Ref<Core>, _ context: Ref<ExecutionContext>) -> Progress {
        guard context.pointee.core == core.pointee.id else { return .elsewhere(context.pointee.core) }
        forceStop(core, context)
        context.pointee.isConfigured = false
        guard dismissCallers(core, context) else { return .more }
        if core.pointee.floatingPointOwner == context {
            core.pointee.floatingPointOwner = nil
            core.pointee.floatingPointTraps = true
            M.setFloatingPointTrap(true)
        }
        if core.pointee.debugOwner == context { core.pointee.debugOwner = nil }
        leaveSpace(core, context)
        context.pointee.home?.pointee.context = nil
        for role in NodeRole.space.rawValue...NodeRole.stopped.rawValue {
            if let role = NodeRole(rawValue: role) { erase(context.binding(role)) }
        }
        return .done
    }

    /// Removes a stopped context from its space. A virtual CPU no longer gets its machine's interrupts.
    static func leaveSpace(_ core: Ref<Core>, _ context: Ref<ExecutionContext>) {
        defer { context.pointee.space = nil }
        guard context.pointee.isVirtualCPU, let space = context.pointee.space else { return }
        leaveNumber(context)
        // Another virtual CPU of the space may later be created at this address.
        space.pointee.lastOnCore[core.pointee.id.index & 7] = nil
        M.invalidateAll(space.pointee.translation)
    }

    private static func destroy(_ core: Ref<Core>, _ space: Ref<AddressSpace>) -> Progress {
        // The memory of the space's tables will be reused, so no core may still walk them.
        for index in 0..<Int(M.board.pointee.coreCount) {
            guard let other = M.board.pointee.cores[index & 7], other.pointee.translation == space.pointee.translation
            else {
                continue
            }
            guard other == core else { return .elsewhere(other.pointee.id) }
            setIdleTranslation(core)
        }
        if let doorbells = space.pointee.doorbells {
            for place in 0..<DoorbellTable.count { erase(doorbells.binding(place)) }
        }
        M.invalidateAll(space.pointee.translation)
        let identifier = space.pointee.identifier
        M.board.pointee.spaces[Int(identifier & 255)] = nil
        M.board.pointee.identifiers[Int(identifier >> 6 & 3)].clear(1 << UInt64(identifier & 63))
        return .done
    }

    /// Makes this core leave a space that is destroyed. The core then uses root's space, which always exists.
    private static func setIdleTranslation(_ core: Ref<Core>) {
        core.pointee.translation = M.board.pointee.idleTranslation
        M.setTranslation(core.pointee.translation)
    }

    private static func destroy(_ core: Ref<Core>, _ scheduling: Ref<SchedulingContext>) -> Progress {
        if !scheduling.pointee.isAtRest {
            guard scheduling.pointee.core == core.pointee.id else { return .elsewhere(scheduling.pointee.core) }
            core.pointee.budgetTimers.remove(scheduling)
            updateDeadline(core)
        }
        erase(scheduling.overrunBinding)
        return .done
    }

    private static func destroy(_ core: Ref<Core>, _ notification: Ref<Notification>) -> Progress {
        // Marks the timer as ended, so that no core that has looked the notification up before sets its timer any
        // more.
        var left = attempts
        while !notification.pointee.timerOwner.replace(0, by: Notification.timerEnded) {
            left -= 1
            guard left > 0 else { return .more }
            let owner = notification.pointee.timerOwner.load()
            if owner == UInt64(core.pointee.id.number) &+ 1 {
                core.pointee.notificationTimers.remove(notification)
                notification.pointee.timerOwner.store(0)
                updateDeadline(core)
            } else if owner != 0 {
                return .elsewhere(CoreID(UInt8(owner &- 1)))
            }
        }
        unbindSink(notification)
        return .done
    }
}
