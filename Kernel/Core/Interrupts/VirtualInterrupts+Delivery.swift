import ABI

// Delivery of pending interrupts through list registers. Runs on the virtual CPU's core while it is loaded.
//
// Each interrupt's state is in one location at a time: in a list register while the interrupt is `listed`, else in
// the words of `VirtualCPU`. `synchronise` moves it between the two. All other functions change words and set
// `isDirty`; `Kernel.resume` then calls `synchronise` before the virtual CPU runs.

extension Kernel {
    /// Brings the list registers up to date. Its work is bounded by the numbers of list registers and interrupts,
    /// even if other cores pend more meanwhile.
    @inline(never)
    public static func synchronise(_ guest: Ref<VirtualCPU>) {
        _ = guest.pointee.isDirty.exchange(0)
        harvest(guest)
        if hasActiveOutside(guest) { deactivateLost(guest) }
        var isAnyLeft = true
        for _ in 0..<placements {
            guard let found = mostUrgent(guest) else {
                isAnyLeft = false
                break
            }
            let hasRoom = (~guest.pointee.usedListRegisters[0]).trailingZeroBitCount < M.listRegisterCount
            // The interrupt is less urgent than all that are pending in list registers. Its turn comes when those are
            // taken, even if list registers stay in use by handlers that it may interrupt.
            if !place(guest, found.interrupt) { break }
            // No other interrupt needs a second look, unless one was evicted. An interrupt that arrives meanwhile
            // sets `isDirty` again.
            if found.isOnly, hasRoom {
                isAnyLeft = false
                break
            }
        }
        M.setMaintenance(nonePending: isAnyLeft, lostEnd: hasActiveOutside(guest))
        // The guest lowers a timer's line without an exit, so each entry must look again until the guest has taken
        // the interrupt.
        if guest.pointee.listed[0] & VirtualInterrupts.hardwareMask != 0, hasPendingTimer(guest) {
            guest.pointee.isDirty.store(1)
        }
    }

    /// Returns whether a list register holds a timer's interrupt that the guest has not taken.
    private static func hasPendingTimer(_ guest: Ref<VirtualCPU>) -> Bool {
        var rest = guest.pointee.usedListRegisters[0]
        while rest != 0 {
            let register = M.listRegister(rest.trailingZeroBitCount)
            rest &= rest &- 1
            if register.isHardware, register.isPending { return true }
        }
        return false
    }

    /// Handles the maintenance interrupt: the guest has ended an interrupt, or taken all that were pending. It may
    /// come when the guest sleeps already; then an interrupt that is placed now ends the sleep.
    public static func maintain(_ core: Ref<Core>) {
        guard let context = core.pointee.loaded, let guest = context.pointee.guest else { return }
        guest.pointee.isDirty.store(1)
        // `synchronise` silences the maintenance interrupt, and requests it again if needed.
        synchronise(guest)
        if context.pointee.state == .waitingForInterrupt, hasPendingListed(guest) { wake(core, context) }
    }

    /// The number of interrupts that one call places: as many as there are list registers, plus timers whose line is
    /// low again. More come only if other cores pend more urgent ones meanwhile; they wait for the next maintenance
    /// interrupt.
    static var placements: Int { 8 }

    /// Frees list registers whose interrupt has ended, takes back those that may no longer be pending, and merges new
    /// edges.
    @inline(__always)
    private static func harvest(_ guest: Ref<VirtualCPU>) {
        var rest = guest.pointee.usedListRegisters[0]
        while rest != 0 {
            let index = rest.trailingZeroBitCount
            rest &= rest &- 1
            var register = M.listRegister(index)
            let word = Int(register.interrupt >> 5) & 3
            let bit: UInt64 = 1 << UInt64(register.interrupt & 31)
            if register.isFree {
                // Written even so, because a list register that signals its end continues to do so until it is
                // overwritten.
                M.setListRegister(index, .empty)
                release(guest, index, word, bit)
                continue
            }
            if register.isPending, !mayStayPending(guest, register, word, bit) {
                takeBack(guest, index, register, word, bit)
            } else if isForwarded(guest, word, bit), guest.pointee.pending[word].load() & bit != 0 {
                if register.isPending {
                    guest.pointee.latched[word] = guest.pointee.latched[word] | bit
                    guest.pointee.pending[word].clear(bit)
                } else if !register.signalsEnd {
                    // The kernel must then deactivate the timer's physical interrupt, which `level` records.
                    if register.isHardware { guest.pointee.level[word].set(bit) }
                    // The interrupt stays pending in the words, so that further edges change nothing, and is placed
                    // when the guest has ended it.
                    register.signalEnd()
                    M.setListRegister(index, register)
                }
            }
        }
    }

    /// Takes a pending interrupt out of its list register. An interrupt that was pending by itself waits in the
    /// words. It is not active, because no code puts both states into a list register.
    private static func takeBack(
        _ guest: Ref<VirtualCPU>, _ index: Int, _ register: ListRegister, _ word: Int, _ bit: UInt64
    ) {
        keepPending(guest, register, word, bit)
        M.setListRegister(index, .empty)
        release(guest, index, word, bit)
    }

    /// Records in the words that an interrupt is pending by itself. One that is pending because its line is high
    /// needs no record, because the line stays high. For a timer, the physical interrupt is active, which `level`
    /// records.
    @inline(__always)
    private static func keepPending(_ guest: Ref<VirtualCPU>, _ register: ListRegister, _ word: Int, _ bit: UInt64) {
        if register.isHardware { guest.pointee.level[word].set(bit) }
        if guest.pointee.latched[word] & bit != 0 { guest.pointee.pending[word].set(bit) }
    }

    @inline(__always)
    private static func release(_ guest: Ref<VirtualCPU>, _ index: Int, _ word: Int, _ bit: UInt64) {
        guest.pointee.listed[word] = guest.pointee.listed[word] & ~bit
        guest.pointee.usedListRegisters[0] = guest.pointee.usedListRegisters[0] & ~(1 << UInt64(index))
    }

    /// Returns whether a pending interrupt may stay in its list register. It must leave if it was disabled, or its
    /// line went low before it was taken. A timer's line is read from hardware, because no event reports its change.
    private static func mayStayPending(
        _ guest: Ref<VirtualCPU>, _ register: ListRegister, _ word: Int, _ bit: UInt64
    ) -> Bool {
        guard isForwarded(guest, word, bit) else { return false }
        if guest.pointee.latched[word] & bit != 0 { return true }
        if register.isHardware { return M.isTimerAsserted(register.interrupt) }
        // A timer's interrupt without the physical one is there because it was latched.
        if word == 0, VirtualInterrupts.hardwareMask & bit != 0 { return false }
        return guest.pointee.level[word].load() & ~guest.pointee.edge[word].load() & bit != 0
    }

    @inline(__always)
    private static func isForwarded(_ guest: Ref<VirtualCPU>, _ word: Int, _ bit: UInt64) -> Bool {
        guest.pointee.forwarding.load() != 0 && guest.pointee.enabled[word].load() & bit != 0
    }

    /// Deactivates interrupts that the guest ended without a list register: for each end, the most urgent of those.
    @inline(never)
    static func deactivateLost(_ guest: Ref<VirtualCPU>) {
        var lost = M.takeLostEnds()
        while lost > 0, let interrupt = mostUrgent(guest, among: { $0.pointee.active[$1].load() })?.interrupt {
            let bit: UInt64 = 1 << UInt64(interrupt & 31)
            guest.pointee.active[Int(interrupt >> 5)].clear(bit)
            lost &-= 1
        }
    }

    /// Returns whether an interrupt is active without a list register.
    @inline(__always)
    static func hasActiveOutside(_ guest: Ref<VirtualCPU>) -> Bool {
        var all: UInt64 = 0
        for word in 0..<VirtualInterrupts.words { all |= guest.pointee.active[word].relaxedLoad() }
        return all != 0
    }

    /// Returns the interrupts of a word that should be in a list register and are in none.
    @inline(__always)
    static func deliverable(_ guest: Ref<VirtualCPU>, _ word: Int) -> UInt64 {
        let pending = guest.pointee.pending[word].load()
        let level = guest.pointee.level[word].load()
        guard pending | level != 0 else { return 0 }
        return (pending | level & ~guest.pointee.edge[word].load())
            & guest.pointee.enabled[word].load()
            & ~guest.pointee.active[word].load() & ~guest.pointee.listed[word]
    }

    /// Returns the interrupts of a word that may wait to be delivered. Ignores `listed`, because the guest may have
    /// ended such an interrupt since.
    @inline(__always)
    static func wanted(_ guest: Ref<VirtualCPU>, _ word: Int) -> UInt64 {
        let pending = guest.pointee.pending[word].load()
        let level = guest.pointee.level[word].load()
        guard pending | level != 0 else { return 0 }
        return (pending | level & ~guest.pointee.edge[word].load())
            & guest.pointee.enabled[word].load() & ~guest.pointee.active[word].load()
    }

    /// Returns whether an interrupt may wait to be delivered.
    static func mayHaveDeliverable(_ guest: Ref<VirtualCPU>) -> Bool {
        guard guest.pointee.forwarding.load() != 0 else { return false }
        for word in 0..<VirtualInterrupts.words where wanted(guest, word) != 0 { return true }
        return false
    }

    private static func mostUrgent(_ guest: Ref<VirtualCPU>) -> Candidate? {
        guard guest.pointee.forwarding.load() != 0 else { return nil }
        return mostUrgent(guest, among: { deliverable($0, $1) })
    }

    /// Returns the interrupt with the lowest priority value, and among those the lowest number.
    @inline(__always)
    private static func mostUrgent(
        _ guest: Ref<VirtualCPU>, among candidates: (Ref<VirtualCPU>, Int) -> UInt64
    ) -> Candidate? {
        var best: UInt32?
        var bestPriority: UInt8 = 255
        var isOnly = true
        for word in 0..<VirtualInterrupts.words {
            var bits = candidates(guest, word)
            while bits != 0 {
                let interrupt = UInt32(word) &* 32 &+ UInt32(truncatingIfNeeded: bits.trailingZeroBitCount)
                bits &= bits &- 1
                let priority = guest.pointee.priority[Int(interrupt)]
                if best != nil { isOnly = false }
                if best == nil || priority < bestPriority {
                    best = interrupt
                    bestPriority = priority
                }
            }
        }
        return best.map { Candidate(interrupt: $0, isOnly: isOnly) }
    }

    /// An interrupt that was found, and whether it was the only one.
    private struct Candidate {
        var interrupt: UInt32
        var isOnly: Bool
    }

    /// Puts an interrupt into a list register. Returns false if it must wait for one.
    @inline(__always)
    private static func place(_ guest: Ref<VirtualCPU>, _ interrupt: UInt32) -> Bool {
        let word = Int(interrupt >> 5)
        let bit: UInt64 = 1 << UInt64(interrupt & 31)
        var isHardware = false
        if word == 0, VirtualInterrupts.hardwareMask & bit != 0 {
            isHardware = takeDue(guest, interrupt, bit)
            // A timer's interrupt that software has pended comes without the physical interrupt.
            if !isHardware, guest.pointee.pending[0].load() & bit == 0 { return true }
        }
        let priority = guest.pointee.priority[Int(interrupt)]
        guard let index = freeListRegister(guest, below: priority) else {
            if isHardware { guest.pointee.level[0].set(bit) }
            return false
        }
        let isLevel = guest.pointee.edge[word].load() & bit == 0 && interrupt >= 16
        // Sets both before the interrupt stops being pending; see `change`, `disable`, `readWord`.
        guest.pointee.listed[word] = guest.pointee.listed[word] | bit
        guest.pointee.latched[word] = guest.pointee.latched[word] | bit
        if guest.pointee.pending[word].clear(bit) & bit == 0 {
            guest.pointee.latched[word] = guest.pointee.latched[word] & ~bit
        }
        guest.pointee.usedListRegisters[0] = guest.pointee.usedListRegisters[0] | 1 << UInt64(index)
        M.setListRegister(
            index, ListRegister(pending: interrupt, priority: priority, hardware: isHardware, signalsEnd: isLevel))
        return true
    }

    /// Returns whether a timer has interrupted and its line is still high. If so, the caller must end its physical
    /// interrupt. If the guest has moved the deadline meanwhile, the timer may interrupt again.
    @inline(never)
    private static func takeDue(_ guest: Ref<VirtualCPU>, _ interrupt: UInt32, _ bit: UInt64) -> Bool {
        guard guest.pointee.level[0].clear(bit) & bit != 0 else { return false }
        if M.isTimerAsserted(interrupt) { return true }
        M.deactivate(interrupt)
        return false
    }

    /// Returns a free list register. If there is none, evicts the least urgent pending interrupt below `priority` or,
    /// if all are active, the least urgent active one, whose state moves into the words. `harvest` has freed those
    /// that the guest has ended.
    private static func freeListRegister(_ guest: Ref<VirtualCPU>, below priority: UInt8) -> Int? {
        let free = ~guest.pointee.usedListRegisters[0]
        let index = free.trailingZeroBitCount
        if index < M.listRegisterCount { return index }
        var victim: Int?
        var victimPriority = priority
        var allActive = true
        for index in 0..<M.listRegisterCount {
            let register = M.listRegister(index)
            allActive = allActive && register.isActive
            if !register.isActive, register.priority > victimPriority {
                victim = index
                victimPriority = register.priority
            }
        }
        if victim == nil, allActive { victim = leastUrgentActive() }
        guard let victim else { return nil }
        evict(guest, victim)
        return victim
    }

    /// Returns the least urgent list register when all are active. Chooses a timer's only if there is no other,
    /// because its end reaches the physical interrupt only from a list register. Without one the interrupt may come
    /// once more.
    private static func leastUrgentActive() -> Int? {
        var victim: Int?
        var victimPriority: UInt8 = 0
        var victimIsHardware = true
        for index in 0..<M.listRegisterCount {
            let register = M.listRegister(index)
            if register.isHardware && !victimIsHardware { continue }
            if victim == nil || victimIsHardware && !register.isHardware || register.priority > victimPriority {
                victim = index
                victimPriority = register.priority
                victimIsHardware = register.isHardware
            }
        }
        return victim
    }

    /// Moves a list register's interrupt back into the words.
    private static func evict(_ guest: Ref<VirtualCPU>, _ index: Int) {
        let register = M.listRegister(index)
        let word = Int(register.interrupt >> 5) & 3
        let bit: UInt64 = 1 << UInt64(register.interrupt & 31)
        if register.isPending { keepPending(guest, register, word, bit) }
        if register.isActive {
            guest.pointee.active[word].set(bit)
            // Neither the guest's end nor a monitor's `clearActive` reaches the physical interrupt from here. It may
            // come once more before the guest has silenced its timer, and waits then.
            if register.isHardware { M.deactivate(register.interrupt) }
        }
        M.setListRegister(index, .empty)
        release(guest, index, word, bit)
    }
}
