import ABI

/// Separates the one serial line into the consoles that share it (`ConsoleChannel`).
struct ConsoleDemultiplexer {
    /// Consecutive bytes of one console.
    struct Piece: Equatable {
        var channel: UInt8
        var bytes: [UInt8]
    }

    private var channel = ConsoleChannel.kernel
    private var reader = ConsoleLineReader()

    /// Returns a piece for each run of bytes of one console. It keeps a switch that a read has cut in two for the next
    /// call.
    mutating func take(_ bytes: some Sequence<UInt8>) -> [Piece] {
        var pieces: [Piece] = []
        for byte in bytes {
            switch reader.take(byte) {
            case .byte(let byte):
                if pieces.last?.channel != channel { pieces.append(Piece(channel: channel, bytes: [])) }
                pieces[pieces.count - 1].bytes.append(byte)
            case .channel(let number): channel = number
            // A damaged line must not end the session. Bytes behind an unknown switch go to the same console as before.
            case .unknownChannel, .lineBreak, .nothing: break
            }
        }
        return pieces
    }
}

/// Puts input for several consoles onto the one serial line.
struct ConsoleMultiplexer {
    /// Encodes input. Each piece names its console, because otherwise a lost switch would send all later input to a
    /// wrong one.
    func encode(_ bytes: some Sequence<UInt8>, for destination: UInt8) -> [UInt8] {
        var line: [UInt8] = []
        ConsoleChannel.withSwitch(to: destination) { line.append($0) }
        for byte in bytes { line += byte == ConsoleChannel.escape ? [byte, byte] : [byte] }
        return line
    }

    /// Encodes a break of a console's line, and a byte behind it.
    func encode(breakAnd byte: UInt8, for destination: UInt8) -> [UInt8] {
        var line: [UInt8] = []
        ConsoleChannel.withSwitch(to: destination) { line.append($0) }
        return line + [ConsoleChannel.escape, ConsoleChannel.lineBreak] + encode([byte], for: destination)
    }
}

/// Divides a console's bytes into lines.
struct LineSplitter {
    private(set) var rest: [UInt8] = []
    /// The length of a line, at most, so that a console without line feeds does not fill the tool's memory.
    static let longest = 4096

    mutating func take(_ bytes: [UInt8]) -> [String] {
        var lines: [String] = []
        for byte in bytes {
            if byte == 0x0A || rest.count == LineSplitter.longest {
                lines.append(flush())
                if byte == 0x0A { continue }
            }
            rest.append(byte)
        }
        return lines
    }

    /// Returns the bytes since the last line feed, without carriage returns at their end.
    mutating func flush() -> String {
        defer { rest.removeAll(keepingCapacity: true) }
        return String(decoding: rest[..<((rest.lastIndex { $0 != 0x0D } ?? -1) + 1)], as: UTF8.self)
    }
}

extension String {
    /// The text with `^[` for an escape, and so on. A component's line must neither move the terminal's cursor nor look
    /// like a line of another console.
    var withVisibleControls: String {
        guard unicodeScalars.contains(where: \.isHiddenControl) else { return self }
        var text = ""
        for scalar in unicodeScalars {
            guard scalar.isHiddenControl else {
                text.unicodeScalars.append(scalar)
                continue
            }
            text += scalar.value < 0x80 ? "^\(Character(Unicode.Scalar(UInt8(scalar.value) ^ 0x40)))" : "?"
        }
        return text
    }
}

extension Unicode.Scalar {
    fileprivate var isHiddenControl: Bool {
        (value < 0x20 && value != 0x0A && value != 0x09) || (0x7F...0x9F).contains(value)
    }
}
