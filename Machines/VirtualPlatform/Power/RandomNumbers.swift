/// The firmware's functions for random numbers (Arm, True Random Number Generator Firmware Interface 1.0, DEN0098).
/// `PowerController.perform` passes on the calls that are not its own. The monitor supplies the numbers.
public enum RandomNumbers {
    enum Decision {
        /// Continue with this value in `x0`.
        case answer(UInt64)
        /// Continue with random numbers.
        case draw(RandomRequest)
        /// Refuse to return random numbers, with this error.
        case refuse(UInt64)
        /// Continue with the UUID.
        case identify
    }

    private static let version: UInt32 = 0x8400_0050
    private static let features: UInt32 = 0x8400_0051
    private static let uuid: UInt32 = 0x8400_0052
    private static let numbers: UInt32 = 0x8400_0053
    private static let numbers64: UInt32 = 0xC400_0053

    private static let version10: UInt64 = 0x1_0000

    // The results of a function, as Arm DEN0098 defines them: SUCCESS, NOT_SUPPORTED, INVALID_PARAMETERS, NO_ENTROPY.
    private static let success: UInt64 = 0
    private static let notSupported = UInt64(bitPattern: -1)
    private static let invalidParameters = UInt64(bitPattern: -2)
    /// The result of a request for random numbers when the board has no source of them.
    public static let noEntropy = UInt64(bitPattern: -3)

    /// The UUID of this source, 6d1fa60c-93e4-4b7e-8d25-1c0f5ab3e972, as SMCCC returns it in `x0…x3` (DEN0028).
    public static var identity: (UInt64, UInt64, UInt64, UInt64) {
        (0x0CA6_1F6D, 0x7E4B_E493, 0x0F1C_258D, 0x72E9_B35A)
    }

    /// Decides on a call. Functions that do not exist return NOT_SUPPORTED.
    static func decide(_ call: FirmwareCall) -> Decision {
        switch call.function {
        case version: return .answer(version10)
        case features:
            return .answer(isProvided(UInt32(truncatingIfNeeded: call.arguments.0)) ? success : notSupported)
        case uuid: return .identify
        case numbers, numbers64:
            guard let request = RandomRequest(call) else { return .refuse(invalidParameters) }
            return .draw(request)
        default: return .answer(notSupported)
        }
    }

    private static func isProvided(_ function: UInt32) -> Bool {
        switch function {
        case version, features, uuid, numbers, numbers64: return true
        default: return false
        }
    }
}

/// A call for random numbers: TRNG_RND32 or TRNG_RND64.
public struct RandomRequest: Equatable {
    /// The number of bits, 1…96 or 1…192.
    private let bits: UInt64
    /// The number of bits that each of the three registers can hold.
    private let width: UInt64

    /// - Returns: nil if the call requests no bits, or more than three registers hold.
    fileprivate init?(_ call: FirmwareCall) {
        (bits, width) = (call.arguments.0, call.function & 1 << 30 != 0 ? 64 : 32)
        guard bits > 0, bits <= 3 * width else { return nil }
    }

    /// Returns `x1`, `x2` and `x3`. The last one holds the lowest bits, and bits above the requested ones are 0.
    public func results(of random: InlineArray<4, UInt64>) -> (UInt64, UInt64, UInt64) {
        (part(2, of: random), part(1, of: random), part(0, of: random))
    }

    private func part(_ index: Int, of random: InlineArray<4, UInt64>) -> UInt64 {
        let before = UInt64(index) * width
        guard bits > before else { return 0 }
        return random[index] & (.max >> (64 - min(bits - before, width)))
    }
}
