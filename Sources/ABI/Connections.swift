/// How a component finds the portals that it may call: root puts each into a slot, and its name beside the slot into the
/// component's configuration.
public enum Connections {
    /// At most so many for each component.
    public static let maximum = 8
    /// Bytes of a name, padded with zeros.
    public static let nameSize = 32
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
}

extension InitialSlot {
    /// A component with `shared` memory: the whole of it, as an extent (read, write, manage).
    public static let sharedMemory: UInt32 = 48
    /// A component: slots for parts of its shared memory, and for mappings of others' memory.
    public static let firstShared: UInt32 = 49
    public static let sharedCount: UInt32 = 15
    /// A component: the portals of its connections, in the order of the configuration.
    public static let firstConnection: UInt32 = 32
    /// A component: slots in which capabilities land that come with messages.
    public static let firstReceived: UInt32 = 128
    public static let receivedCount: UInt32 = 32
}

extension ComponentLayout {
    /// The message page of a component's thread N lies N pages further.
    public static let messagePages: UInt64 = 0x1C00_0000
    /// Memory of a component that it may share with others.
    public static let shared: UInt64 = 0x2800_0000
    public static let maximumShared: UInt64 = 0x10_0000
    /// Memory of others, in windows by the number of the slot. One page table serves both.
    public static let windows: UInt64 = 0x2810_0000
    public static let windowSize: UInt64 = 0x1_0000
}

extension MessagePage {
    /// From here on the kernel neither reads nor writes the page: it is the component's own.
    public static let own: UInt64 = 0x800
}
