/// When a part of the system was restarted lately.
public struct RestartHistory {
    /// Restarts that can be remembered, and so the largest limit of a policy.
    public static let capacity = 16

    /// The last `count` of them, the oldest first.
    private var times = InlineArray<16, UInt64>(repeating: 0)
    private var count = 0

    public init() {}

    /// What becomes of the part that died at `now`. A restart is remembered; times must not go backwards.
    public mutating func death(at now: UInt64, _ policy: RestartPolicy) -> Outcome {
        forget(before: now, policy.window)
        guard count < policy.limit else { return .exhausted }
        let delay = policy.delay(afterRestarts: count)
        times[count] = now
        count += 1
        return .restart(number: count, delay: delay)
    }

    public enum Outcome: Equatable {
        /// The `number`th of its window, `delay` ticks from now.
        case restart(number: Int, delay: UInt64)
        case exhausted
    }

    /// Restarts that lie `window` or more ticks back do not count any longer.
    private mutating func forget(before now: UInt64, _ window: UInt64) {
        var old = 0
        while old < count, now &- times[old] >= window { old += 1 }
        guard old > 0 else { return }
        for index in old..<count { times[index - old] = times[index] }
        count -= old
    }
}
