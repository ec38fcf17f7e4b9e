extension ComponentLayout {
    /// The address of the message page of a component's first thread. The page of thread N lies N pages further.
    public static let messagePages: UInt64 = 0x1C00_0000
    /// The size in bytes of the memory that the rings of one connection share, at most. `maximumRing` bounds one ring
    /// in it.
    public static let maximumShared: UInt64 = 0x10_0000
    public static let maximumRing: UInt64 = 0x1_0000
    /// The size in bytes of the page of `RingLives`. It lies behind that memory, and both ends can only read it.
    public static let livesSize: UInt64 = 4096
}

extension MessagePage {
    /// The offset of the part that the kernel neither reads nor writes. The component uses it as it likes.
    public static let own: UInt64 = 0x800
}

/// Offsets of the counts, each a UInt64, of the deaths of a connection's ends. Root keeps them in a page beside the
/// memory that both ends share.
public enum RingLives {
    public static let client: UInt64 = 0
    public static let server: UInt64 = 8
}
