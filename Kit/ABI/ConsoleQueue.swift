/// The layout of a page that a console client and the console driver share. It carries bytes in one direction.
///
/// Offsets are in bytes from the page's start. Both counters only grow (modulo 2³²), and each has one writer. A
/// reader that finds more than `capacity` bytes between them treats its peer as hostile: it discards the bytes and
/// sets `tail` to `head`.
public enum ConsoleQueue {
    public static let size: UInt64 = 4096
    /// The offset of a UInt32 that the producer writes, with release ordering, after it has written the bytes.
    public static let head: UInt64 = 0
    /// The offset of a UInt32 that the producer writes before `head`. It is the complement of the counter of the latest
    /// byte that is a break of the line. Such a byte is 0, so that a consumer without interest in breaks takes a 0.
    public static let breakPlace: UInt64 = 4
    /// The offset of a UInt32 that the consumer writes, with release ordering, after it has read the bytes.
    public static let tail: UInt64 = 64
    public static let data: UInt64 = 1024
    public static let capacity: UInt32 = 2048
    /// A break of the line among characters of 16 bits, at the place that it has in a PL011's UARTDR.
    public static let breakCharacter: UInt16 = 1 << 10
    /// The number of times that a component yields for room before its console drops output, unless the component
    /// chooses another number.
    public static let patience = 100_000
}

/// The encoding by which several consoles share one serial line, in both directions.
///
/// A sender announces the bytes of channel N by `escape` and a switch. The switch to a channel below `firstWide` is one
/// byte, `firstChannel + N`. The switch to any other channel is two bytes: `widePrefix + N / 64` and `firstChannel + N
/// % 64`. A sender writes `escape` twice for a literal `escape` byte, and `escape` and `lineBreak` for a break of the
/// line. A reader takes bytes before the first switch as channel `kernel`.
public enum ConsoleChannel {
    public static let escape: UInt8 = 0x1E
    public static let firstChannel: UInt8 = 0x40
    /// The first channel whose switch takes two bytes.
    public static let firstWide: UInt8 = 60
    public static let widePrefix: UInt8 = 0x7C
    /// The byte that makes a break of the present channel's line, behind `escape`.
    public static let lineBreak: UInt8 = 0x21
    /// The number of the kernel's own console.
    public static let kernel: UInt8 = 0
    /// The number of root's console. The channels of tenants follow in the order of the image's table.
    public static let root: UInt8 = 1
    /// The number of channels, at most.
    public static let maximum = 256

    /// Passes `escape`, and then each byte of the switch to `channel`, to `body` in the order of the line.
    @inline(__always)
    public static func withSwitch(to channel: UInt8, _ body: (UInt8) -> Void) {
        body(escape)
        if channel >= firstWide { body(widePrefix | channel >> 6) }
        body(firstChannel + (channel < firstWide ? channel : channel & 0x3F))
    }
}

/// Decodes the bytes of the line one by one. A lost or changed byte does no harm beyond the next switch.
public struct ConsoleLineReader {
    public enum Item: Equatable {
        /// A byte of the present channel.
        case byte(UInt8)
        /// The bytes of this channel follow.
        case channel(UInt8)
        /// A break of the present channel's line.
        case lineBreak
        /// A switch that names no channel.
        case unknownChannel
        /// The byte is a part of a switch or of an escape.
        case nothing
    }

    private enum State { case text, escaped, wide(UInt8) }
    private var state = State.text

    public init() {}

    /// Decodes one byte.
    public mutating func take(_ byte: UInt8) -> Item {
        switch state {
        case .text:
            guard byte == ConsoleChannel.escape else { return .byte(byte) }
            state = .escaped
            return .nothing
        case .escaped:
            state = .text
            if byte == ConsoleChannel.escape { return .byte(byte) }
            if byte == ConsoleChannel.lineBreak { return .lineBreak }
            guard byte >= ConsoleChannel.widePrefix, byte < 0x80 else {
                return Self.channel(byte, ConsoleChannel.firstWide)
            }
            state = .wide(byte << 6)
            return .nothing
        case .wide(let high):
            // A sender that was restarted in the middle of a switch begins with another switch.
            state = byte == ConsoleChannel.escape ? .escaped : .text
            if byte == ConsoleChannel.escape { return .nothing }
            guard case .channel(let low) = Self.channel(byte, 64) else { return .unknownChannel }
            return .channel(high | low)
        }
    }

    private static func channel(_ byte: UInt8, _ count: UInt8) -> Item {
        let number = byte &- ConsoleChannel.firstChannel
        return number < count ? .channel(number) : .unknownChannel
    }
}
