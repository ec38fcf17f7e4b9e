import Foundation

/// The amount of work of the long tests: a short form by default, and the full form with `ENTENTE_TEST_LONG` in the
/// environment.
///
/// `./entente test` runs the full form. Each form does the same in each run, and the short form is the beginning of the
/// full one.
public enum TestLength {
    public static let isLong = ProcessInfo.processInfo.environment["ENTENTE_TEST_LONG"] != nil

    /// Returns the count for this run.
    public static func count(short: Int, long: Int) -> Int { isLong ? long : short }

    /// Returns the seeds for this run. `ENTENTE_TEST_SEED` is the first one (else 1), and `ENTENTE_TEST_SEEDS` their
    /// number.
    public static func seeds(short: Int, long: Int) -> Range<UInt64> {
        let first = UInt64(number("ENTENTE_TEST_SEED") ?? 1)
        return first..<first + UInt64(number("ENTENTE_TEST_SEEDS") ?? count(short: short, long: long))
    }

    /// Returns the number in a variable of the environment, or nil.
    public static func number(_ name: String) -> Int? { ProcessInfo.processInfo.environment[name].flatMap { Int($0) } }
}
