import ABI
import Entente
import RuntimeSupport

// Measures its share of its core. It reads the clock in a loop. Time between two readings that exceeds a pass of the
// loop went to other tenants. Every argument 0 milliseconds it logs its share of the time since the last line. With
// argument 1 it ends its core's turn on the emulator after so many readings (InterruptFlood), so that the turns of the
// other cores look like time of other tenants.

@c(entente_main)
func ententeMain(_ argument: UInt64) {
    let interval = Clock.frequency * Configuration.current.arguments[0] / 1000
    let turn = Configuration.current.arguments[1]
    while true {
        let meter = Meter(interval: interval, turn: turn)
        log("share: \(meter.permille) permille, longest gap \(meter.longestGap * 1_000_000 / Clock.frequency) us")
    }
}

/// One measurement.
private struct Meter {
    private(set) var permille: UInt64
    private(set) var longestGap: UInt64 = 0

    /// The ticks of a pass, at most, also at 62.5 MHz, where a tick is 16 instructions of the emulator.
    private static let pass: UInt64 = 4

    /// Measures for `interval` ticks, and ends the emulator's turn after `turn` readings, unless it is 0.
    init(interval: UInt64, turn: UInt64) {
        let start = Clock.now
        var last = start
        var away: UInt64 = 0
        var readings: UInt64 = 0
        while last - start < interval {
            let now = Clock.now
            let gap = now - last
            if gap > Self.pass {
                away += gap
                longestGap = max(longestGap, gap)
            }
            last = now
            readings += 1
            if readings == turn {
                entente_spin_hint()
                readings = 0
            }
        }
        let passed = last - start
        permille = passed == 0 ? 0 : (passed - away) * 1000 / passed
    }
}
