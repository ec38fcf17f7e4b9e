import GuestHardware

/// TestPageGuest's partner for `exit.switch`: absent at first, while only its monitor takes its turns; then it reads
/// for ever where each read hands the core to the other machine.
@c(guest_main)
public func guestMain() {
    let handOver: UInt64 = 0x0B00_0008
    let absence: UInt64 = 0x0B00_0010
    guest_loop_load(1, absence)
    while true { guest_loop_load(1_000_000, handOver) }
}
