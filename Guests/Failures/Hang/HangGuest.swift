import GuestHardware
import GuestSupport

/// Answers its watchdog for a while, also late enough to see its first signal, and then hangs with interrupts masked.
@c(guest_main)
public func guestMain() {
    SerialPort.initialize()
    InterruptController.initialize()
    let offset = guest_counter_frequency() / 5
    Watchdog.start(offset: offset)
    var signals: UInt64 = 0
    for round in 0..<4 as Range<UInt64> {
        // Each second time it waits for the first signal.
        let wait = round % 2 == 0 ? offset / 4 : offset + offset / 2
        let end = guest_counter() + wait
        while guest_counter() < end { guest_spin_hint() }
        if Watchdog.hasSignalled { signals += 1 }
        Watchdog.refresh()
        if Watchdog.hasSignalled { signals += 100 }
    }
    write("hang: answered 4 times, ")
    write(decimal: signals)
    write(" of them late")
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
