/// A thing that a component has and finds by name in its configuration. The host tool alone computes slots and
/// addresses.
public struct Resource {
    /// The name in UTF-8, padded with zeros. It is unique among the resources of one kind.
    public var name: InlineArray<32, UInt8>
    /// The kind, as `ResourceKind`.
    public var kind: UInt64
    /// A slot of the component's own table, or 0 if the resource has none.
    public var slot: UInt64
    /// The address of memory in the component's own space. Address and `size` are in bytes and multiples of 4 KiB,
    /// except for registers and files. The size is 0 if the resource has no memory.
    public var address: UInt64
    public var size: UInt64
    /// A number or bits; `ResourceKind` gives the meaning.
    public var number: UInt64
    /// One more word; `ResourceKind` gives the meaning.
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

    /// The size of a name in bytes.
    public static let nameSize = 32
}

/// The kinds of resources, with the meaning of their words.
public enum ResourceKind: UInt64, Sendable {
    /// A portal that the component may call, in `slot`. `number`: the server's number. `address`, `size`: the memory
    /// for rings that client and server share. `detail`: the address of the page of `RingLives`.
    case portal = 1
    /// A component that calls this one and shares memory for rings with it. `number`: the caller's number, which is the
    /// badge of its portal. `address`, `size`, `detail`: as for `portal`.
    case caller = 2
    /// Memory that the component shares with a machine or another component. `slot`: the notification that rings the
    /// peer. `number`: the bits that the component's own notification gets when the peer rings.
    case sharedMemory = 3
    /// The registers of a device.
    case registers = 4
    /// A device's interrupt, in `slot`, bound to the component's own notification. `number`: the bits that the
    /// interrupt raises there.
    case interrupt = 5
    /// Memory that a device may access. `number`: the address at which the device sees its first byte.
    case dmaMemory = 6
    /// A further notification of the component's own, in `slot`.
    case notification = 7
    /// A client of the console driver. `number`: its channel. `address`: the page of its output queue; the page of its
    /// input queue follows. `slot`: its notification.
    case consoleClient = 8
    /// A file that a pager brings into memory, at `address`. `size` is not rounded up.
    case file = 9
    /// A client of a pager. `number`: the client's number. `address`, `size`: the client's file in the pager's space,
    /// where `size` is not rounded up. `slot`: the client's space. `detail`: the address of the file in that space.
    case pagedClient = 10
    /// Memory whose pages the component may map into spaces of others. `slot`: the extent of that memory. `number`:
    /// the first of the slots for mappings. `detail`: the number of these slots.
    case frames = 11
    /// A connection over which the component sends requests for blocks (`BlockConnectionLayout`). `slot`: the server's
    /// notification. `address`, `size`: the client's part of the memory, which the component can write, and behind it
    /// the server's. `number`: the bits that the component's own notification gets. `detail`: the number of banks.
    case blockServer = 12
    /// A connection over which the component serves requests for blocks. `number`: the bits that the component's own
    /// notification gets, below 2⁴⁸, and from bit 48 on the client's number. All else as for `blockServer`.
    case blockClient = 13
    /// The memory that has the data of a client's requests. `address`: 0 if the component cannot access it. `number`:
    /// the address at which the board's devices see it, for a driver. `detail`: the window's number in requests.
    case window = 14
    /// A disk of a machine or of a component, by its name in the manifest. `slot`: of a machine, the notification that
    /// raises the disk's interrupt. `number`: the disk's virtio slot. `detail`: its number in the connection. For the
    /// storage component the name is that of the disk in the pool, `number` has the client's number, from bit 16 on
    /// the disk's number in the connection, and from bit 32 on `VirtualDiskFlags`; `detail` is the board's disk. The
    /// driver has the same for each whole disk of the board whose user is its own client.
    case virtualDisk = 15
    /// The pages by which a monitor and a machine's backend share the state of virtual devices. `slot`: the peer's
    /// notification. `number`: the bits that the component's own notification gets. `detail`: the address of the page
    /// of `RingLives`, whose client is the backend.
    case virtioPages = 16
    /// The RAM of the machine whose backend the component is. `number`: its guest-physical address.
    case machineMemory = 17
    /// Memory that outlives the component, and that no other tenant can access. `slot`, of the flash of a monitor's
    /// machine: the extent, and behind it a free slot for its mapping in the machine's space.
    case lastingMemory = 18
    /// A disk of the board, by its name in the manifest. A driver has the registers at `address`, its interrupt in
    /// `slot`, and in `number` the bits that the interrupt raises. `detail`: the disk's number in the connection
    /// between driver and storage.
    case boardDisk = 19
}

/// The choices of the manifest for a disk that the storage component serves.
public enum VirtualDiskFlags {
    public static let readOnly: UInt64 = 1
    /// The disk is a whole disk of the board, or a partition of it, and not a disk of the pool.
    public static let isWhole: UInt64 = 2
    /// The first of eight bits with the number of the GPT partition; 0: the whole disk.
    public static let partitionShift: UInt64 = 8
}

extension ComponentLayout {
    /// The address of the component's resources. They lie one behind the other, as many as the configuration says.
    public static let resources: UInt64 = configuration + configurationSize
}
