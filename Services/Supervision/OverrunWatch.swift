/// Decides when the supervisor looks at its tenants' budgets: at the first overrun at once, and then at most once in an
/// interval. A tenant that nobody has asked since its last overrun rings no more, so that each wakes the supervisor
/// once in an interval at most, however often its budget runs out.
public struct OverrunWatch {
    private let interval: UInt64
    /// The time of the next look, if there is news.
    public private(set) var deadline: UInt64?
    /// The time before which there is no look.
    private var earliest: UInt64 = 0

    /// - Parameter interval: In ticks.
    public init(interval: UInt64) { self.interval = interval }

    /// Notes that some budget has run out.
    public mutating func noteNews() { deadline = earliest }

    public func isDue(at now: UInt64) -> Bool { deadline.map { $0 <= now } ?? false }

    /// Begins a look.
    public mutating func begin(at now: UInt64) {
        deadline = nil
        earliest = now &+ interval
    }
}
