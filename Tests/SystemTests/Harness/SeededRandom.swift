import Foundation

/// A generator of random numbers with a seed, by which a test repeats a run (xorshift64*).
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = max(seed, 1) }

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state &* 0x2545_F491_4F6C_DD1D
    }
}

/// The numbers that the environment gives to long tests.
enum TestEnvironment {
    static func number<Number: FixedWidthInteger>(_ variable: String) -> Number? {
        ProcessInfo.processInfo.environment[variable].flatMap { Number($0) }
    }

    /// `ENTENTE_SEED`, which repeats the moments of an earlier run, or a random seed.
    static let seed = number("ENTENTE_SEED") ?? UInt64.random(in: 1 ... .max)
}
