import ABI

// Changes of a virtual CPU's interrupt state, from any core.
//
// A change writes a word of `VirtualCPU`, sets `isDirty`, and calls `touch` if the virtual CPU's core must look at
// once. The monitor's distributor, timers and notifications call these functions. VirtualInterrupts+Delivery.swift
// moves the interrupts into list registers, and Kernel/Proofs/pend.pml checks that no wake-up is lost.

extension Kernel {
    /// Pends an interrupt of a virtual CPU.
    @inline(__always)
    public static func pend(_ core: Ref<Core>, _ context: Ref<ExecutionContext>, _ interrupt: UInt32) {
        guard let guest = context.pointee.guest, interrupt < VirtualInterrupts.count else { return }
        let bit: UInt64 = 1 << UInt64(interrupt & 31)
        // If the interrupt was pending already, nothing is left to do: its core has yet to take it, and the core that
        // made it pending tells that core to look.
        guard guest.pointee.pending[Int(interrupt >> 5)].set(bit) & bit == 0 else { return }
        touch(core, context, guest, ifDeliverable: bit, in: Int(interrupt >> 5))
    }

    /// Handles the interrupt of a timer of the loaded virtual CPU, whose line is high.
    @inline(__always)
    public static func timerIsDue(_ core: Ref<Core>, _ context: Ref<ExecutionContext>, _ interrupt: UInt32) {
        guard let guest = context.pointee.guest, interrupt < 32 else { return }
        let bit: UInt64 = 1 << UInt64(interrupt)
        guard guest.pointee.level[0].set(bit) & bit == 0 else { return }
        touch(core, context, guest, ifDeliverable: bit, in: 0)
    }

    /// Makes the virtual CPU's core look at its interrupts again: at once if one of `bits` can be delivered, else at
    /// its own next entry.
    ///
    /// The caller has changed a word before. An interrupt that is disabled, not forwarded or active becomes
    /// deliverable by the change of another word. Each such change is a read-modify-write before a look at all words.
    /// So the last of several changes sees all of them, and tells the core (DDI 0487, B2.3: a store-release is
    /// ordered before a later load-acquire).
    @inline(__always)
    private static func touch(
        _ core: Ref<Core>, _ context: Ref<ExecutionContext>, _ guest: Ref<VirtualCPU>, ifDeliverable bits: UInt64,
        in word: Int
    ) {
        guest.pointee.isDirty.store(1)
        let isOwn = context.pointee.core == core.pointee.id
        // The virtual CPU's own core is in the kernel already, and looks before it returns.
        if isOwn, context.pointee.state != .waitingForInterrupt { return }
        guard wanted(guest, word) & bits != 0, guest.pointee.forwarding.load() != 0 else { return }
        if isOwn { wake(core, context) } else { touch(core, context, guest) }
    }

    /// Makes the virtual CPU's core look at its interrupts again, at once.
    @inline(__always)
    static func touch(_ core: Ref<Core>, _ context: Ref<ExecutionContext>, _ guest: Ref<VirtualCPU>) {
        guest.pointee.isDirty.store(1)
        if context.pointee.core == core.pointee.id {
            virtualInterruptsChanged(core, context)
        } else {
            context.pointee.requests.set(ContextRequest.interrupts)
            post(core, context, to: context.pointee.core)
        }
    }

    /// Wakes the virtual CPU, on its core, if it waits and an interrupt may be deliverable. If none is, it waits
    /// again.
    static func virtualInterruptsChanged(_ core: Ref<Core>, _ context: Ref<ExecutionContext>) {
        guard let guest = context.pointee.guest else { return }
        if context.pointee.state == .waitingForInterrupt, mayHaveDeliverable(guest) { wake(core, context) }
    }

    /// Ends a virtual CPU's wait for an interrupt.
    static func wake(_ core: Ref<Core>, _ context: Ref<ExecutionContext>) {
        core.pointee.contextTimers.remove(context)
        context.pointee.state = .ready
        useOwnTime(core, context)
    }

    /// Performs `interruptControl` on a virtual CPU.
    static func virtualInterruptControl(
        _ core: Ref<Core>, _ caller: Ref<ExecutionContext>, _ target: Ref<ExecutionContext>, _ form: UInt32
    ) throws(Failure) {
        guard let guest = target.pointee.guest, let form = VirtualInterruptControl(rawValue: form) else {
            throw .unsupported
        }
        let index = caller.pointee.frame.x[2]
        let value = caller.pointee.frame.x[3]
        guard index < form.indexLimit else { throw .badArgument }
        // A timer's level is that of its hardware line.
        guard form != .setLevel || index >= 32 || VirtualInterrupts.hardwareMask & 1 << index == 0 else {
            throw .badArgument
        }
        switch form {
        case .readWord:
            readWord(
                caller, guest, Int(index), isLoaded: core.pointee.loaded == target,
                isElsewhere: target.pointee.isPlaced && target.pointee.core != core.pointee.id)
        case .readPriority: caller.pointee.frame.x[2] = UInt64(guest.pointee.priority[Int(index)])
        default:
            let news = change(core, target, guest, form, Int(truncatingIfNeeded: index), value)
            // The virtual CPU has no core yet. The core that runs it first will look at its interrupts.
            guard target.pointee.isPlaced else { return guest.pointee.isDirty.store(1) }
            switch news {
            case .none: break
            case .later: guest.pointee.isDirty.store(1)
            case .gain(let bits, let word): touch(core, target, guest, ifDeliverable: bits, in: word)
            case .now: touch(core, target, guest)
            }
        }
    }

    /// The consequence of a change of a virtual CPU's interrupt state for its core.
    private enum News {
        /// Nothing has changed.
        case none
        /// The virtual CPU's own next entry is early enough.
        case later
        /// These interrupts may have become deliverable.
        case gain(UInt64, word: Int)
        /// The list registers may have to change.
        case now

        /// Returns the consequence of setting `bits`, which were not set before and may be deliverable now.
        static func gained(_ bits: UInt64, _ word: Int) -> News { bits == 0 ? .none : .gain(bits, word: word) }
    }

    private static func change(
        _ core: Ref<Core>, _ target: Ref<ExecutionContext>, _ guest: Ref<VirtualCPU>, _ form: VirtualInterruptControl,
        _ index: Int,
        _ value: UInt64
    ) -> News {
        let mask = value & 0xFFFF_FFFF
        switch form {
        case .enable: return .gained(mask & ~guest.pointee.enabled[index].set(mask), index)
        case .disable:
            let changed = mask & guest.pointee.enabled[index].clear(mask)
            // Reads `listed` last, because `place` sets it before it clears `pending`.
            let used =
                guest.pointee.pending[index].load() | guest.pointee.level[index].load() | guest.pointee.listed[index]
            return changed == 0 ? .none : changed & used != 0 ? .now : .later
        case .setPending: return .gained(mask & ~guest.pointee.pending[index].set(mask), index)
        case .clearPending:
            let changed = mask & guest.pointee.pending[index].clear(mask)
            // The interrupt may still be pending in a list register. `harvest` takes it out, but only the virtual
            // CPU's own core may request that.
            guard target.pointee.isPlaced, target.pointee.core == core.pointee.id else {
                return changed == 0 ? .none : .later
            }
            guest.pointee.latched[index] = guest.pointee.latched[index] & ~mask
            return .now
        case .setActive:
            let wanted = mask & ~guest.pointee.listed[index]
            return wanted & ~guest.pointee.active[index].set(wanted) == 0 ? .none : .now
        case .clearActive: return .gained(mask & guest.pointee.active[index].clear(mask), index)
        case .setEdge:
            // The timers' interrupts are level-sensitive, whatever a guest configures.
            let edge = index == 0 ? mask & ~VirtualInterrupts.hardwareMask : mask
            return guest.pointee.edge[index].exchange(edge) == edge ? .none : .now
        case .setPriority:
            let isSame = guest.pointee.priority[index] == UInt8(truncatingIfNeeded: value)
            guest.pointee.priority[index] = UInt8(truncatingIfNeeded: value)
            return isSame ? .none : .gain(1 << UInt64(index & 31), word: index >> 5)
        case .setLevel: return setLevel(guest, 1 << UInt64(index & 31), index >> 5, isHigh: value != 0)
        case .setForwarding: return guest.pointee.forwarding.exchange(value & 1) == value & 1 ? .none : .now
        case .readWord, .readPriority: return .none
        }
    }

    private static func setLevel(_ guest: Ref<VirtualCPU>, _ bit: UInt64, _ word: Int, isHigh: Bool) -> News {
        guard isHigh else {
            guard guest.pointee.level[word].clear(bit) & bit != 0 else { return .none }
            return guest.pointee.enabled[word].load() & bit != 0 ? .now : .later
        }
        guard guest.pointee.level[word].set(bit) & bit == 0 else { return .none }
        if guest.pointee.edge[word].load() & bit != 0 { guest.pointee.pending[word].set(bit) }
        return .gain(bit, word: word)
    }

    /// Returns the timers whose lines are high. Their interrupts are pending for that reason, enabled or not, active
    /// or not (IHI 0069, 4.1.2: a level-sensitive interrupt). Time also passes for the timers of a virtual CPU that
    /// is not loaded.
    private static func assertedTimers(_ guest: Ref<VirtualCPU>, isLoaded: Bool) -> UInt64 {
        let now = isLoaded ? Ticks(0) : M.now
        func line(_ timer: UInt32) -> UInt64 {
            let isHigh = isLoaded ? M.isTimerAsserted(timer) : M.timerDeadline(guest, timer) <= now
            return isHigh ? 1 << UInt64(timer) : 0
        }
        return line(VirtualInterrupts.virtualTimer) | line(VirtualInterrupts.physicalTimer)
    }

    /// Reads a word of the interrupt state. The list registers of a virtual CPU that is loaded on another core cannot
    /// be read from here. Its interrupts count as pending if they were pending when they were put into a list
    /// register, and as active if they were last saved as active (docs/caveats.md).
    private static func readWord(
        _ caller: Ref<ExecutionContext>, _ guest: Ref<VirtualCPU>, _ word: Int, isLoaded: Bool, isElsewhere: Bool
    ) {
        var pending = guest.pointee.pending[word].load()
        var active = guest.pointee.active[word].load()
        let edge = guest.pointee.edge[word].load()
        let timers = word == 0 ? VirtualInterrupts.hardwareMask : 0
        // A timer's registers are more accurate than `level`.
        pending |= guest.pointee.level[word].load() & ~edge & ~timers
        if word == 0, !isElsewhere { pending |= assertedTimers(guest, isLoaded: isLoaded) }
        // The interrupt may have been taken meanwhile, but an event twice is better than an event lost.
        if isElsewhere { pending |= guest.pointee.listed[word] & (guest.pointee.latched[word] | timers) }
        var rest = guest.pointee.usedListRegisters[0]
        while rest != 0 {
            let index = rest.trailingZeroBitCount & 15
            rest &= rest &- 1
            let register =
                isLoaded ? M.listRegister(index) : ListRegister(bits: guest.pointee.savedListRegisters[index])
            guard Int(register.interrupt >> 5) == word else { continue }
            let bit: UInt64 = 1 << UInt64(register.interrupt & 31)
            // An interrupt that is there only for its line is pending as long as the line is high.
            if register.isPending, guest.pointee.latched[word] & bit != 0 { pending |= bit }
            if register.isActive { active |= bit }
        }
        caller.pointee.frame.x[2] = guest.pointee.enabled[word].load()
        caller.pointee.frame.x[3] = pending
        caller.pointee.frame.x[4] = active
        caller.pointee.frame.x[5] = edge
    }
}

extension Kernel {
    /// Resets all of a stopped virtual CPU's interrupts, one word at a time, because other cores may be changing
    /// them.
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
    /// The exclusive upper bound of `x2`.
    var indexLimit: UInt64 {
        switch self {
        case .setPriority, .setLevel, .readPriority: UInt64(VirtualInterrupts.count)
        case .setForwarding: .max
        default: UInt64(VirtualInterrupts.words)
        }
    }
}
