/// How a component finds the portals that it may call: root puts each into a slot, and its name beside the slot into the
/// component's configuration.
public enum Connections {
    /// At most so many for each component.
    public static let maximum = 8
    /// Bytes of a name, padded with zeros.
    public static let nameSize = 32
    /// Every caller's number is below this.
    public static let maximumCallers = 64
}

/// One connection of a tenant, as the image's table has it.
public struct ConnectionRecord {
    /// What the client calls it; UTF-8, padded with zeros.
    public var name: InlineArray<32, UInt8>
    /// 1 + the index of the tenant that is called; 0: the record is unused.
    public var server: UInt64
}

/// One connection, as a component finds it in its configuration.
public struct Connection {
    /// What this component calls it; UTF-8, padded with zeros.
    public var name: InlineArray<32, UInt8>
    /// The slot of its portal; 0: the record is unused.
    public var slot: UInt64
    /// The server's number: 1 + its index in the image's table.
    public var server: UInt64
    /// The window of `ComponentLayout.shared` in which the memory lies that both share, if the component has any:
    /// connections to the same server have the same.
    public var window: UInt64
}

extension InitialSlot {
    /// A component: the portals of its connections, in the order of the configuration.
    public static let firstConnection: UInt32 = 32
    /// A component: slots in which capabilities land that come with messages.
    public static let firstReceived: UInt32 = 128
    public static let receivedCount: UInt32 = 32
}

extension ComponentLayout {
    /// The message page of a component's thread N lies N pages further.
    public static let messagePages: UInt64 = 0x1C00_0000
    /// Memory that a component shares with its servers: that of connection N in window N.
    public static let shared: UInt64 = 0x2800_0000
    /// Memory that callers share with a component: that of caller N in window N.
    public static let callers: UInt64 = 0x1000_0000
    /// One page table serves each window.
    public static let windowSize: UInt64 = 0x20_0000
    public static let maximumShared: UInt64 = 0x10_0000
    public static let maximumRing: UInt64 = 0x1_0000
    /// In each window: the page of `RingLives`, which both ends can only read.
    public static let ringLives: UInt64 = 0x10_0000
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
