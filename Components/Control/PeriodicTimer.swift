import Entente

/// Wakes its thread at multiples of the period, without drift.
struct PeriodicTimer {
    /// The period in ticks.
    let period: UInt64
    private(set) var deadline: UInt64
    /// The number of wake-ups so far.
    private(set) var count: UInt64 = 0
    /// The number of periods that were over before their wake-up came.
    private(set) var missed: UInt64 = 0

    private let alarm = Alarm(raising: .number(1))

    struct WakeUp {
        /// The first reading of the clock after the wake-up.
        var time: UInt64
        /// The ticks between the deadline and the wake-up.
        var latency: UInt64
    }

    init(microseconds: UInt64) {
        period = Clock.frequency * microseconds / 1_000_000
        deadline = (Clock.now / period + 1) * period
    }

    /// Sleeps until the next deadline. If it has passed already, the thread wakes at once.
    mutating func wait() -> WakeUp {
        alarm.set(at: Instant(ticks: deadline))
        var now: UInt64
        var events: Events
        repeat {
            events = Events.wait()
            now = Clock.now
        } while !events.contains(alarm.events)  // Console input raises an event, too.
        let latency = now - deadline
        count += 1
        missed += latency / period
        deadline += (latency / period + 1) * period
        return WakeUp(time: now, latency: latency)
    }
}
