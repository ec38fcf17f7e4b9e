import GuestHardware
import GuestSupport

/// Answers its watchdog for a while, sometimes only after its first signal, and then hangs with interrupts masked.
@c(guest_main)
public func guestMain() {
    SerialPort.initialize()
    InterruptController.initialize()
    // The offset is long enough for a busy host. A refresh that comes later than the second stage does not save the
    // machine.
    let offset = guest_counter_frequency() / 2
    Watchdog.start(offset: offset)
    var isAnswered = true
    for round in 0..<4 as Range<UInt64> {
        let end = guest_counter() + offset / 4
        // Each second time the guest waits for the first signal.
        while round % 2 == 0 ? guest_counter() < end : !Watchdog.hasSignalled { guest_spin_hint() }
        Watchdog.refresh()
        if Watchdog.hasSignalled { isAnswered = false }
    }
    write(isAnswered ? "hang: answered 4 times" : "hang: a signal outlasts its answer")
    endLine()
    while true {}
}

/// The generic watchdog of a machine with `watchdog: true`.
private enum Watchdog {
    private static let control: UInt64 = 0x0B11_0000
    private static let offset = control + 0x008
    private static let refreshFrame = control + 0x1000

    static func start(offset ticks: UInt64) {
        guest_store64(offset, ticks)
        guest_store32(control, 1)
    }

    static var hasSignalled: Bool { guest_load32(control) & 2 != 0 }
    static func refresh() { guest_store32(refreshFrame, 0) }
}
