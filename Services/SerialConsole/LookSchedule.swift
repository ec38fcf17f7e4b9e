/// Decides when the console driver looks at its clients: at most once in each interval, however often it is called.
///
/// Anybody can call the driver, at any rate, so a call must not cost the driver's time. While there is something to do
/// the driver is deaf to calls and looks once per interval, by the clock. Only when there was nothing to do for an
/// interval it listens again, and then the first call wakes it at once. (Network drivers do the same with interrupts:
/// interrupt mitigation.)
public struct LookSchedule {
    public enum Step: Equatable, Sendable {
        /// Move bytes now.
        case look
        /// Wait for the clock alone, until this many ticks.
        case sleep(until: UInt64)
        /// Wait for a call, or an interrupt of the port; then call `heard`.
        case listen
    }

    /// Ticks from one look to the next.
    private let interval: UInt64
    /// No look comes before this many ticks.
    private var earliest: UInt64 = 0
    /// Somebody called since the last look. At the start, what came while there was no driver counts.
    private var wasCalled = true

    public init(interval: UInt64) { self.interval = interval }

    /// Notes that somebody called while the driver listened.
    public mutating func heard() { wasCalled = true }

    /// Returns what to do now. After `look` it must be done: the step counts as the look of its interval.
    ///
    /// - Parameters:
    ///   - now: The clock, in ticks.
    ///   - hasMore: The last look left something.
    ///   - takeCalls: Forgets the calls that came while nobody listened, and returns whether there were some.
    public mutating func next(at now: UInt64, hasMore: Bool, takeCalls: () -> Bool) -> Step {
        guard now >= earliest else { return .sleep(until: earliest) }
        let isCalled = takeCalls()
        guard isCalled || wasCalled || hasMore else { return .listen }
        wasCalled = false
        earliest = now &+ interval
        return .look
    }
}
