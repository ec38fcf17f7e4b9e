/// A page shared between a console client and the console driver: bytes in one direction.
///
/// Offsets are in bytes from the page's start. Both counters only grow (modulo 2³²); each has one writer. The reader
/// treats a distance over `capacity` as a hostile peer: it discards what is there and takes `head` as its `tail`.
public enum ConsoleRing {
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
/// `escape` then a byte `firstChannel + N` means: what follows belongs to channel N. `escape` `escape` is a literal
/// `escape` byte. A reader takes bytes before the first switch as channel `kernel`.
public enum ConsoleChannel {
    public static let escape: UInt8 = 0x1E
    public static let firstChannel: UInt8 = 0x40
    /// The kernel's own console; N = 0.
    public static let kernel: UInt8 = 0
    /// Root; N = 1. Tenants follow in the order of the image's table.
    public static let root: UInt8 = 1
    public static let maximum = 60
}
