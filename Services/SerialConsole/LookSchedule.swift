/// Decides when the console driver looks at its clients: at most once in each interval, even if clients signal it
/// more often.
///
/// Each client can signal the driver at any rate, so a signal must not cost the driver's time. While there is
/// something to do, the driver ignores signals and looks once per interval, by the clock. After an interval without
/// work it listens again, and then the first signal wakes it at once. Network drivers do the same with interrupts
/// (interrupt mitigation).
public struct LookSchedule {
    public enum Step: Equatable, Sendable {
        /// The driver moves bytes now.
        case look
        /// The driver waits for the clock alone, until this tick.
        case sleep(until: UInt64)
        /// The driver waits for a signal or an interrupt of the port, and then calls `heard`.
        case listen
    }

    /// The number of ticks from one look to the next.
    private let interval: UInt64
    /// The first tick at which a look may come.
    private var earliest: UInt64 = 0
    /// True if a signal came since the last look. It begins with true because of signals that came while there was no
    /// driver.
    private var wasCalled = true

    public init(interval: UInt64) { self.interval = interval }

    /// Notes that a signal came while the driver listened.
    public mutating func heard() { wasCalled = true }

    /// Returns the next step. After `look` the driver must look, because the step counts as the look of its interval.
    ///
    /// - Parameters:
    ///   - now: the clock, in ticks.
    ///   - hasMore: true if the last look left something.
    ///   - takeCalls: forgets the signals that came while the driver did not listen; returns true if there were some.
    public mutating func next(at now: UInt64, hasMore: Bool, takeCalls: () -> Bool) -> Step {
        guard now >= earliest else { return .sleep(until: earliest) }
        let isCalled = takeCalls()
        guard isCalled || wasCalled || hasMore else { return .listen }
        wasCalled = false
        earliest = now &+ interval
        return .look
    }
}
