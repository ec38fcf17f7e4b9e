/// A length of time as people write it: `100us`, `1ms`, `2s`. A number without a unit is refused, because its unit
/// would be a guess.
public struct TimeSpan: Sendable, Equatable, Comparable, CustomStringConvertible {
    public var nanoseconds: UInt64

    public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }
    public init(milliseconds: UInt64) { nanoseconds = milliseconds * 1_000_000 }

    /// The length in milliseconds, rounded down.
    public var milliseconds: UInt64 { nanoseconds / 1_000_000 }

    private static let units: [(suffix: Substring, size: UInt64)] = [
        ("ns", 1), ("us", 1000), ("ms", 1_000_000), ("s", 1_000_000_000), ("min", 60_000_000_000),
    ]

    /// Reads a length of time. Returns nil if `text` is none, or if it is 2⁶⁴ nanoseconds or more.
    public init?(_ text: String) {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let suffix = text[digits.endIndex...].drop { $0 == " " }
        guard let number = UInt64(digits), let unit = Self.units.first(where: { $0.suffix == suffix }) else {
            return nil
        }
        let (product, overflow) = number.multipliedReportingOverflow(by: unit.size)
        guard !overflow else { return nil }
        nanoseconds = product
    }

    public static func < (left: TimeSpan, right: TimeSpan) -> Bool { left.nanoseconds < right.nanoseconds }

    /// The length in the largest unit that divides it.
    public var description: String {
        for unit in Self.units.reversed() where nanoseconds != 0 && nanoseconds % unit.size == 0 {
            return "\(nanoseconds / unit.size)\(unit.suffix)"
        }
        return "\(nanoseconds)ns"
    }
}
