import GuestHardware
import GuestSupport
import HostileSupport

/// Reads and writes the registers of the interrupt controller and the serial port at random, with any offset and
/// size, aligned or not. The serial port prints the bytes written to it, so its console holds nonsense between the
/// rounds.
@c(guest_main)
public func guestMain() {
    forever("devices") { _, random in
        for _ in 0..<20_000 {
            let write = random.next(below: 2) == 1
            let size = random.next(below: 4)
            guest_set_attempt_register(0, nextAddress(&random, size))
            guest_set_attempt_register(1, random.nextOfAnySize())
            Attempt.run(
                write ? 0x3900_0001 | UInt32(size) << 30 : 0x3940_0002 | UInt32(size) << 30,
                masked: random.next(below: 2) == 1)
        }
    }
}

/// Returns a register's address. One in eight is not a multiple of its size (as a power of two).
private func nextAddress(_ random: inout Random, _ size: UInt64) -> UInt64 {
    let base: UInt64
    let length: UInt64
    switch random.next(below: 7) {
    case 0: (base, length) = (0x0800_0000, 0x1_0000)
    // The first page of the distributor gets more accesses, because the registers that are not reserved lie there.
    case 1: (base, length) = (0x0800_0000, 0x1000)
    case 2: (base, length) = (0x080A_0000, 0x2_0000)
    // Other processors' redistributors, if this machine has more processors.
    case 3: (base, length) = (0x080C_0000, 0x6_0000)
    // The panic device, and a watchdog that this machine does not have.
    case 4: (base, length) = (0x0B10_0000, 0x10)
    case 5: (base, length) = (0x0B11_0000, 0x2000)
    default: (base, length) = (0x0900_0000, 0x1000)
    }
    let offset = random.next(below: length)
    let aligned = random.next(below: 8) != 0
    return base + (aligned ? offset & ~((1 << size) - 1) : offset)
}
