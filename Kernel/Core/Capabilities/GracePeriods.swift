import ABI

// Grace periods: a grace period is the time from a removal until no core uses the removed object.
//
// A core looks objects up without a lock and uses them until it leaves the kernel. Meanwhile it may have put them
// into an inbox. So a grace period has two stages. First each core that is in the kernel must leave it. Entries are
// bounded, so no core is interrupted for this. Then each core must work off the inbox lists whose items were posted
// before; each poster has interrupted the receiver, or will. `Kernel+Revoke.swift` waits for grace periods;
// Kernel/Proofs/grace.pml checks them.
//
// This needs the following order (DDI 0487, B2.3). A core that enters stores `inside`, executes a full barrier, and
// then looks objects up. A revoker removes an object, executes a full barrier, and then loads `inside`. Both barriers
// order a store before a later load, so either the revoker sees the core inside, or the core's look-ups see the
// removal. A core that leaves stores 0 with release after its last use, and the revoker's load acquires it.

/// Consecutively numbered grace periods, which all revokers share: each revoker advances the current period when it
/// calls. Requires the lock.
struct GracePeriods {
    enum Stage: UInt8 {
        case none
        /// Cores that were inside must leave the kernel.
        case leaving
        /// Each core must work off the items that were in its inbox when this stage began.
        case draining
    }

    /// The number of periods that have ended.
    var ended: UInt64
    var stage: Stage
    /// For each core: the number of the entry that it must leave, or the value that its `lists` must reach. 0 if the
    /// period does not wait for the core.
    var awaited: InlineArray<8, UInt64>
}

extension Kernel {
    // MARK: Entering and leaving

    /// Begins an entry, as the vectors do in assembly. Each object that this core looks up from here on counts as
    /// used until `leave`.
    @inline(__always)
    public static func enter(_ core: Ref<Core>) {
        core.pointee.entries = core.pointee.entries &+ 1
        core.pointee.inside.relaxedStore(core.pointee.entries)
        M.orderAll()
    }

    /// Ends an entry. This core no longer uses any object that it has looked up.
    @inline(__always)
    public static func leave(_ core: Ref<Core>) { core.pointee.inside.store(0) }

    // MARK: Waiting

    /// Returns whether a grace period has passed since the last descendant of `slot` was removed. Advances the
    /// periods as far as possible now: at most two periods, with a look at each core in each stage.
    static func hasGracePassed(_ core: Ref<Core>, _ slot: Ref<Capability>) -> Bool {
        let board = M.board
        guard board.pointee.coreCount > 1 else { return isDrained(core) }
        if slot.pointee.extra >> Revocation.graceShift == 0 {
            // The current period may have begun before the removal.
            let next = board.pointee.grace.ended &+ (board.pointee.grace.stage == .none ? 1 : 2)
            slot.mark(next << Revocation.graceShift)
        }
        let awaited = slot.pointee.extra >> Revocation.graceShift
        while board.pointee.grace.ended < awaited {
            guard advanceGrace(core) else { return false }
        }
        return true
    }

    /// Begins a period if none is in progress, and advances it. Returns true if it has ended.
    private static func advanceGrace(_ core: Ref<Core>) -> Bool {
        let board = M.board
        if board.pointee.grace.stage == .none {
            M.orderAll()
            forEachCore { index, other in
                // The current entry uses no object that it has not looked up under the lock.
                board.pointee.grace.awaited[index] = other == core ? 0 : other.pointee.inside.load()
            }
            board.pointee.grace.stage = .leaving
        }
        if board.pointee.grace.stage == .leaving {
            guard isFinished(hasLeft) else { return false }
            forEachCore { index, other in
                board.pointee.grace.awaited[index] = isDrained(other) ? 0 : (other.pointee.lists.load() &+ 3) & ~1
            }
            board.pointee.grace.stage = .draining
        }
        guard isFinished(hasDrained) else { return false }
        board.pointee.grace.stage = .none
        board.pointee.grace.ended = board.pointee.grace.ended &+ 1
        return true
    }

    /// Returns whether the stage waits for no core any more. A core that has done its part once need not do it again.
    @inline(__always)
    private static func isFinished(_ hasDone: (Ref<Core>, UInt64) -> Bool) -> Bool {
        let board = M.board
        var isFinished = true
        forEachCore { index, other in
            let awaited = board.pointee.grace.awaited[index]
            guard awaited != 0 else { return }
            if hasDone(other, awaited) { board.pointee.grace.awaited[index] = 0 } else { isFinished = false }
        }
        return isFinished
    }

    private static func hasLeft(_ other: Ref<Core>, _ entry: UInt64) -> Bool { other.pointee.inside.load() != entry }

    /// Returns whether the core has worked off a list that it took out after the stage began, or has none.
    private static func hasDrained(_ other: Ref<Core>, _ lists: UInt64) -> Bool {
        other.pointee.lists.load() >= lists || isDrained(other)
    }

    /// Returns whether a core has worked off all items that were posted before. Loads `inbox` before `lists`, because
    /// `lists` becomes odd before `inbox` becomes 0.
    private static func isDrained(_ other: Ref<Core>) -> Bool {
        other.pointee.inbox.load() == 0 && other.pointee.lists.load() & 1 == 0
    }

    @inline(__always)
    private static func forEachCore(_ body: (Int, Ref<Core>) -> Void) {
        for index in 0..<min(Int(M.board.pointee.coreCount), CoreID.maximum) {
            if let other = M.board.pointee.cores[index] { body(index, other) }
        }
    }
}
