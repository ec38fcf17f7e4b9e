import Entente

/// A request that a fake device has got.
public struct FakeDiskRequest: Sendable {
    /// The number of the first descriptor.
    public var head: UInt16
    public var type: UInt32
    public var sector: UInt64
    /// The pieces between header and status.
    public var data: [Piece]
    public var status: UInt64

    public struct Piece: Sendable {
        public var address: UInt64
        public var size: Int
        public var isForDriver: Bool
    }

    /// The number of bytes that the device may write.
    var writable: Int { data.filter(\.isForDriver).reduce(1) { $0 + $1.size } }
}

/// The device's side of a split virtqueue (virtio 1.2, 2.7), which checks the driver's side.
struct FakeVirtioQueue {
    let bus: FakeBus
    var size: UInt32 = 0
    var isReady = false
    var hasEventIndex = false
    var hasIndirect = false
    var (descriptors, available, used): (UInt64, UInt64, UInt64) = (0, 0, 0)
    /// The index of the next entry of the available ring, and that of the next element of the used ring.
    private var taken: UInt16 = 0
    private(set) var finished: UInt16 = 0
    /// The driver's breaches of the protocol.
    private(set) var faults: [String] = []

    init(bus: FakeBus) { self.bus = bus }

    /// Forgets all but the faults.
    mutating func reset() {
        let known = faults
        self = FakeVirtioQueue(bus: bus)
        faults = known
    }

    mutating func fault(_ text: String) { faults.append(text) }

    mutating func checkPlaces(limit: UInt32) {
        if size == 0 || size > limit || size & (size - 1) != 0 { fault("a queue of \(size)") }
        if descriptors & 15 != 0 || available & 1 != 0 || used & 3 != 0 { fault("a part of the queue is not aligned") }
    }

    // MARK: The available ring

    /// Takes the requests that the driver has made available, and asks for a notification at the next one.
    ///
    /// - Parameter pending: the requests that the device has and has not finished.
    mutating func fetch(into pending: inout [FakeDiskRequest]) {
        let index = UInt16(bus.number(available + 2, width: 2))
        if index &- taken > UInt16(size) { return fault("the available index jumps") }
        while taken != index {
            let place = available + 4 + 2 * UInt64(UInt32(taken) % size)
            let head = UInt16(bus.number(place, width: 2))
            taken &+= 1
            guard UInt32(head) < size, !pending.contains(where: { $0.head == head }) else {
                fault("the descriptor \(head) is made available")
                continue
            }
            if let pieces = pieces(of: head), let request = request(head, pieces) { pending.append(request) }
        }
        if hasEventIndex { bus.store(UInt64(taken), at: used + 4 + 8 * UInt64(size), width: 2) }
    }

    /// Follows a chain, and its indirect table if it has one.
    private mutating func pieces(of head: UInt16) -> [FakeDiskRequest.Piece]? {
        var table = descriptors
        var (index, limit) = (UInt64(head), UInt64(size))
        var pieces: [FakeDiskRequest.Piece] = []
        while pieces.count <= Int(limit) {
            let address = bus.number(table + 16 * index, width: 8)
            let size = bus.number(table + 16 * index + 8, width: 4)
            let flags = bus.number(table + 16 * index + 12, width: 2)
            let next = bus.number(table + 16 * index + 14, width: 2)
            if flags & 4 != 0 {
                guard hasIndirect, table == descriptors, flags & 1 == 0, size % 16 == 0, size > 0 else { break }
                (table, index, limit) = (address, 0, size / 16)
                continue
            }
            pieces.append(.init(address: address, size: Int(size), isForDriver: flags & 2 != 0))
            if flags & 1 == 0 { return pieces }
            guard next < limit else { break }
            index = next
        }
        fault("the chain \(head) is not well-formed")
        return nil
    }

    private mutating func request(_ head: UInt16, _ pieces: [FakeDiskRequest.Piece]) -> FakeDiskRequest? {
        guard let header = pieces.first, let status = pieces.last, pieces.count >= 2, !header.isForDriver,
            header.size == 16, status.isForDriver, status.size == 1
        else {
            fault("the chain \(head) is no request")
            return nil
        }
        return FakeDiskRequest(
            head: head, type: UInt32(bus.number(header.address, width: 4)),
            sector: bus.number(header.address + 8, width: 8), data: Array(pieces.dropFirst().dropLast()),
            status: status.address)
    }

    // MARK: The used ring

    /// Puts an element into the used ring. Returns true if the driver asks for an interrupt.
    mutating func use(_ head: UInt64, length: UInt64) -> Bool {
        let place = used + 4 + 8 * UInt64(UInt32(finished) % size)
        bus.store(head & 0xFFFF_FFFF, at: place, width: 4)
        bus.store(length, at: place + 4, width: 4)
        return publish(finished &+ 1)
    }

    /// Shows the driver an index. Returns true if the driver asks for an interrupt.
    mutating func publish(_ index: UInt16) -> Bool {
        let former = finished
        finished = index
        bus.store(UInt64(index), at: used + 2, width: 2)
        guard hasEventIndex else { return bus.number(available, width: 2) & 1 == 0 }
        let event = UInt16(bus.number(available + 4 + 2 * UInt64(size), width: 2))
        return index &- event &- 1 < index &- former
    }
}
