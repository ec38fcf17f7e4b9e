import GuestHardware
import GuestSupport
import HostileSupport

/// Executes every encoding of the system instruction space: reads and writes of all system registers, with random values,
/// and the maintenance instructions and hints.
@c(guest_main)
public func guestMain() {
    let encodings: UInt64 = 1 << 16
    let perRound: UInt64 = 8192
    forever("registers") { number, random in
        for step in 0..<perRound {
            // An odd factor visits each encoding once in eight rounds, in no order.
            let encoding = (number &* perRound &+ step) &* 40_503 % encodings
            for isRead in 0..<2 as Range<UInt64> {
                attempt(UInt32(truncatingIfNeeded: 0xD500_0000 | isRead << 21 | encoding << 5), random.nextOfAnySize())
            }
        }
    }
}

/// `MSR SCTLR_EL1, x0` and `MSR VBAR_EL1, x0`.
private let writeSystemControl: UInt32 = 0xD518_1000
private let writeVectors: UInt32 = 0xD518_C000

private func attempt(_ instruction: UInt32, _ value: UInt64) {
    // With the MMU on there would be no way back. All other bits are tried.
    guest_set_attempt_register(0, instruction == writeSystemControl ? value & ~1 : value)
    Attempt.run(instruction, masked: instruction == writeVectors)
}
