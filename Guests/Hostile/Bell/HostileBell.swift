import GuestHardware
import GuestSupport
import HostileSupport

/// Rings its peer's doorbell without a pause (`event-peer` of the manifest), whether or not the peer takes the
/// interrupt.
@c(guest_main)
public func guestMain() {
    let doorbell: UInt64 = 0x0B00_1000
    forever("bell") { _, _ in
        for _ in 0..<20_000 {
            guest_store32(doorbell, 1)
            // Ends the turn of the emulator's core under `--icount`.
            guest_spin_hint()
        }
    }
}
