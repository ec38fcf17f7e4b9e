import GuestHardware
import GuestSupport
import HostileSupport

/// Accesses addresses all over the 48-bit space, and some beyond it, in every way.
@c(guest_main)
public func guestMain() {
    forever("unmapped") { _, random in
        for _ in 0..<10_000 {
            let address = nextAddress(&random)
            guest_set_attempt_register(0, address)
            guest_set_attempt_register(1, random.next())
            Attempt.run(at: guest_access_code(random.next(below: guest_access_count())))
        }
    }
}

/// Returns an address outside of this image and of the registers that `HostileDevices` covers.
private func nextAddress(_ random: inout Random) -> UInt64 {
    while true {
        let address = nextCandidate(&random)
        if !isOwn(address) && !(0x0800_0000..<0x0A00_0000).contains(address) { return address }
    }
}

private func nextCandidate(_ random: inout Random) -> UInt64 {
    let near = random.next(below: 0x2000) &- 0x1000
    switch random.next(below: 6) {
    case 0: return random.next() >> 16
    case 1: return random.next(below: 1 << 30)
    // Addresses around each power of two, and around the ends of a machine's RAM, which are multiples of 2 MiB.
    case 2: return (1 << random.next(below: 52)) &+ near
    case 3: return 0x4000_0000 &+ random.next(below: 2048) << 21 &+ near
    case 4: return random.nextOfAnySize()
    default: return random.next() >> 16 & ~0xFFF
    }
}
