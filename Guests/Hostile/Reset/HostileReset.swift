import GuestHardware
import GuestSupport
import HostileSupport

/// Requests a reset as soon as it runs, so that its monitor clears its RAM and loads it again, for ever.
@c(guest_main)
public func guestMain() {
    let systemReset: UInt64 = 0x8400_0009
    _ = guest_firmware_call(systemReset, 0, 0, 0)
}
