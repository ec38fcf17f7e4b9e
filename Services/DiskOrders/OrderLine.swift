import DiskPool

// The lines of orders and replies are words of printable ASCII with one space between two of them. A name is one word:
// each byte that is no letter, digit or mark of ASCII is written as a percent sign and two digits.

/// Takes the words of a line, one after the other.
struct LineReader {
    private var rest: ArraySlice<UInt8>

    init(_ line: some Collection<UInt8>) { rest = ArraySlice(Array(line)) }

    /// True if the line has no further word.
    var isAtEnd: Bool { rest.isEmpty }

    /// Returns the next word, or nil at the end of the line.
    mutating func word() -> ArraySlice<UInt8>? {
        guard !rest.isEmpty else { return nil }
        let end = rest.firstIndex(of: 0x20) ?? rest.endIndex
        defer { rest = end == rest.endIndex ? [] : rest[(end + 1)...] }
        return rest[..<end]
    }

    /// Returns the next word as a decimal number, or nil if it is none or exceeds `most`.
    mutating func number(most: UInt64 = .max) -> UInt64? {
        guard let word = word(), !word.isEmpty, word.count <= 20 else { return nil }
        var number: UInt64 = 0
        for byte in word {
            guard byte >= 0x30, byte <= 0x39 else { return nil }
            let (product, isTooLarge) = number.multipliedReportingOverflow(by: 10)
            let (sum, isTooLargeNow) = product.addingReportingOverflow(UInt64(byte - 0x30))
            guard !isTooLarge, !isTooLargeNow else { return nil }
            number = sum
        }
        return number <= most ? number : nil
    }

    /// Returns the next word as a name, or nil if it cannot be one. The word `-` is the empty name.
    mutating func name() -> PoolName? {
        guard let word = word() else { return nil }
        if word.count == 1, word.first == 0x2D { return PoolName() }
        var bytes: [UInt8] = []
        var index = word.startIndex
        while index < word.endIndex {
            guard word[index] == 0x25 else {
                bytes.append(word[index])
                index += 1
                continue
            }
            guard index + 2 < word.endIndex, let high = Self.digit(word[index + 1]),
                let low = Self.digit(word[index + 2])
            else { return nil }
            bytes.append(high << 4 | low)
            index += 3
        }
        return PoolName(bytes)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x61...0x66: byte - 0x57
        default: nil
        }
    }
}

/// Writes the words of a line.
struct LineWriter {
    private(set) var bytes: [UInt8] = []

    mutating func add(_ word: String) {
        separate()
        bytes += word.utf8
    }

    mutating func add(_ number: UInt64) {
        separate()
        let start = bytes.count
        var rest = number
        repeat {
            bytes.insert(UInt8(truncatingIfNeeded: 0x30 + rest % 10), at: start)
            rest /= 10
        } while rest != 0
    }

    mutating func add(_ name: PoolName) {
        separate()
        guard !name.isEmpty else { return bytes.append(0x2D) }
        let count = (0..<PoolLayout.maximumName).first { name.byte($0) == 0 } ?? PoolLayout.maximumName
        for index in 0..<count {
            let byte = name.byte(index)
            // A name of only a minus would read as the empty name.
            let isPlain = byte > 0x20 && byte < 0x7F && byte != 0x25 && !(count == 1 && byte == 0x2D)
            if isPlain { bytes.append(byte) } else { bytes += [0x25, Self.digit(byte >> 4), Self.digit(byte & 15)] }
        }
    }

    private mutating func separate() { if !bytes.isEmpty { bytes.append(0x20) } }

    private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }
}
