import ABI

// Changes of a virtual CPU's interrupt state, from any core.

extension Kernel {
    /// Pends an interrupt of a virtual CPU.
    @inline(__always)
    public static func pend(_ core: Ref<Core>, _ context: Ref<ExecutionContext>, _ interrupt: UInt32) {
        guard let guest = context.pointee.guest, interrupt < VirtualInterrupts.count else { return }
        let bit: UInt64 = 1 << UInt64(interrupt & 31)
        let before = guest.pointee.pending[Int(interrupt >> 5)].set(bit)
        // Its core has been told and has not looked yet: that is no news.
        if before & bit != 0, guest.pointee.isDirty.load() != 0 { return }
        touch(core, context, guest)
    }

    /// Has the virtual CPU's core look at its interrupts again.
    @inline(__always)
    static func touch(_ core: Ref<Core>, _ context: Ref<ExecutionContext>, _ guest: Ref<VirtualCPU>) {
        guest.pointee.isDirty.store(1)
        if context.pointee.core == core.pointee.id {
            virtualInterruptsChanged(core, context)
        } else {
            context.pointee.requests.set(ContextRequest.interrupts)
            post(context, to: context.pointee.core, M.board)
        }
    }

    /// On the virtual CPU's core: wakes it if it waits and there may be something to take; if not it waits again.
    static func virtualInterruptsChanged(_ core: Ref<Core>, _ context: Ref<ExecutionContext>) {
        guard let guest = context.pointee.guest else { return }
        if context.pointee.state == .waitingForInterrupt, mayHaveDeliverable(guest) { wake(core, context) }
    }

    /// Ends a virtual CPU's WFI.
    static func wake(_ core: Ref<Core>, _ context: Ref<ExecutionContext>) {
        core.pointee.contextTimers.remove(context)
        context.pointee.state = .ready
        useOwnTime(core, context)
    }

    /// `interruptControl` on a virtual CPU.
    static func virtualInterruptControl(
        _ core: Ref<Core>, _ caller: Ref<ExecutionContext>, _ target: Ref<ExecutionContext>, _ form: UInt32
    ) throws(Failure) {
        guard let guest = target.pointee.guest, let form = VirtualInterruptControl(rawValue: form) else {
            throw .unsupported
        }
        let index = caller.pointee.frame.x[2]
        let value = caller.pointee.frame.x[3]
        guard index < form.indexLimit else { throw .badArgument }
        // A timer's level is its line's.
        guard form != .setLevel || index >= 32 || VirtualInterrupts.hardwareMask & 1 << index == 0 else { throw .badArgument }
        switch form {
        case .readWord:
            readWord(
                caller, guest, Int(index), isLoaded: core.pointee.loaded == target,
                isElsewhere: target.pointee.isPlaced && target.pointee.core != core.pointee.id)
        case .readPriority: caller.pointee.frame.x[2] = UInt64(guest.pointee.priority[Int(index)])
        default:
            change(core, target, guest, form, Int(truncatingIfNeeded: index), value)
            if target.pointee.isPlaced {
                touch(core, target, guest)
            } else {
                // It has no core yet: the one that will be the first to run it looks then.
                guest.pointee.isDirty.store(1)
            }
        }
    }

    private static func change(
        _ core: Ref<Core>, _ target: Ref<ExecutionContext>, _ guest: Ref<VirtualCPU>, _ form: VirtualInterruptControl, _ index: Int,
        _ value: UInt64
    ) {
        let mask = value & 0xFFFF_FFFF
        switch form {
        case .enable: guest.pointee.enabled[index].set(mask)
        case .disable: guest.pointee.enabled[index].clear(mask)
        case .setPending: guest.pointee.pending[index].set(mask)
        case .clearPending:
            // A timer's pending state is its line's: it cannot be cleared by hand.
            let keep = index == 0 ? VirtualInterrupts.hardwareMask : 0
            guest.pointee.pending[index].clear(mask & ~keep)
            // In a list register it may still be pending: `harvest` takes it out, but only its own core may say so.
            if target.pointee.isPlaced, target.pointee.core == core.pointee.id {
                guest.pointee.latched[index] = guest.pointee.latched[index] & ~(mask & ~keep)
            }
        case .setActive: guest.pointee.active[index].set(mask & ~guest.pointee.listed[index])
        case .clearActive: guest.pointee.active[index].clear(mask)
        case .setEdge: guest.pointee.edge[index].store(mask)
        case .setPriority: guest.pointee.priority[index] = UInt8(truncatingIfNeeded: value)
        case .setLevel:
            let bit: UInt64 = 1 << UInt64(index & 31)
            let line = index >> 5
            if value != 0 {
                if guest.pointee.level[line].set(bit) & bit == 0,
                    guest.pointee.edge[line].load() & bit != 0
                {
                    guest.pointee.pending[line].set(bit)
                }
            } else {
                guest.pointee.level[line].clear(bit)
            }
        case .setForwarding: guest.pointee.forwarding.store(value & 1)
        case .readWord, .readPriority: break
        }
    }

    /// The list registers of a virtual CPU that is loaded on another core cannot be read from here: what was pending when it
    /// was put into one counts as pending, what was last saved as active counts as active (docs/caveats.md).
    private static func readWord(
        _ caller: Ref<ExecutionContext>, _ guest: Ref<VirtualCPU>, _ word: Int, isLoaded: Bool, isElsewhere: Bool
    ) {
        var pending = guest.pointee.pending[word].load()
        var active = guest.pointee.active[word].load()
        let edge = guest.pointee.edge[word].load()
        pending |= guest.pointee.level[word].load() & ~edge
        // Better an event twice than never: it may have been taken meanwhile.
        if isElsewhere { pending |= guest.pointee.listed[word] & guest.pointee.latched[word] }
        var rest = guest.pointee.usedListRegisters[0]
        while rest != 0 {
            let index = rest.trailingZeroBitCount & 15
            rest &= rest &- 1
            let register = isLoaded ? M.listRegister(index) : ListRegister(bits: guest.pointee.savedListRegisters[index])
            guard Int(register.interrupt >> 5) == word else { continue }
            let bit: UInt64 = 1 << UInt64(register.interrupt & 31)
            if register.isPending { pending |= bit }
            if register.isActive { active |= bit }
        }
        caller.pointee.frame.x[2] = guest.pointee.enabled[word].load()
        caller.pointee.frame.x[3] = pending
        caller.pointee.frame.x[4] = active
        caller.pointee.frame.x[5] = edge
    }
}

extension Kernel {
    /// All of a stopped virtual CPU's interrupts as at the beginning. A word at a time: other cores may be changing them.
    static func forgetInterrupts(_ guest: Ref<VirtualCPU>) {
        for word in 0..<VirtualInterrupts.words {
            guest.pointee.enabled[word].store(0)
            guest.pointee.pending[word].store(0)
            guest.pointee.level[word].store(0)
            guest.pointee.edge[word].store(0)
            guest.pointee.active[word].store(0)
            guest.pointee.listed[word] = 0
            guest.pointee.latched[word] = 0
        }
        for interrupt in 0..<Int(VirtualInterrupts.count) { guest.pointee.priority[interrupt] = 0 }
        guest.pointee.forwarding.store(0)
        guest.pointee.isDirty.store(0)
        guest.pointee.usedListRegisters[0] = 0
        for index in 0..<16 { guest.pointee.savedListRegisters[index] = 0 }
        guest.pointee.interfaceControl = 0
        for index in 0..<8 { guest.pointee.activePriorities[index] = 0 }
        guest.pointee.maintenance = 0
    }
}

extension VirtualInterruptControl {
    /// `x2` must be below this.
    var indexLimit: UInt64 {
        switch self {
        case .setPriority, .setLevel, .readPriority: UInt64(VirtualInterrupts.count)
        case .setForwarding: .max
        default: UInt64(VirtualInterrupts.words)
        }
    }
}
