/// The line that a user types at root's console.
public struct CommandLine {
    public static let capacity = 64
    private var bytes = InlineArray<64, UInt8>(repeating: 0)
    private var count = 0

    public init() {}

    /// The effect of a byte of input on the line.
    public enum Edit: Equatable {
        case none
        /// The byte was added, and root may echo it.
        case added
        /// The last byte was removed.
        case removed
        /// The line is complete. `clear` begins the next one.
        case ended
    }

    public mutating func accept(_ byte: UInt8) -> Edit {
        switch byte {
        case 0x0A, 0x0D: return .ended
        case 0x08, 0x7F:
            guard count > 0 else { return .none }
            count -= 1
            return .removed
        case 0x20...0x7E:
            guard count < CommandLine.capacity else { return .none }
            bytes[count] = byte
            count += 1
            return .added
        default: return .none
        }
    }

    public mutating func clear() { count = 0 }

    public var command: Command {
        let verb = word(0)
        let argument = word(1)
        guard !verb.isEmpty else { return .nothing }
        guard word(2).isEmpty else { return .unknown }
        if matches(verb, "help"), argument.isEmpty { return .help }
        if matches(verb, "restarts"), argument.isEmpty { return .restarts }
        if matches(verb, "kill"), !argument.isEmpty { return .kill(name(argument)) }
        if matches(verb, "state"), !argument.isEmpty { return .state(name(argument)) }
        return .unknown
    }

    public enum Command {
        case nothing
        case help
        case restarts
        /// Ends the tenant of this name, which is padded with zeros as in the image's records.
        case kill(InlineArray<32, UInt8>)
        /// Reports the execution contexts of the tenant of this name.
        case state(InlineArray<32, UInt8>)
        case unknown
    }

    /// Returns the range of the `number`th word, which is empty if the line has fewer words.
    private func word(_ number: Int) -> Range<Int> {
        var at = 0
        for turn in 0...number {
            while at < count, bytes[at] == 0x20 { at += 1 }
            let start = at
            while at < count, bytes[at] != 0x20 { at += 1 }
            if turn == number { return start..<at }
        }
        return at..<at
    }

    private func matches(_ range: Range<Int>, _ text: StaticString) -> Bool {
        guard range.count == text.utf8CodeUnitCount else { return false }
        for index in 0..<range.count {
            // SAFETY: a StaticString's bytes are constants of the program, and the index is below their count.
            guard unsafe text.utf8Start[index] == bytes[range.lowerBound + index] else { return false }
        }
        return true
    }

    private func name(_ range: Range<Int>) -> InlineArray<32, UInt8> {
        var name = InlineArray<32, UInt8>(repeating: 0)
        for index in 0..<min(range.count, 32) { name[index] = bytes[range.lowerBound + index] }
        return name
    }
}
