/// The places of a pool's structures in its memory, in bytes. A device reads and writes each of them.
public struct PoolBuffers {
    public let units: UInt32
    public let mapBlocks: Int
    public let records: Int
    public let slots: Int

    public init(units: UInt32, records: Int, slots: Int) {
        self.units = units
        mapBlocks = PoolLayout.mapBlockCount(units: units)
        self.records = records
        self.slots = slots
    }

    var superblock: Int { 0 }
    func mapBlock(_ index: Int) -> Int { PoolLayout.unitSize * (1 + index) }
    /// The units that are free on the disk and must not be allocated yet. This part has no copy on the disk.
    var busy: Int { mapBlock(mapBlocks) }
    func record(_ index: Int) -> Int { busy + PoolLayout.unitSize * mapBlocks + PoolLayout.recordSize * index }
    func slot(_ index: Int) -> Int {
        record(0) + (PoolLayout.recordSize * records + PoolLayout.unitSize - 1) / PoolLayout.unitSize
            * PoolLayout.unitSize + PoolLayout.unitSize * index
    }
    /// The size of the memory.
    public var size: Int { slot(slots) }
}

/// A request of the pool to its device.
public struct DeviceRequest: Equatable, Sendable {
    public enum Kind: Equatable, Sendable { case read, write, flush }
    public enum Place: Equatable, Sendable {
        /// An offset in the pool's own memory.
        case buffer(Int)
        case window(Int, offset: Int)
    }
    public var kind: Kind
    public var sector: UInt64
    /// The number of sectors; 0 for a flush.
    public var count: Int
    public var place: Place
    /// The number by which the pool knows the request when it is done.
    public var tag: UInt32
}

/// The owner of a request to the device.
enum DeviceTag: Equatable {
    case request(Int)
    case node(Int)
    case commit
    case mount

    var word: UInt32 {
        switch self {
        case .request(let index): 0 << 24 | UInt32(index)
        case .node(let slot): 1 << 24 | UInt32(slot)
        case .commit: 2 << 24
        case .mount: 3 << 24
        }
    }

    init?(word: UInt32) {
        let index = Int(word & 0xFF_FFFF)
        switch word >> 24 {
        case 0: self = .request(index)
        case 1: self = .node(index)
        case 2: self = .commit
        case 3: self = .mount
        default: return nil
        }
    }
}

/// A queue of bounded length, first in, first out.
struct BoundedQueue<Element> {
    private var elements: [Element?]
    private var head = 0
    private(set) var count = 0

    init(capacity: Int) { elements = [Element?](repeating: nil, count: capacity) }
    var room: Int { elements.count - count }

    mutating func append(_ element: Element) {
        precondition(room > 0, "the queue is full")
        elements[(head + count) % elements.count] = element
        count += 1
    }

    mutating func removeFirst() -> Element? {
        guard count > 0 else { return nil }
        let element = elements[head]
        elements[head] = nil
        head = (head + 1) % elements.count
        count -= 1
        return element
    }
}
