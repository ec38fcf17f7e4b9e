/// A number of bytes as people write it: `256MiB`, `64KiB`, `1GiB`, or a plain number.
public struct ByteSize: Sendable, Equatable, CustomStringConvertible {
    public var bytes: UInt64

    public init(bytes: UInt64) { self.bytes = bytes }

    private static let units: [(suffix: Substring, shift: UInt64)] = [("KiB", 10), ("MiB", 20), ("GiB", 30)]

    /// Reads a size. Returns nil if `text` is none, or if the size is 2⁶⁴ bytes or more.
    public init?(_ text: String) {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let number = UInt64(digits) else { return nil }
        let suffix = text[digits.endIndex...].drop { $0 == " " }
        if suffix.isEmpty {
            guard digits.endIndex == text.endIndex else { return nil }
            bytes = number
            return
        }
        guard let unit = Self.units.first(where: { $0.suffix == suffix }) else { return nil }
        let (product, overflow) = number.multipliedReportingOverflow(by: 1 << unit.shift)
        guard !overflow else { return nil }
        bytes = product
    }

    /// The size in the largest unit that divides it.
    public var description: String {
        for unit in Self.units.reversed() where bytes != 0 && bytes % (1 << unit.shift) == 0 {
            return "\(bytes >> unit.shift)\(unit.suffix)"
        }
        return "\(bytes)"
    }
}
