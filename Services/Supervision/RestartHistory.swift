/// The times of the latest restarts of a part of the system.
public struct RestartHistory {
    /// The times of the last `count` restarts, the oldest first, at most `RestartPolicy.maximumLimit`.
    private var times = InlineArray<16, UInt64>(repeating: 0)
    private var count = 0

    public init() {}

    /// Decides on the part that died at `now`, and remembers a restart. Times must not go backwards.
    public mutating func death(at now: UInt64, _ policy: RestartPolicy) -> Outcome {
        forget(before: now, policy.span)
        guard count < policy.limit else { return .exhausted }
        let delay = policy.delay(afterRestarts: count)
        times[count] = now
        count += 1
        return .restart(number: count, delay: delay)
    }

    public enum Outcome: Equatable {
        /// The part restarts `delay` ticks from now. `number` counts the restarts within the `span` of the policy,
        /// with this one.
        case restart(number: Int, delay: UInt64)
        case exhausted
    }

    /// Forgets restarts that lie `span` or more ticks back.
    private mutating func forget(before now: UInt64, _ span: UInt64) {
        var old = 0
        while old < count, now &- times[old] >= span { old += 1 }
        guard old > 0 else { return }
        for index in old..<count { times[index - old] = times[index] }
        count -= old
    }
}
