import ABI
@_spi(Kernel) import Entente
import RuntimeSupport

// A component that does a little work in each period, and measures the longest time between two turns. Faults of other
// parts come in slots of the board's time, so it reports that time for each slot. If it has a paged file, it reads
// another page of it in each turn.
//
// Argument 0 is the period in microseconds. Arguments 1 to 3 are the start of the first slot, the length of a slot,
// both in microseconds of the board's time, and the number of slots. With argument 4 it prints a line in each turn.
//
// Guests/Linux/turns.c does the same in a machine, and prints the same lines.

@c(entente_main)
func ententeMain(_ argument: UInt64) {
    let arguments = Configuration.current.arguments
    let file = Configuration.resource(.file, named: "file")
    let alarm = Alarm(raising: .number(1))
    var slots = Slots(start: arguments[1], length: arguments[2], count: arguments[3])
    var turn: UInt64 = 0
    var beat = Instant.now
    log("turns: self born \(microseconds(Clock.now))")
    while true {
        turn += 1
        if let file { _ = entente_read64(file.address + turn * 4096 % file.size) }
        slots.note(microseconds(Clock.now))
        if arguments[4] != 0 { log("beat \(turn)") }
        beat = beat + .microseconds(arguments[0])
        // Turns that were missed are not made up for.
        if beat < Instant.now { beat = Instant.now }
        alarm.set(at: beat)
        // Input at the console raises an event, too.
        while !Events.wait().contains(alarm.events) {}
    }
}

private func microseconds(_ ticks: UInt64) -> UInt64 { ticks * 1000 / (Clock.frequency / 1000) }

/// The longest time without a turn in the present slot. It belongs to the slot in which it begins.
private struct Slots {
    let start: UInt64
    let length: UInt64
    let count: UInt64
    private var present: UInt64?
    private var last: UInt64?
    private var longest: UInt64 = 0
    private var turns: UInt64 = 0
    private var hasEnded = false

    init(start: UInt64, length: UInt64, count: UInt64) {
        (self.start, self.length, self.count) = (start, length, count)
    }

    mutating func note(_ now: UInt64) {
        if let last { longest = max(longest, now - last) }
        last = now
        guard now >= start, !hasEnded else {
            longest = 0
            return
        }
        let slot = (now - start) / length
        if let present, slot != present {
            log("turns: self slot \(present) gap \(longest) turns \(turns) lost 0")
            (longest, turns) = (0, 0)
        }
        if present == nil { longest = 0 }
        present = slot
        turns += 1
        if slot >= count {
            hasEnded = true
            log("turns: self end")
        }
    }
}
