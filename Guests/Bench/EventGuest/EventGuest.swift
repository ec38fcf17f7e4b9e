import GuestHardware
import GuestSupport

/// Measures `event.machine-round-trip` with EchoGuest in a second machine. A store to the doorbell raises the event's
/// interrupt in the other machine, and a store to the other machine's doorbell raises it here. Both sleep while they
/// wait.
enum Event {
    static let doorbell: UInt64 = 0x0B00_1000
    static let interrupt: UInt32 = 40
    static let roundTrips: UInt64 = 10_000

    /// Waits for the first answer. The other machine may not listen yet, so the first event is repeated until an
    /// answer arrives.
    static func meet() {
        let patience = guest_counter_frequency() / 100
        repeat {
            interrupts.clear()
            guest_start_timer(patience)
            guest_store32(doorbell, 1)
            interrupts.sleep { $0.has(interrupt) || $0.has(InterruptController.timer) }
        } while !interrupts.has(interrupt)
        // Answers to earlier repetitions arrive as well; this takes them.
        guest_start_timer(patience)
        interrupts.sleep { $0.has(InterruptController.timer) }
    }

    /// Returns the duration in instructions, by the counter (with `-icount shift=0`).
    static func measure() -> UInt64 {
        let start = guest_counter()
        for _ in 0..<roundTrips {
            interrupts.clear()
            guest_store32(doorbell, 1)
            interrupts.sleep { $0.has(interrupt) }
        }
        return (guest_counter() &- start) * (10_000_000_000 / guest_counter_frequency()) / roundTrips
    }
}

@c(guest_main)
public func guestMain() {
    SerialPort.initialize()
    guest_enable_mmu()
    InterruptController.initialize()
    InterruptController.enableShared(UInt64(Event.interrupt))
    guest_enable_interrupts()
    Event.meet()
    write("bench: event.machine-round-trip ")
    write(tenths: Int64(Event.measure()))
    endLine()
    write("bench: end")
    endLine()
}
