import Synchronization

#if hasFeature(Embedded)
    typealias SharedUInt32 = Atomic<UInt32>
#else
    import SharedAccess
#endif

/// The levels of the lines between a machine's devices and its interrupt controller.
///
/// A device's line is changed under the lock of that device, and by no other thread. The interrupt controller follows
/// the levels under its own lock (`InterruptController.takeOver`), so that a device never waits for the controller.
public struct LineLevels: ~Copyable, Sendable {
    /// The levels of the interrupts 32…127, a bit for each, in the distributor's words 1…3.
    private let words: InlineArray<3, SharedUInt32>

    init() { words = InlineArray { _ in SharedUInt32(0) } }

    /// Returns the levels of the 32 interrupts of a word.
    /// - Parameter word: 1…3.
    func levels(ofWord word: Int) -> UInt32 { words[word - 1].load(ordering: .sequentiallyConsistent) }

    /// Sets the level of a line whose device's lock the caller holds.
    /// - Parameter interrupt: 32…127.
    /// - Returns: true if the level has changed. Then the caller makes the interrupt controller follow.
    @inline(__always)
    func set(_ interrupt: InterruptID, high: Bool) -> Bool {
        // Only a holder of the device's lock changes this bit, so that a relaxed load returns its present value.
        let before = words[interrupt.word - 1].load(ordering: .relaxed) & interrupt.bit
        guard (before != 0) != high else { return false }
        change(interrupt, high: high)
        return true
    }

    /// Changes the level before the caller looks at the lock of the controller, so that a holder who releases that
    /// lock afterwards sees the level.
    @inline(never)
    private func change(_ interrupt: InterruptID, high: Bool) {
        if high {
            _ = words[interrupt.word - 1].bitwiseOr(interrupt.bit, ordering: .sequentiallyConsistent)
        } else {
            _ = words[interrupt.word - 1].bitwiseAnd(~interrupt.bit, ordering: .sequentiallyConsistent)
        }
    }
}
