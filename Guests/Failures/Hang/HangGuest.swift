import GuestHardware
import GuestSupport

/// Says every 200 ms that it is well, answers its watchdog and uses its disk if it has them, and does what its console
/// tells it to.
@c(guest_main)
public func guestMain() {
    SerialPort.initialize()
    let hasWatchdog = Watchdog.isThere
    InterruptController.initialize()
    guest_enable_interrupts()
    // Long enough for a host that is busy: a refresh that comes later than the second stage ends the machine.
    let offset = guest_counter_frequency()
    if hasWatchdog { Watchdog.start(offset: offset) }
    var witness = GuestWitness(hasWatchdog: hasWatchdog)
    var disk = DiskWitness()
    while true {
        witness.turn()
        disk?.takeTurn()
        while let letter = SerialPort.take() {
            switch letter {
            case Command.answer:
                answerInTime(offset)
                hang()
            case Command.hang: hang()
            default: witness.obey(letter)
            }
        }
        witness.report()
        if hasWatchdog { Watchdog.refresh() }
        sleep(guest_counter_frequency() / 5)
    }
}

/// A letter at the console.
private enum Command {
    /// Hangs at once.
    static let hang = UInt8(ascii: "s")
    /// Answers the watchdog four times, and then hangs.
    static let answer = UInt8(ascii: "a")
}

private func sleep(_ ticks: UInt64) {
    interrupts.clear()
    guest_start_timer(ticks)
    interrupts.sleep { $0.has(InterruptController.timer) }
}

private func hang() -> Never {
    guest_disable_interrupts()
    while true {}
}

/// Answers the watchdog for a while, also late enough to see its first signal.
private func answerInTime(_ offset: UInt64) {
    var isAnswered = true
    for round in 0..<4 as Range<UInt64> {
        let end = guest_counter() + offset / 4
        // Each second time it waits for the first signal.
        while round % 2 == 0 ? guest_counter() < end : !Watchdog.hasSignalled { guest_spin_hint() }
        Watchdog.refresh()
        if Watchdog.hasSignalled { isAnswered = false }
    }
    write(isAnswered ? "hang: answered 4 times" : "hang: a signal outlasts its answer")
    endLine()
}

/// The generic watchdog of a machine with `watchdog: true`.
enum Watchdog {
    private static let control: UInt64 = 0x0B11_0000
    private static let offset = control + 0x008
    private static let refreshFrame = control + 0x1000

    /// True if the machine has a watchdog. The MMU must be off.
    static var isThere: Bool { probe(control) != nil }

    static func start(offset ticks: UInt64) {
        guest_store64(offset, ticks)
        guest_store32(control, 1)
    }

    static var hasSignalled: Bool { guest_load32(control) & 2 != 0 }
    static func refresh() { guest_store32(refreshFrame, 0) }
}
