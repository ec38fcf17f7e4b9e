import ABI

/// The limits for restarts of a part of the system: their number, their delays, and the action beyond the limit.
///
/// Times are ticks of the caller's clock.
public struct RestartPolicy: Equatable, Sendable {
    /// The largest limit, which is the number of restarts that `RestartHistory` can remember.
    public static let maximumLimit = 16

    /// The number of restarts within `span`, 0…`maximumLimit`. A part with the limit 0 never restarts.
    public var limit: Int
    /// The time within which restarts count for `limit`.
    public var span: UInt64
    /// The delay of the first restart within `span`. Each further restart waits twice as long as the one before it.
    public var backoff: UInt64
    /// The longest delay of a restart.
    public var backoffLimit: UInt64
    public var onLimit: OnLimit

    public init(limit: Int, span: UInt64, backoff: UInt64, backoffLimit: UInt64, onLimit: OnLimit) {
        self.limit = min(max(limit, 0), Self.maximumLimit)
        self.span = span
        self.backoff = backoff
        self.backoffLimit = backoffLimit
        self.onLimit = onLimit
    }

    /// Converts the image's record for a clock with so many ticks per millisecond.
    public init(_ record: SupervisionRecord, ticksPerMillisecond ticks: UInt64) {
        self.init(
            limit: Int(truncatingIfNeeded: record.limit & 0xFFFF), span: record.span &* ticks,
            backoff: record.backoff &* ticks, backoffLimit: record.backoffLimit &* ticks,
            onLimit: record.onLimit == OnLimit.stop.rawValue ? .stop : .escalate)
    }

    /// Returns the delay of a restart before which `earlier` restarts lie within `span`.
    public func delay(afterRestarts earlier: Int) -> UInt64 {
        var delay = min(backoff, backoffLimit)
        for _ in 0..<max(earlier, 0) where delay < backoffLimit {
            delay = delay > backoffLimit / 2 ? backoffLimit : delay * 2
        }
        return delay
    }
}
