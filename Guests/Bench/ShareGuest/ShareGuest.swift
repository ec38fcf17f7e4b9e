import GuestHardware
import GuestSupport

/// Computes without pause. Four times a second it prints its share of the core's time, and its longest time off the
/// core: `share: 98 percent, longest absence 10000 us`.
@c(guest_main)
public func guestMain() {
    SerialPort.initialize()
    let microsecond = max(guest_counter_frequency() / 1_000_000, 1)
    while true {
        let window = Absences(microsecond: microsecond, duration: 250_000 * microsecond)
        write("share: ")
        write(decimal: 100 - min(window.total * 100 / window.elapsed, 100))
        write(" percent, longest absence ")
        write(decimal: window.longest / microsecond)
        write(" us")
        endLine()
    }
}

/// The times at which another tenant had the core. A piece of work of some microseconds then took much longer.
private struct Absences {
    private(set) var total: UInt64 = 0
    private(set) var longest: UInt64 = 0
    private(set) var elapsed: UInt64 = 0

    init(microsecond: UInt64, duration: UInt64) {
        let start = guest_counter()
        var last = start
        while elapsed < duration {
            guest_loop_empty(1000)
            let now = guest_counter()
            let taken = now &- last
            if taken > 100 * microsecond {
                total += taken
                longest = max(longest, taken)
            }
            last = now
            elapsed = now &- start
        }
    }
}
