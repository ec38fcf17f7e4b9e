/// A page shared between a console client and the console driver: bytes in one direction.
///
/// Offsets are in bytes from the page's start. Both counters only grow (modulo 2³²); each has one writer. The reader
/// treats a distance over `capacity` as a hostile peer: it discards what is there and takes `head` as its `tail`.
public enum ConsoleQueue {
    public static let size: UInt64 = 4096
    /// UInt32, written by the producer, with release ordering after the bytes.
    public static let head: UInt64 = 0
    /// UInt32, written by the consumer, with release ordering after it has read the bytes.
    public static let tail: UInt64 = 64
    public static let data: UInt64 = 1024
    public static let capacity: UInt32 = 2048
}

/// How several consoles share one serial line, in both directions.
///
/// `escape` and then a switch mean that the bytes of channel N follow. For N below `firstWide` the switch is one byte,
/// `firstChannel + N`. For others it is two: `widePrefix + N / 64` and `firstChannel + N % 64`. `escape` `escape` is a
/// literal `escape` byte. A reader takes bytes before the first switch as channel `kernel`.
public enum ConsoleChannel {
    public static let escape: UInt8 = 0x1E
    public static let firstChannel: UInt8 = 0x40
    /// The first channel whose switch takes two bytes.
    public static let firstWide: UInt8 = 60
    public static let widePrefix: UInt8 = 0x7C
    /// The kernel's own console; N = 0.
    public static let kernel: UInt8 = 0
    /// Root; N = 1. Tenants follow in the order of the image's table.
    public static let root: UInt8 = 1
    /// How many channels there are.
    public static let maximum = 256

    /// Hands `escape` and the bytes of the switch to a channel to `body`, in the order of the line.
    @inline(__always)
    public static func withSwitch(to channel: UInt8, _ body: (UInt8) -> Void) {
        body(escape)
        if channel >= firstWide { body(widePrefix | channel >> 6) }
        body(firstChannel + (channel < firstWide ? channel : channel & 0x3F))
    }
}

/// Reads the line byte by byte. A byte that is lost or changed does no harm beyond the next switch.
public struct ConsoleLineReader {
    public enum Item: Equatable {
        /// A byte of the present channel.
        case byte(UInt8)
        /// The bytes of this channel follow.
        case channel(UInt8)
        /// A switch that names no channel.
        case unknownChannel
        /// The byte is a part of a switch or of an escape.
        case nothing
    }

    private enum State { case text, escaped, wide(UInt8) }
    private var state = State.text

    public init() {}

    /// Reads one byte.
    public mutating func take(_ byte: UInt8) -> Item {
        switch state {
        case .text:
            guard byte == ConsoleChannel.escape else { return .byte(byte) }
            state = .escaped
            return .nothing
        case .escaped:
            state = .text
            if byte == ConsoleChannel.escape { return .byte(byte) }
            guard byte >= ConsoleChannel.widePrefix, byte < 0x80 else {
                return Self.channel(byte, ConsoleChannel.firstWide)
            }
            state = .wide(byte << 6)
            return .nothing
        case .wide(let high):
            // A sender that was restarted in the middle of a switch begins with another one.
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
