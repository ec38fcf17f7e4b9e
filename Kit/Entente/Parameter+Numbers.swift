// Numbers travel as one word each. A word that does not fit the type makes the message malformed.

extension UInt64: Parameter {
    @inline(__always) public func append(to message: inout OutgoingMessage) { message.append(self) }
    @inline(__always) public static func take(from message: inout IncomingMessage) -> UInt64? { message.takeWord() }
}

extension Int64: Parameter {
    @inline(__always) public func append(to message: inout OutgoingMessage) { message.append(UInt64(bitPattern: self)) }
    @inline(__always) public static func take(from message: inout IncomingMessage) -> Int64? {
        guard let word = message.takeWord() else { return nil }
        return Int64(bitPattern: word)
    }
}

extension Parameter where Self: FixedWidthInteger {
    public var logText: LogText { "\(self)" }
}

/// A number that is narrower than a word. A signed number travels sign-extended.
public protocol NarrowParameter: Parameter, FixedWidthInteger {}

extension NarrowParameter {
    @inline(__always) public func append(to message: inout OutgoingMessage) {
        message.append(UInt64(truncatingIfNeeded: self))
    }
    @inline(__always) public static func take(from message: inout IncomingMessage) -> Self? {
        guard let word = message.takeWord() else { return nil }
        let value = Self(truncatingIfNeeded: word)
        return UInt64(truncatingIfNeeded: value) == word ? value : nil
    }
}

extension UInt8: NarrowParameter {}
extension UInt16: NarrowParameter {}
extension UInt32: NarrowParameter {}
extension Int8: NarrowParameter {}
extension Int16: NarrowParameter {}
extension Int32: NarrowParameter {}
extension UInt: NarrowParameter {}
extension Int: NarrowParameter {}

#if !NO_FLOAT
    /// A floating-point number travels as its IEEE 754 bits. Each pattern of bits is a number or NaN, so all are
    /// valid.
    extension Double: Parameter {
        @inline(__always) public func append(to message: inout OutgoingMessage) { message.append(bitPattern) }
        @inline(__always) public static func take(from message: inout IncomingMessage) -> Double? {
            message.takeWord().map { Double(bitPattern: $0) }
        }
    }

    extension Float: Parameter {
        @inline(__always) public func append(to message: inout OutgoingMessage) { message.append(UInt64(bitPattern)) }
        @inline(__always) public static func take(from message: inout IncomingMessage) -> Float? {
            UInt32.take(from: &message).map { Float(bitPattern: $0) }
        }
    }
#endif

extension Bool: Parameter {
    @inline(__always) public func append(to message: inout OutgoingMessage) { message.append(self ? 1 : 0) }
    @inline(__always) public static func take(from message: inout IncomingMessage) -> Bool? {
        guard let word = message.takeWord(), word <= 1 else { return nil }
        return word == 1
    }
}

/// An enum with raw values conforms by its declaration alone: `enum Mode: UInt64, Parameter`.
extension Parameter where Self: RawRepresentable, RawValue: Parameter {
    @inline(__always) public func append(to message: inout OutgoingMessage) { rawValue.append(to: &message) }
    @inline(__always) public static func take(from message: inout IncomingMessage) -> Self? {
        guard let value = RawValue.take(from: &message) else { return nil }
        return Self(rawValue: value)
    }
    public var logText: LogText { rawValue.logText }
}

/// The error type of a method that throws nothing.
extension Never: Parameter {
    @inline(__always) public func append(to message: inout OutgoingMessage) {}
    @inline(__always) public static func take(from message: inout IncomingMessage) -> Never? { nil }
}

/// The result type of a method without a result.
public struct Nothing: Parameter {
    @inline(__always) public init() {}
    @inline(__always) public func append(to message: inout OutgoingMessage) {}
    @inline(__always) public static func take(from message: inout IncomingMessage) -> Nothing? { Nothing() }
}

/// Up to 128 bytes of UTF-8 or other data. It is a long value, which travels in the message page.
public struct ShortText: Parameter {
    public static let capacity = 128
    private var bytes = InlineArray<16, UInt64>(repeating: 0)
    public private(set) var count: Int = 0

    public init() {}

    public init(_ text: StaticString) {
        text.withUTF8Buffer { buffer in
            // SAFETY: the buffer is a constant of the program, and is not kept.
            for index in 0..<buffer.count { append(unsafe buffer[index]) }
        }
    }

    /// Copies a text, and cuts it off at the capacity.
    @_disfavoredOverload
    public init(_ text: LogText) { for index in 0..<text.count { append(text[index]) } }

    /// Appends a byte, or drops it if the text has reached the capacity.
    public mutating func append(_ byte: UInt8) {
        guard count < Self.capacity else { return }
        bytes[count / 8] |= UInt64(byte) << UInt64(count % 8 * 8)
        count += 1
    }

    public subscript(_ index: Int) -> UInt8 {
        precondition(index >= 0 && index < count, "a text's byte is out of range")
        return UInt8(truncatingIfNeeded: bytes[index / 8] >> UInt64(index % 8 * 8))
    }

    public func append(to message: inout OutgoingMessage) {
        message.append(UInt64(count))
        for index in 0..<(count + 7) / 8 { message.append(bytes[index]) }
    }

    public static func take(from message: inout IncomingMessage) -> ShortText? {
        guard let size = message.takeWord(), size <= UInt64(capacity) else { return nil }
        var text = ShortText()
        text.count = Int(size)
        for index in 0..<(text.count + 7) / 8 {
            guard let word = message.takeWord() else { return nil }
            // Bytes that a peer has put behind the end must not appear when the receiver appends to the text.
            let rest = text.count - 8 * index
            text.bytes[index] = rest >= 8 ? word : word & (1 << UInt64(8 * rest) - 1)
        }
        return text
    }
}

/// A literal such as `"get"` or `"call \(number)"` makes a text, cut off at the capacity.
extension ShortText: ExpressibleByStringInterpolation {
    public init(stringLiteral text: StaticString) { self.init(text) }
    public init(stringInterpolation: LogText.StringInterpolation) { self.init(stringInterpolation.text) }
}

extension LogText.StringInterpolation {
    public mutating func appendInterpolation(_ other: ShortText) {
        for index in 0..<other.count { append(other[index]) }
    }
}

extension ShortText: Hashable {
    public func hash(into hasher: inout Hasher) {
        hasher.combine(count)
        for index in 0..<(count + 7) / 8 { hasher.combine(bytes[index]) }
    }

    public static func == (left: ShortText, right: ShortText) -> Bool {
        guard left.count == right.count else { return false }
        for index in 0..<left.count where left[index] != right[index] { return false }
        return true
    }
}
