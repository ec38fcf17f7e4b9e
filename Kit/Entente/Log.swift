import ABI

/// A text of literals, numbers and names that needs no heap: `"total \(sum), flags \(hex: bits)"`.
///
/// The type cuts off bytes beyond 240.
public struct LogText: ExpressibleByStringInterpolation {
    public static let capacity = 240
    private var bytes = InlineArray<240, UInt8>(repeating: 0)
    public private(set) var count = 0

    public init(stringLiteral text: StaticString) { append(text) }
    public init(stringInterpolation: StringInterpolation) { self = stringInterpolation.text }
    fileprivate init() {}

    public subscript(_ index: Int) -> UInt8 {
        precondition(index >= 0 && index < count, "a text's byte is out of range")
        return bytes[index]
    }

    fileprivate mutating func append(_ byte: UInt8) {
        guard count < Self.capacity else { return }
        bytes[count] = byte
        count += 1
    }

    fileprivate mutating func append(_ text: StaticString) {
        for index in 0..<text.utf8CodeUnitCount {
            // SAFETY: a StaticString's bytes are constants of the program, and `index` is below their number.
            append(unsafe text.utf8Start[index])
        }
    }

    fileprivate mutating func append(_ number: UInt64, radix: UInt64, width: Int) {
        var divisor: UInt64 = 1
        var digits = 1
        while number / divisor >= radix {
            divisor *= radix
            digits += 1
        }
        for _ in 0..<max(0, min(width, 20) - digits) { append(0x30) }
        while divisor > 0 {
            let digit = UInt8(truncatingIfNeeded: number / divisor % radix)
            append(digit < 10 ? 0x30 + digit : 0x57 + digit)
            divisor /= radix
        }
    }

    public struct StringInterpolation: StringInterpolationProtocol {
        private(set) var text = LogText()
        mutating func append(_ byte: UInt8) { text.append(byte) }
        public init(literalCapacity: Int, interpolationCount: Int) {}

        public mutating func appendLiteral(_ literal: StaticString) { text.append(literal) }
        public mutating func appendInterpolation(_ literal: StaticString) { text.append(literal) }
        public mutating func appendInterpolation(_ other: LogText) {
            for index in 0..<other.count { text.append(other[index]) }
        }
        /// Appends a name that is padded with zeros.
        public mutating func appendInterpolation<let size: Int>(name: InlineArray<size, UInt8>) {
            for index in 0..<size where name[index] != 0 { text.append(name[index]) }
        }
        public mutating func appendInterpolation(_ truth: Bool) { text.append(truth ? "true" : "false") }

        /// Appends a whole number, with leading zeros up to `width` digits.
        public mutating func appendInterpolation(_ number: some FixedWidthInteger, width: Int = 0) {
            if number < 0 { text.append(0x2D) }
            text.append(UInt64(truncatingIfNeeded: number.magnitude), radix: 10, width: width)
        }

        /// Appends a number in hexadecimal, beginning with 0x.
        public mutating func appendInterpolation(hex number: some FixedWidthInteger, width: Int = 0) {
            text.append("0x")
            text.append(UInt64(truncatingIfNeeded: number) & mask(number), radix: 16, width: width)
        }

        private func mask(_ number: some FixedWidthInteger) -> UInt64 {
            number.bitWidth >= 64 ? .max : 1 << UInt64(number.bitWidth) - 1
        }
    }
}

/// Writes a line to this component's console, beginning with the time.
public func log(_ text: LogText) {
    let console = Console()
    console.beginLine()
    console.write(text: text)
    console.write("\n")
    console.flush()
}

extension Console {
    public func write(text: LogText) { for index in 0..<text.count { putPatiently(text[index]) } }
}
