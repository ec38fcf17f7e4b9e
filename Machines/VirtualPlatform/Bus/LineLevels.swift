import Synchronization

#if !hasFeature(Embedded)
    import SharedAccess
#endif

/// The levels of the lines between a machine's devices and its interrupt controller.
///
/// A device's line is changed under the lock of that device, and by no other thread. The interrupt controller follows
/// the levels under its own lock (`InterruptController.takeOver`), so that a device never waits for the controller.
public struct LineLevels: ~Copyable, Sendable {
    /// The interrupts 32…127, a word for each 32 of them. The low half of a word has the levels of the lines, which the
    /// devices set. The high half has the levels that the controller has followed. A thread may stop between the change
    /// of a level and the controller's turn. Every later access to that device finds the two halves different, and lets
    /// the controller follow.
    private let words: InlineArray<3, SharedUInt64>

    init() { words = InlineArray { _ in SharedUInt64(0) } }

    /// Returns the levels of the 32 interrupts of a word.
    /// - Parameter word: 1…3.
    func levels(ofWord word: Int) -> UInt32 {
        UInt32(truncatingIfNeeded: words[word - 1].load(ordering: .sequentiallyConsistent))
    }

    /// Records that the controller has followed these levels. The caller holds the controller's lock.
    /// - Parameter word: 1…3.
    func setFollowed(_ levels: UInt32, word: Int) {
        // Only a holder of the controller's lock changes this half. The sum leaves the other half alone.
        let before = words[word - 1].load(ordering: .relaxed) >> 32
        _ = words[word - 1].wrappingAdd((UInt64(levels) &- before) << 32, ordering: .sequentiallyConsistent)
    }

    /// Sets the level of a line whose device's lock the caller holds.
    /// - Parameter interrupt: 32…127.
    /// - Returns: true if the controller has not followed this level. Then the caller makes it follow.
    @inline(__always)
    func set(_ interrupt: InterruptID, high: Bool) -> Bool {
        let both = UInt64(interrupt.bit) << 32 | UInt64(interrupt.bit)
        // Only a holder of the device's lock changes the low bit, so that a relaxed load returns its present value. A
        // thread that changed the level just before returns true from this function as well.
        let before = words[interrupt.word - 1].load(ordering: .relaxed) & both
        guard before != (high ? both : 0) else { return false }
        change(interrupt, high: high)
        return true
    }

    /// Changes the level before the caller looks at the lock of the controller, so that a holder who releases that
    /// lock afterwards sees the level.
    @inline(never)
    private func change(_ interrupt: InterruptID, high: Bool) {
        let bit = UInt64(interrupt.bit)
        if high {
            _ = words[interrupt.word - 1].bitwiseOr(bit, ordering: .sequentiallyConsistent)
        } else {
            _ = words[interrupt.word - 1].bitwiseAnd(~bit, ordering: .sequentiallyConsistent)
        }
    }
}
