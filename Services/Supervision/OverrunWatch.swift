/// Decides when the supervisor looks at its tenants' budgets: at once after the first overrun, and then at most once
/// in an interval. The kernel does not report a tenant again before the supervisor has asked for its overruns, so
/// that each tenant wakes the supervisor at most once in an interval, even if its budget runs out more often.
public struct OverrunWatch {
    private let interval: UInt64
    /// The time of the next look, or nil if no budget has run out since the last one.
    public private(set) var deadline: UInt64?
    /// The earliest time of the next look.
    private var earliest: UInt64 = 0

    /// Makes a watch that has seen no overrun.
    ///
    /// - Parameter interval: the interval in ticks.
    public init(interval: UInt64) { self.interval = interval }

    /// Notes that a budget has run out.
    public mutating func noteNews() { deadline = earliest }

    public func isDue(at now: UInt64) -> Bool { deadline.map { $0 <= now } ?? false }

    /// Begins a look.
    public mutating func begin(at now: UInt64) {
        deadline = nil
        earliest = now &+ interval
    }
}
