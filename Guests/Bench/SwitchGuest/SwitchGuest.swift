import GuestHardware

/// BenchGuest's partner for `exit.switch`: reads for ever where each read hands the core to the other machine.
@c(guest_main)
public func guestMain() {
    let handOver: UInt64 = 0x0B00_0008
    while true { guest_loop_load(1_000_000, handOver) }
}
