import ABI

/// How often a part of the system may be restarted, how long each restart waits, and what happens beyond the limit.
///
/// Times are ticks of whatever clock the caller has.
public struct RestartPolicy: Equatable, Sendable {
    /// Restarts that `window` may hold, 0…`RestartHistory.capacity`. 0: never restarted.
    public var limit: Int
    public var window: UInt64
    /// The first restart of a window waits so long, each further one twice as long as the one before it.
    public var backoff: UInt64
    /// No restart waits longer.
    public var backoffLimit: UInt64
    public var onLimit: OnLimit

    public init(limit: Int, window: UInt64, backoff: UInt64, backoffLimit: UInt64, onLimit: OnLimit) {
        self.limit = min(max(limit, 0), RestartHistory.capacity)
        self.window = window
        self.backoff = backoff
        self.backoffLimit = backoffLimit
        self.onLimit = onLimit
    }

    /// What the image says, for a clock of so many ticks per millisecond.
    public init(_ record: SupervisionRecord, ticksPerMillisecond ticks: UInt64) {
        self.init(
            limit: Int(truncatingIfNeeded: record.limit & 0xFFFF), window: record.window &* ticks,
            backoff: record.backoff &* ticks, backoffLimit: record.backoffLimit &* ticks,
            onLimit: record.onLimit == OnLimit.stop.rawValue ? .stop : .escalate)
    }

    /// How long the restart waits that has `earlier` restarts before it in its window.
    public func delay(afterRestarts earlier: Int) -> UInt64 {
        var delay = min(backoff, backoffLimit)
        for _ in 0..<max(earlier, 0) where delay < backoffLimit {
            delay = delay > backoffLimit / 2 ? backoffLimit : delay * 2
        }
        return delay
    }
}
