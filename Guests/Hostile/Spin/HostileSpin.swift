import GuestHardware
import GuestSupport
import HostileSupport

/// Spins with interrupts masked, while a timer interrupt and software interrupts are pending. Only a preemptive
/// kernel gets the core back.
@c(guest_main)
public func guestMain() {
    forever("spin") { _, _ in
        guest_start_timer(0)
        guest_send_software_interrupt(0x1 | 0x3 << 24)
        for _ in 0..<100_000 {
            guest_loop_empty(500)
            // Ends the turn of the emulator's core under `--icount`, if there are several.
            guest_spin_hint()
        }
    }
}
