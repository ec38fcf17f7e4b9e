import ABI

/// A span of time in nanoseconds. A longer span than 584 years counts as 584 years, because a peer may send any
/// number.
public struct Interval: Equatable, Sendable {
    public var nanoseconds: UInt64
    public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }
    public static func microseconds(_ count: UInt64) -> Interval { Interval(count, times: 1_000) }
    public static func milliseconds(_ count: UInt64) -> Interval { Interval(count, times: 1_000_000) }
    public static func seconds(_ count: UInt64) -> Interval { Interval(count, times: 1_000_000_000) }

    private init(_ count: UInt64, times factor: UInt64) {
        let (product, overflow) = count.multipliedReportingOverflow(by: factor)
        nanoseconds = overflow ? .max : product
    }

    /// The span in ticks of `Clock`, rounded up so that an alarm never comes too early.
    public var ticks: UInt64 {
        let frequency = Clock.frequency
        let rest = (nanoseconds % 1_000_000_000 * frequency + 999_999_999) / 1_000_000_000
        return nanoseconds / 1_000_000_000 * frequency + rest
    }
}

/// A moment, in ticks since the board started.
public struct Instant: Equatable, Comparable, Sendable {
    public var ticks: UInt64
    public init(ticks: UInt64) { self.ticks = ticks }
    public static var now: Instant { Instant(ticks: Clock.now) }
    public static func + (moment: Instant, interval: Interval) -> Instant {
        let (sum, overflow) = moment.ticks.addingReportingOverflow(interval.ticks)
        return Instant(ticks: overflow ? .max : sum)
    }
    public static func < (left: Instant, right: Instant) -> Bool { left.ticks < right.ticks }
}

/// Raises events in a notification at a given time. A notification has one deadline, and a new one replaces it.
public struct Alarm: Sendable {
    public let events: Events
    public let notification: Notification

    public init(raising events: Events, in notification: Notification = .own) {
        self.events = events
        self.notification = notification
    }

    @discardableResult
    public func set(at moment: Instant) -> Status {
        setTimer(notification.slot, deadline: moment.ticks, bits: events.bits)
    }

    @discardableResult
    public func set(after interval: Interval) -> Status { set(at: .now + interval) }

    @discardableResult
    public func cancel() -> Status {
        invoke(.timer, Selector(slot: notification.slot, form: TimerForm.cancel.rawValue)).status
    }
}
