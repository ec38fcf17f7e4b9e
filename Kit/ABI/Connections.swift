extension ComponentLayout {
    /// The message page of a component's thread N lies N pages further.
    public static let messagePages: UInt64 = 0x1C00_0000
    /// Memory for rings that two components share: what one connection may have at most, and one ring in it.
    public static let maximumShared: UInt64 = 0x10_0000
    public static let maximumRing: UInt64 = 0x1_0000
    /// The page of `RingLives` behind it, which both ends can only read.
    public static let livesSize: UInt64 = 4096
}

extension MessagePage {
    /// From here on the kernel neither reads nor writes the page: it is the component's own.
    public static let own: UInt64 = 0x800
}

/// Offsets of the counts, each a UInt64, of the deaths of a connection's ends. Root keeps them in a page beside the
/// memory that both ends share.
public enum RingLives {
    public static let client: UInt64 = 0
    public static let server: UInt64 = 8
}
