import GuestHardware
import GuestSupport
import HostileSupport

/// Issues HVC and SMC with every function number of the ranges that SMCCC (Arm DEN0028) names, and with random ones.
/// It omits the calls that would rightly end this machine or put this processor to sleep for ever.
@c(guest_main)
public func guestMain() {
    forever("hypercalls") { _, random in
        // The upper half of a function number: fast or yielding, 32 or 64 bits, and the owner, 0…63.
        for owner in 0..<64 as Range<UInt64> {
            for kind in 0..<4 as Range<UInt64> {
                let base = kind << 30 | owner << 24
                for function in 0..<32 as Range<UInt64> { issue(base | function, &random) }
                issue(base | random.next(below: 0x1_0000), &random)
                issue(base | 0xFF00 | random.next(below: 4), &random)
            }
        }
        // The hypervisor's own range in full, and numbers that are assigned to no function.
        for function in 0..<256 as Range<UInt64> { issue(0xC600_0000 | function, &random) }
        for _ in 0..<256 { issue(random.nextOfAnySize(), &random) }
    }
}

private func issue(_ function: UInt64, _ random: inout Random) {
    guard !Forbidden.contains(function & 0xFFFF_FFFF) else { return }
    Attempt.setRegisters(&random)
    guest_set_attempt_register(0, function)
    if function & ~0x4000_0000 == Forbidden.suspend {
        // Only standby states, because a power-down state would rightly start again at a random address.
        guest_set_attempt_register(1, random.next(below: 0x1_0000))
    }
    let hypervisorCall: UInt32 = 0xD400_0002
    let secureMonitorCall: UInt32 = 0xD400_0003
    let immediate = UInt32(truncatingIfNeeded: random.next(below: 0x1_0000)) << 5
    switch random.next(below: 4) {
    case 0: Attempt.run(hypervisorCall | immediate)
    case 1: Attempt.run(secureMonitorCall | immediate & 0x20)
    default: Attempt.run(hypervisorCall)
    }
}

/// The functions of PSCI (Arm DEN0022) that do not return.
private enum Forbidden {
    static let suspend: UInt64 = 0x8400_0001

    static func contains(_ function: UInt64) -> Bool {
        switch function & ~0x4000_0000 {
        // CPU_OFF, SYSTEM_OFF, SYSTEM_RESET, CPU_DEFAULT_SUSPEND, SYSTEM_SUSPEND, SYSTEM_RESET2.
        case 0x8400_0002, 0x8400_0008, 0x8400_0009, 0x8400_000C, 0x8400_000E, 0x8400_0012: true
        default: false
        }
    }
}
