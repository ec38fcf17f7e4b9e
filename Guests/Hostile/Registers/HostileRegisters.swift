import GuestHardware
import GuestSupport
import HostileSupport

/// Executes every encoding of the system instruction space: reads and writes of all system registers, with random
/// values, and the maintenance instructions and hints.
@c(guest_main)
public func guestMain() {
    let encodings: UInt64 = 1 << 16
    let perRound: UInt64 = 8192
    forever("registers") { number, random in
        for step in 0..<perRound {
            // The odd factor visits each encoding once in eight rounds, in no particular order.
            let encoding = (number &* perRound &+ step) &* 40_503 % encodings
            for isRead in 0..<2 as Range<UInt64> {
                attempt(UInt32(truncatingIfNeeded: 0xD500_0000 | isRead << 21 | encoding << 5), random.nextOfAnySize())
            }
        }
    }
}

/// `MSR …, x0` for the registers that need care.
private enum Write {
    static let systemControl: UInt32 = 0xD518_1000  // SCTLR_EL1
    static let vectors: UInt32 = 0xD518_C000  // VBAR_EL1
    static let binaryPoint0: UInt32 = 0xD518_C860  // ICC_BPR0_EL1
    static let binaryPoint1: UInt32 = 0xD518_CC60  // ICC_BPR1_EL1
}

private func attempt(_ instruction: UInt32, _ value: UInt64) {
    guest_set_attempt_register(0, allowed(value, for: instruction))
    Attempt.run(instruction, masked: instruction == Write.vectors)
}

private func allowed(_ value: UInt64, for instruction: UInt32) -> UInt64 {
    switch instruction {
    // The code could not return with the MMU on. All other bits are tried.
    case Write.systemControl: value & ~1
    // QEMU 7.2 ends with an assertion of its own if reserved bits are set and the field is 0.
    case Write.binaryPoint0, Write.binaryPoint1: value & 7
    default: value
    }
}
