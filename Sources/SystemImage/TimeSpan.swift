/// A span of time as people write it: `100ms`, `10s`, `2min`. There is no number without a unit.
public struct TimeSpan: Sendable, Equatable, Comparable, CustomStringConvertible {
    public var milliseconds: UInt64

    public init(milliseconds: UInt64) { self.milliseconds = milliseconds }

    private static let units: [(suffix: Substring, milliseconds: UInt64)] = [("ms", 1), ("s", 1000), ("min", 60_000)]

    /// Nil when `text` is no span of time, or one of 2⁶⁴ milliseconds or more.
    public init?(_ text: String) {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let suffix = text[digits.endIndex...].drop { $0 == " " }
        guard let number = UInt64(digits), let unit = Self.units.first(where: { $0.suffix == suffix }) else { return nil }
        let (product, overflow) = number.multipliedReportingOverflow(by: unit.milliseconds)
        guard !overflow else { return nil }
        milliseconds = product
    }

    public static func < (left: TimeSpan, right: TimeSpan) -> Bool { left.milliseconds < right.milliseconds }

    /// In the largest unit that divides it.
    public var description: String {
        for unit in Self.units.reversed() where milliseconds != 0 && milliseconds % unit.milliseconds == 0 {
            return "\(milliseconds / unit.milliseconds)\(unit.suffix)"
        }
        return "\(milliseconds)ms"
    }
}
