import GuestHardware
import GuestSupport
import HostileSupport

/// Looks for registers in which one machine finds values that another wrote. It runs in two machines of one core,
/// which write different patterns.
///
/// First it finds, among all encodings of system registers, those that can be read and keep written bits. Then, in
/// each round, it fills them, gives the other machine time to do the same, and reads them again. It reports a
/// register that holds the other machine's pattern: `hostile: traces leak OP0 OP1 CRN CRM OP2`. A register that lost
/// its own pattern is no leak.
@c(guest_main)
public func guestMain() {
    let traces = Traces()
    forever("traces") { number, _ in
        if number == 0 { traces.search() }
        traces.fill()
        Traces.giveWay()
        traces.compare()
    }
}

private struct Traces {
    private let own: UInt64
    private let other: UInt64
    /// The list of found registers, in memory that the program does not use otherwise: a count, followed by the
    /// encoding and mask of each.
    private let list: UInt64 = 0x4080_0000

    init() {
        // The machine with more memory has memory at this address. In the other one the load aborts.
        guest_set_attempt_register(0, 0x4140_0000)
        let isSecond = Self.succeeds(0xF940_0000)  // LDR x0, [x0]
        own = isSecond ? 0x5A5A_5A5A_5A5A_5A5A : 0xA5A5_A5A5_A5A5_A5A5
        other = ~own
    }

    private var count: UInt64 { guest_load64(list) }
    private func encoding(_ index: UInt64) -> UInt64 { guest_load64(list + 16 + index * 16) }
    private func mask(_ index: UInt64) -> UInt64 { guest_load64(list + 24 + index * 16) }

    func search() {
        guest_store64(list, 0)
        // Op0 2 and 3 are the registers.
        for encoding in (2 << 14)..<(4 << 14) as Range<UInt64> {
            guard Self.value(encoding) != nil else { continue }
            // Writes the machine's own pattern last, so that the other pattern does not remain from this test.
            let mask = followed(encoding, other) & followed(encoding, own)
            // Skips bits that are 0 in one of the patterns, because they could not be told from a cleared register,
            // and timers, because they count, and match a few bits by chance.
            guard (mask & own).nonzeroBitCount > 1, (mask & other).nonzeroBitCount > 1, !isTimer(encoding) else {
                continue
            }
            let index = count
            guest_store64(list + 16 + index * 16, encoding)
            guest_store64(list + 24 + index * 16, mask)
            guest_store64(list, index + 1)
            say("hostile: traces register", encoding)
        }
        GuestSupport.write("hostile: traces kept ")
        GuestSupport.write(decimal: count)
        endLine()
    }

    /// Returns whether the register is one of CNTP_TVAL_EL0 to CNTV_CVAL_EL0: the attempts' own watchdog, and
    /// counting registers.
    private func isTimer(_ encoding: UInt64) -> Bool { encoding >> 4 == Self.register(3, 3, 14, 2, 0) >> 4 }

    /// Returns the bits of `pattern` that a register takes over.
    private func followed(_ encoding: UInt64, _ pattern: UInt64) -> UInt64 {
        guard Self.set(encoding, pattern), let value = Self.value(encoding) else { return 0 }
        return ~(value ^ pattern)
    }

    func fill() {
        for index in 0..<count { _ = Self.set(encoding(index), own) }
    }

    /// Waits for longer than all other tenants of the core may run at a time: slices have 10 ms.
    static func giveWay() {
        let end = guest_counter() + guest_counter_frequency() / 25
        while guest_counter() < end { guest_spin_hint() }
    }

    func compare() {
        for index in 0..<count {
            guard let value = Self.value(encoding(index)), (value ^ other) & mask(index) == 0 else { continue }
            say("hostile: traces leak", encoding(index))
        }
    }

    private func say(_ text: StaticString, _ encoding: UInt64) {
        GuestSupport.write(text)
        say(encoding >> 14 & 3)
        say(encoding >> 11 & 7)
        say(encoding >> 7 & 15)
        say(encoding >> 3 & 15)
        say(encoding & 7)
        endLine()
    }

    private func say(_ field: UInt64) {
        GuestSupport.write(" ")
        GuestSupport.write(decimal: field)
    }

    // MARK: One register

    private static func value(_ encoding: UInt64) -> UInt64? {
        guard succeeds(UInt32(truncatingIfNeeded: 0xD520_0000 | encoding << 5)) else { return nil }
        return guest_attempt_result()
    }

    private static func set(_ encoding: UInt64, _ value: UInt64) -> Bool {
        guest_set_attempt_register(0, allowed(value, encoding))
        return succeeds(UInt32(truncatingIfNeeded: 0xD500_0000 | encoding << 5), masked: encoding == vectors)
    }

    /// Returns whether an instruction completes without an exception. Tries again if the other machine had the core
    /// meanwhile.
    private static func succeeds(_ instruction: UInt32, masked: Bool = false) -> Bool {
        for _ in 0..<16 {
            // A millisecond is needed because some writes make the emulator translate this program again.
            switch Attempt.run(instruction, masked: masked, patience: 62_500) {
            case .cameBack: return true
            case .exception: return false
            case .interrupted: continue
            }
        }
        return false
    }

    private static let vectors = register(3, 0, 12, 0, 0)

    private static func register(_ op0: UInt64, _ op1: UInt64, _ crn: UInt64, _ crm: UInt64, _ op2: UInt64) -> UInt64 {
        op0 << 14 | op1 << 11 | crn << 7 | crm << 3 | op2
    }

    /// Returns the value that may be written, as in `HostileRegisters`: the MMU stays off, and QEMU 7.2 must not end
    /// in an assertion of its own.
    private static func allowed(_ value: UInt64, _ encoding: UInt64) -> UInt64 {
        switch encoding {
        case register(3, 0, 1, 0, 0): value & ~1  // SCTLR_EL1
        case register(3, 0, 12, 8, 3), register(3, 0, 12, 12, 3): value & 7  // ICC_BPR0_EL1, ICC_BPR1_EL1
        default: value
        }
    }
}
