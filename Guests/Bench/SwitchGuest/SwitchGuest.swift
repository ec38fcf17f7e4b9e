import GuestHardware

/// Plays TestPageGuest's partner for `exit.switch`. At first it is absent, while only its monitor takes its turns.
/// Then it reads for ever from the address at which each read gives the core to the other machine.
@c(guest_main)
public func guestMain() {
    let handOver: UInt64 = 0x0B00_0008
    let absence: UInt64 = 0x0B00_0010
    guest_loop_load(1, absence)
    while true { guest_loop_load(1_000_000, handOver) }
}
