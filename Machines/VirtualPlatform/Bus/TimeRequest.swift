import Synchronization

#if !hasFeature(Embedded)
    import SharedAccess
#endif

/// The time at which the devices of a machine must next be told that time has passed (`MachineUnits.watch`).
///
/// A guest that sets and clears deadlines without end causes only one additional call of `watch` for each regular one.
/// A device asks for a call only after the call that follows the previous request. A request that comes while `watch`
/// runs asks for none, because `watch` notices it at its end and returns the shortest time.
struct TimeRequest: ~Copyable, Sendable {
    let word = SharedUInt64(State.none)

    /// The values of the word. From 1 to 16 the word is the time for which the timer was set.
    private enum State {
        static let none: UInt64 = 0
        /// A device has asked for a call.
        static let asked: UInt64 = 17
        /// `watch` asks the devices.
        static let watching: UInt64 = 18
        /// A device has asked for a call while `watch` was asking the devices.
        static let missed: UInt64 = 19
    }

    /// Records that a device needs a call of `watch`.
    /// - Parameter sixteenths: the time in sixteenths of a second, from 1 to 16.
    /// - Returns: true if the caller must arrange the call.
    func ask(within sixteenths: UInt64) -> Bool {
        var seen = word.load(ordering: .sequentiallyConsistent)
        // The loop repeats only if `watch` begins or ends meanwhile. After another request it ends.
        while true {
            if seen == State.asked || seen == State.missed { return false }
            if seen != State.none && seen <= sixteenths { return false }
            let next = seen == State.watching ? State.missed : State.asked
            let (exchanged, original) = word.compareExchange(
                expected: seen, desired: next, ordering: .sequentiallyConsistent)
            if exchanged { return next == State.asked }
            seen = original
        }
    }

    /// Begins a call of `watch`. Only one thread may call it.
    /// - Returns: whether a device had asked for this call; nil if no call is needed.
    func begin() -> Bool? {
        guard word.load(ordering: .sequentiallyConsistent) != State.none else { return nil }
        return word.exchange(State.watching, ordering: .sequentiallyConsistent) == State.asked
    }

    /// Ends the call of `watch` that `begin` has begun.
    /// - Parameters:
    ///   - sixteenths: the time that the devices need, or nil.
    ///   - wasAsked: the result of `begin`.
    /// - Returns: the time of the next call. After a request it is the shortest, because another may come at any time.
    func end(_ sixteenths: UInt64?, wasAsked: Bool) -> UInt64? {
        let next = wasAsked ? 1 : sixteenths
        let (exchanged, _) = word.compareExchange(
            expected: State.watching, desired: next ?? State.none, ordering: .sequentiallyConsistent)
        if exchanged { return next }
        word.store(1, ordering: .sequentiallyConsistent)
        return 1
    }

    func reset() { word.store(State.none, ordering: .sequentiallyConsistent) }
}
