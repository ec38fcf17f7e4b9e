import ABI
import Supervision

/// Decides how long a machine that resets itself waits before it starts again. Otherwise a guest that resets in a loop
/// would have its memory cleared without end.
///
/// The first reset does not wait, nor does one of a machine that has run for `span` since its last reset. Each
/// further one waits twice as long as the one before it, from 100 ms to 5 s: the times of a manifest's `restart`.
public struct ResetBackoff {
    /// The time within which a further reset has to wait, in ticks from `lastStart` on.
    private let span: UInt64
    private let policy: RestartPolicy
    /// The time at which the machine started again after its last reset, in ticks; nil before the first.
    private var lastStart: UInt64?
    /// The number of consecutive resets that came too soon.
    private var hasty = 0

    public init(ticksPerMillisecond ticks: UInt64) {
        span = 10_000 &* ticks
        policy = RestartPolicy(
            limit: RestartPolicy.maximumLimit, span: span, backoff: 100 &* ticks, backoffLimit: 5000 &* ticks,
            onLimit: .stop)
    }

    /// Returns how many ticks a reset at `now` must wait, and records it. Times must not decrease.
    public mutating func reset(at now: UInt64) -> UInt64 {
        if let lastStart, now &- lastStart < span {
            hasty = min(hasty + 1, RestartPolicy.maximumLimit)
        } else {
            hasty = 0
        }
        let delay = hasty == 0 ? 0 : policy.delay(afterRestarts: hasty - 1)
        lastStart = now &+ delay
        return delay
    }
}
