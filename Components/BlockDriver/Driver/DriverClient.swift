import Entente

/// A client of the driver: the storage component, or the only user of some whole disks of the board.
///
/// It is a class, because the compiler would copy a structure for many reads of one of its properties.
final class DriverClient {
    var server: BlockServer
    /// The number of the only window that the client has; nil for storage, which names those of its own clients.
    private let window: UInt16?
    /// The places in the driver's list of disks, by the numbers of disks in the connection.
    private var places = [Int?](repeating: nil, count: BlockConnectionLayout.maximumDisks)
    /// The slots of the requests that have no answer, by their numbers.
    private var slots: [BlockSlot?]

    /// Finds a client's connection. The plan tells the driver of each disk that a client uses alone.
    init(of resource: Resource) {
        server = BlockServer(of: resource)
        slots = [BlockSlot?](repeating: nil, count: server.capacity)
        var isAlone = false
        var disks = Configuration.resources(of: .virtualDisk)
        while let disk = disks.next() { isAlone = isAlone || DiskUse(disk).client == server.clientNumber }
        window = isAlone ? UInt16(truncatingIfNeeded: server.clientNumber) : nil
    }

    /// True for the storage component, which has all disks of the board that nobody has alone.
    var isStorage: Bool { window == nil }

    func add(_ place: Int, as number: Int) {
        precondition(places.indices.contains(number), "a disk has a number beyond the table of disks")
        places[number] = place
    }

    /// Returns the place of the disk that a request names; nil if the client has no such disk.
    @inline(__always) func place(_ disk: UInt16) -> Int? { Int(disk) < places.count ? places[Int(disk)] : nil }

    /// Returns the number of the window that a request names; nil if the client has no such window.
    @inline(__always) func window(_ number: UInt16) -> UInt16? {
        guard let window else { return number }
        return number == 0 ? window : nil
    }

    /// Remembers the slot of a request that a device gets.
    @inline(__always) func keep(_ slot: BlockSlot) { slots[slot.number] = slot }

    /// Answers the request that a device has had by this number.
    @inline(__always) func answer(_ number: Int, _ status: BlockStatus) {
        if let slot = slots[number] { server.answer(slot, status) }
    }
}

/// The plan's word about a whole disk of the board that one client uses alone.
struct DiskUse {
    /// The client's number.
    let client: UInt64
    /// The disk's number in the client's connection.
    let number: Int
    let isReadOnly: Bool
    /// The number of the board's disk.
    let boardDisk: Int

    init(_ resource: Resource) {
        client = resource.number & 0xFFFF
        number = Int(truncatingIfNeeded: resource.number >> 16 & 0xFFFF)
        isReadOnly = resource.number >> 32 & VirtualDiskFlags.readOnly != 0
        boardDisk = Int(truncatingIfNeeded: resource.detail)
    }

    /// Returns the use of a disk of the board that is no disk of storage.
    static func of(boardDisk: Int) -> DiskUse? {
        var disks = Configuration.resources(of: .virtualDisk)
        while let disk = disks.next() {
            let use = DiskUse(disk)
            if use.boardDisk == boardDisk { return use }
        }
        return nil
    }
}
