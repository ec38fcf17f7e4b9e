import GuestHardware
import GuestSupport

/// The possible ends of an attempt, and its time limit.
public enum Attempt {
    /// The ticks after which an attempt that loops or sleeps is ended: 20 000 instructions in the emulator.
    public static let patience: UInt64 = 1250
    static let returnInstruction: UInt32 = 0xD65F_03C0
    static let allMasked: UInt64 = 0xF << 6

    /// Runs the code at `entry` until it returns, faults or takes too long.
    public static func run(at entry: UInt64) {
        _ = guest_attempt(entry, patience, 0)
    }

    public enum Outcome { case cameBack, exception, interrupted }

    /// Runs one instruction, with interrupts masked if it must not be disturbed. An attempt may be interrupted before
    /// the instruction was executed, if other tenants have the core meanwhile.
    @discardableResult
    public static func run(_ instruction: UInt32, masked: Bool = false, patience: UInt64 = patience) -> Outcome {
        let code = guest_code_buffer()
        guest_store32(code, instruction)
        guest_store32(code + 4, returnInstruction)
        guest_publish_code(code, 8)
        return switch guest_attempt(code, patience, masked ? allMasked : 0) {
        case 0: .cameBack
        case .max: .interrupted
        default: .exception
        }
    }

    /// Fills all general registers.
    public static func setRegisters(_ random: inout Random) {
        for register in 0..<31 as Range<UInt64> { guest_set_attempt_register(register, random.nextOfAnySize()) }
    }
}

/// Returns whether `address` lies in this program's image, or so near that an access there reaches it.
public func isOwn(_ address: UInt64) -> Bool {
    let margin: UInt64 = 0x1000
    return address >= guest_own_start() - margin && address < guest_own_end() + margin
}
