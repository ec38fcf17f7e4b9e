/// One thing that a component has, as it finds it by name in its configuration. The host tool computes slots and
/// addresses, and nobody else knows them.
public struct Resource {
    /// UTF-8, padded with zeros; unique among the resources of its kind.
    public var name: InlineArray<32, UInt8>
    /// `ResourceKind`.
    public var kind: UInt64
    /// A slot of the component's own table; 0: the resource has none.
    public var slot: UInt64
    /// Memory in the component's own space; size 0: the resource has none. Both in bytes, multiples of 4 KiB but for
    /// registers and files.
    public var address: UInt64
    public var size: UInt64
    /// A number or bits: `ResourceKind` says which.
    public var number: UInt64
    /// One more word: `ResourceKind` says which.
    public var detail: UInt64

    public init(
        name: InlineArray<32, UInt8>, kind: ResourceKind, slot: UInt64 = 0, address: UInt64 = 0, size: UInt64 = 0,
        number: UInt64 = 0, detail: UInt64 = 0
    ) {
        self.name = name
        self.kind = kind.rawValue
        self.slot = slot
        self.address = address
        self.size = size
        self.number = number
        self.detail = detail
    }

    /// Bytes of a name.
    public static let nameSize = 32
}

/// The kinds of resources, with the meaning of their words.
public enum ResourceKind: UInt64, Sendable {
    /// A portal that the component may call, in `slot`. `number`: the server's number. `address`, `size`: the memory
    /// for rings that both share. `detail`: the address of the page of `RingLives`.
    case portal = 1
    /// A component that calls this one and shares memory for rings with it. `number`: the caller's number, which is the
    /// badge of its portal. `address`, `size`, `detail`: as for `portal`.
    case caller = 2
    /// Memory that the component shares with a machine or another component. `slot`: the peer's bell. `number`: the
    /// bits that the component hears when the peer rings.
    case sharedMemory = 3
    /// The registers of a device.
    case registers = 4
    /// A device's interrupt, in `slot`, bound to the component's own notification. `number`: the bits that it raises
    /// there.
    case interrupt = 5
    /// Memory that a device may access. `number`: the address at which the device sees its first byte.
    case dmaMemory = 6
    /// A further notification of the component's own, in `slot`.
    case notification = 7
    /// A client of the console driver. `number`: its channel. `address`: its output queue's page, then its input queue's.
    /// `slot`: its notification.
    case consoleClient = 8
    /// A file that a pager brings into memory, at `address`. `size` is not rounded up.
    case file = 9
    /// A client of a pager. `number`: the client's number. `address`, `size`: its file, as the pager sees it; `size` is
    /// not rounded up. `slot`: the client's space. `detail`: the address of the file in that space.
    case pagedClient = 10
    /// Memory whose pages the component may map into spaces of others. `slot`: its extent. `number`: the first of the
    /// slots for mappings, `detail`: how many there are.
    case frames = 11
}

extension ComponentLayout {
    /// The component's resources: as many `Resource`s as its configuration says, one behind the other.
    public static let resources: UInt64 = configuration + configurationSize
}
