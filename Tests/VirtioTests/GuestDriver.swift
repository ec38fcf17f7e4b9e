import ABI
import VirtualPlatform

@testable import Virtio

/// A driver in the guest, which keeps to the rules of virtio: a reference for the device.
///
/// Each sector that it writes begins with the number of the write, and so do all other words of the sector. So a read
/// tells which write its sectors come from.
final class GuestDriver {
    let world: World
    let slot: Int
    var random: Seeded
    var transport: VirtioTransport
    let size: Int
    let queueCount: Int
    var usesEventIndex = true
    var usesIndirect = true
    /// Further features that the driver does not accept.
    var omittedFeatures: UInt64 = 0
    var features: UInt64 = 0

    struct Request {
        var type: UInt32
        var sector: Int
        var count: Int
        var number: UInt64
        /// The places of the data in RAM.
        var data: [(address: UInt64, length: Int)]
        var status: UInt64
        var descriptors: [Int]
        var expected: [Set<UInt64>]
    }

    struct Queue {
        var descriptors: UInt64 = 0
        var driver: UInt64 = 0
        var device: UInt64 = 0
        var available: UInt16 = 0
        var seen: UInt16 = 0
        var free: [Int] = []
        var requests: [Int: Request] = [:]
    }
    var queues: [Queue] = []
    /// The numbers of the writes that each sector may come from.
    var possible: [Set<UInt64>]
    var busySectors: Set<Int> = []
    var nextNumber: UInt64 = 1
    var completed = 0
    var failures: [String] = []
    var resets = 0
    /// The memory for buffers that is free, in blocks of 512 bytes.
    private var freeBlocks: [UInt64] = []

    /// The part of the RAM that the driver uses.
    private let memory: Range<UInt64>

    init(_ world: World, slot: Int = 0, seed: UInt64, size: Int = 16, queues count: Int = 1, transport: VirtioTransport)
    {
        let part = UInt64(world.ram.count / world.disks.count) & ~4095
        memory = World.ramBase + UInt64(slot) * part..<World.ramBase + UInt64(slot + 1) * part
        (self.world, self.slot, self.size, queueCount) = (world, slot, size, count)
        random = Seeded(seed)
        self.transport = transport
        possible = Array(repeating: [0], count: Int(world.disks[0]!.capacity))
    }

    // MARK: Registers

    /// Writes a register. Returns false if the store must be repeated.
    func write(_ register: Int, _ value: UInt32, size: UInt64 = 4) -> Bool {
        var monitor = TestMonitor(world: world)
        transport.write(UInt64(slot * VirtioPages.slotSize + register), size: size, UInt64(value), &monitor)
        return !transport.isHeldByPeer
    }
    func read(_ register: Int) -> UInt32 { world.register(slot * VirtioPages.slotSize + register) }

    /// Initialises the device (virtio 1.2, 3.1.1).
    func start() {
        let set = { [self] (register: Int, value: UInt32) in
            if !write(register, value) { failures.append("the register \(register) is held") }
        }
        guard read(VirtioRegister.magic) == VirtioRegister.magicValue, read(VirtioRegister.version) == 2,
            read(VirtioRegister.deviceID) == 2
        else { return failures.append("no device") }
        set(VirtioRegister.status, 1)
        set(VirtioRegister.status, 3)
        set(VirtioRegister.deviceFeaturesSelect, 0)
        features = UInt64(read(VirtioRegister.deviceFeatures))
        set(VirtioRegister.deviceFeaturesSelect, 1)
        features |= UInt64(read(VirtioRegister.deviceFeatures)) << 32
        if !usesEventIndex { features &= ~BlockFeature.eventIndex }
        if !usesIndirect { features &= ~BlockFeature.indirect }
        features &= ~omittedFeatures
        set(VirtioRegister.driverFeaturesSelect, 0)
        set(VirtioRegister.driverFeatures, UInt32(truncatingIfNeeded: features))
        set(VirtioRegister.driverFeaturesSelect, 1)
        set(VirtioRegister.driverFeatures, UInt32(truncatingIfNeeded: features >> 32))
        set(VirtioRegister.status, 11)
        if read(VirtioRegister.status) != 11 { failures.append("the features are refused") }
        makeQueues()
        for (number, queue) in queues.enumerated() {
            set(VirtioRegister.queueSelect, UInt32(number))
            if read(VirtioRegister.maximumQueueSize) != 256 || read(VirtioRegister.queueReady) != 0 {
                failures.append("queue \(number) is not free")
            }
            set(VirtioRegister.queueSize, UInt32(size))
            set(VirtioRegister.descriptorsLow, UInt32(queue.descriptors))
            set(VirtioRegister.descriptorsHigh, 0)
            set(VirtioRegister.driverLow, UInt32(queue.driver))
            set(VirtioRegister.driverHigh, 0)
            set(VirtioRegister.deviceLow, UInt32(queue.device))
            set(VirtioRegister.deviceHigh, 0)
            set(VirtioRegister.queueReady, 1)
            if read(VirtioRegister.queueReady) != 1 { failures.append("queue \(number) is not ready") }
        }
        set(VirtioRegister.status, 15)
        if read(VirtioRegister.status) != 15 { failures.append("the device does not run") }
    }

    /// Forgets all requests, and expects an empty disk.
    func forget() {
        queues = []
        blocksOf = [:]
        possible = Array(repeating: [0], count: possible.count)
    }

    private func makeQueues() {
        var next = memory.lowerBound
        queues = (0..<queueCount).map { _ in
            var queue = Queue()
            queue.descriptors = next
            queue.driver = next + UInt64(16 * size)
            queue.device = (queue.driver + UInt64(6 + 2 * size) + 3) & ~3
            next = (queue.device + UInt64(6 + 8 * size) + 4095) & ~4095
            queue.free = Array(0..<size)
            return queue
        }
        for address in memory.lowerBound..<next { world.ram[Int(address - World.ramBase)] = 0 }
        freeBlocks = stride(from: next, to: memory.upperBound, by: 512).map { $0 }
        busySectors = []
    }

    /// Begins a reset, and continues it if it has begun. Returns true once it is done.
    func reset() -> Bool {
        guard write(VirtioRegister.status, 0) else { return false }
        if read(VirtioRegister.status) != 0 { failures.append("the status is not 0 after the reset") }
        resets += 1
        world.interrupts &= ~(1 << UInt64(slot))
        // Each write that has no answer may have been performed or not.
        for queue in queues {
            for request in queue.requests.values where request.type == 1 || request.type == 13 {
                let number = request.type == 1 ? request.number : 0
                for index in 0..<request.count { possible[request.sector + index].insert(number) }
            }
        }
        queues = []
        return true
    }

    // MARK: Memory

    func get(_ address: UInt64, _ size: Int) -> UInt64 {
        (0..<size).reduce(0) { $0 | UInt64(world.ram[Int(address - World.ramBase) + $1]) << UInt64(8 * $1) }
    }
    func put(_ value: UInt64, _ address: UInt64, _ size: Int) {
        for index in 0..<size {
            world.ram[Int(address - World.ramBase) + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index))
        }
    }

    /// Divides blocks of memory into pieces at random.
    private func pieces(_ blocks: [UInt64]) -> [(address: UInt64, length: Int)] {
        var pieces: [(address: UInt64, length: Int)] = []
        for block in blocks {
            if let last = pieces.last, last.address + UInt64(last.length) == block, random.chance(60) {
                pieces[pieces.count - 1].length += 512
            } else if random.chance(20) {
                let cut = 1 + random.below(511)
                pieces.append((block, cut))
                pieces.append((block + UInt64(cut), 512 - cut))
            } else {
                pieces.append((block, 512))
            }
        }
        return pieces
    }

    // MARK: Requests

    var outstanding: Int { queues.reduce(0) { $0 + $1.requests.count } }

    /// Submits a request of a type at random. Returns false if there is no room.
    func submit(maximumSectors: Int = 40) -> Bool {
        guard !queues.isEmpty else { return false }
        let type: UInt32 = [0, 0, 0, 1, 1, 1, 1, 4, 8, 13][random.below(10)]
        let hasData = type == 0 || type == 1
        let count = hasData ? 1 + random.below(maximumSectors) : type == 13 ? 1 + random.below(4) : 0
        let sector = random.below(possible.count - count)
        let range = sector..<sector + count
        guard !range.contains(where: busySectors.contains) else { return true }
        return submit(type, sector, count)
    }

    /// Submits a request. The driver has no other request for these sectors under way.
    func submit(_ type: UInt32, _ sector: Int, _ count: Int) -> Bool {
        let which = random.below(queues.count)
        let hasData = type == 0 || type == 1
        let dataBlocks = hasData ? count : 1
        guard freeBlocks.count >= dataBlocks + 3 else { return false }
        var blocks: [UInt64] = []
        if random.chance(50) {
            blocks = Array(freeBlocks.suffix(dataBlocks + 3))
            freeBlocks.removeLast(dataBlocks + 3)
        } else {
            for _ in 0..<dataBlocks + 3 { blocks.append(freeBlocks.remove(at: random.below(freeBlocks.count))) }
        }
        let extra = Array(blocks.prefix(2))
        let number = nextNumber
        nextNumber += 1
        var data = pieces(Array(blocks.dropFirst(3)))
        if data.count > 60 { data = blocks.dropFirst(3).map { ($0, 512) } }
        var request = Request(
            type: type, sector: sector, count: count, number: number, data: data, status: extra[0] + 100,
            descriptors: [], expected: (sector..<sector + count).map { possible[$0] })
        let chain = makeChain(&request, extra)
        // A table needs one block of 512 bytes.
        let isIndirect = usesIndirect && chain.count <= 32 && random.chance(70)
        let needed = isIndirect ? 1 : chain.count
        guard queues[which].free.count >= needed else {
            freeBlocks += blocks
            return false
        }
        place(chain, &request, which, table: isIndirect ? blocks[2] : nil)
        let head = request.descriptors[0]
        request.expected = (sector..<sector + count).map { possible[$0] }
        busySectors.formUnion(sector..<sector + count)
        queues[which].requests[head] = request
        blocksOf[head + which * 1000] = blocks
        offer(head, which)
        return true
    }
    private var blocksOf: [Int: [UInt64]] = [:]

    /// Writes header and data, and returns the chain's buffers.
    private func makeChain(
        _ request: inout Request, _ extra: [UInt64]
    ) -> [(address: UInt64, length: Int, isWritten: Bool)] {
        put(UInt64(request.type), extra[0], 8)
        put(request.type == 13 ? 0 : UInt64(request.sector), extra[0] + 8, 8)
        put(0xEE, request.status, 1)
        var readable: [(address: UInt64, length: Int)] = [(extra[0], 16)]
        if random.chance(20) { readable = [(extra[0], 5), (extra[0] + 5, 11)] }
        var writable: [(address: UInt64, length: Int)] = []
        switch request.type {
        case 0: writable = request.data
        case 1:
            fill(request)
            readable += request.data
        case 8: writable = [(request.data[0].address, 20)]
        case 13:
            put(UInt64(request.sector), extra[1], 8)
            put(UInt64(request.count), extra[1] + 8, 8)
            readable.append((extra[1], 16))
        default: break
        }
        writable.append((request.status, 1))
        return readable.map { ($0.address, $0.length, false) } + writable.map { ($0.address, $0.length, true) }
    }

    private func bytes(_ pieces: [(address: UInt64, length: Int)]) -> [UInt64] {
        pieces.flatMap { piece in (0..<piece.length).map { piece.address + UInt64($0) } }
    }

    private func fill(_ request: Request) {
        let places = bytes(request.data)
        for index in 0..<places.count {
            put(request.number >> UInt64(8 * (index & 7)) & 0xFF, places[index], 1)
        }
    }

    private func place(
        _ chain: [(address: UInt64, length: Int, isWritten: Bool)], _ request: inout Request, _ which: Int,
        table: UInt64?
    ) {
        func entry(_ index: Int, next: Int?) -> UInt64 {
            let flags: UInt64 = (next == nil ? 0 : 1) | (chain[index].isWritten ? 2 : 0)
            return UInt64(chain[index].length) | flags << 32 | UInt64(next ?? 0) << 48
        }
        if let table {
            for index in chain.indices {
                put(chain[index].address, table + UInt64(16 * index), 8)
                put(entry(index, next: index + 1 < chain.count ? index + 1 : nil), table + UInt64(16 * index + 8), 8)
            }
            let head = queues[which].free.remove(at: random.below(queues[which].free.count))
            let place = queues[which].descriptors + UInt64(16 * head)
            put(table, place, 8)
            put(UInt64(16 * chain.count) | 4 << 32, place + 8, 8)
            request.descriptors = [head]
            return
        }
        for _ in chain {
            request.descriptors.append(queues[which].free.remove(at: random.below(queues[which].free.count)))
        }
        for index in chain.indices {
            let place = queues[which].descriptors + UInt64(16 * request.descriptors[index])
            put(chain[index].address, place, 8)
            put(entry(index, next: index + 1 < chain.count ? request.descriptors[index + 1] : nil), place + 8, 8)
        }
    }

    /// Makes a chain available, and notifies the device if it asks for that (2.7.13).
    func offer(_ head: Int, _ which: Int) {
        let queue = queues[which]
        put(UInt64(head), queue.driver + 4 + UInt64(2 * (Int(queue.available) % size)), 2)
        let old = queue.available
        queues[which].available &+= 1
        put(UInt64(queues[which].available), queue.driver + 2, 2)
        let isWanted: Bool
        if usesEventIndex {
            let event = UInt16(get(queue.device + 4 + UInt64(8 * size), 2))
            isWanted = queues[which].available &- event &- 1 < queues[which].available &- old
        } else {
            isWanted = get(queue.device, 2) & 1 == 0
        }
        if isWanted { world.events |= 1 << (VirtioPages.BackendEvent.firstNotify + UInt64(slot)) }
    }

    // MARK: Completions

    /// Handles the interrupt, if there is one.
    func handleInterrupt() {
        guard world.interrupts & 1 << UInt64(slot) != 0 else { return }
        world.interrupts &= ~(1 << UInt64(slot))
        guard !queues.isEmpty else { return }
        if read(VirtioRegister.interruptStatus) == 0 { failures.append("an interrupt without a reason") }
        world.acknowledgements |= 1 << UInt64(slot)
        for which in queues.indices { takeUsed(which) }
    }

    private func takeUsed(_ which: Int) {
        repeat {
            while UInt16(get(queues[which].device + 2, 2)) != queues[which].seen {
                let place = queues[which].device + 4 + UInt64(8 * (Int(queues[which].seen) % size))
                queues[which].seen &+= 1
                finish(Int(get(place, 4)), written: Int(get(place + 4, 4)), which)
            }
            if usesEventIndex {
                put(UInt64(queues[which].seen), queues[which].driver + 4 + UInt64(2 * size), 2)
            }
        } while UInt16(get(queues[which].device + 2, 2)) != queues[which].seen
    }

    private func finish(_ head: Int, written: Int, _ which: Int) {
        guard let request = queues[which].requests.removeValue(forKey: head) else {
            return failures.append("the chain \(head) is completed twice")
        }
        completed += 1
        let status = get(request.status, 1)
        if status != 0 { failures.append("status \(status) of a request of type \(request.type)") }
        let expected = request.type == 0 ? 512 * request.count + 1 : request.type == 8 ? 21 : 1
        if written != expected { failures.append("\(written) bytes are written instead of \(expected)") }
        switch request.type {
        case 0: check(request)
        case 1, 13:
            for index in 0..<request.count {
                possible[request.sector + index] = [request.type == 1 ? request.number : 0]
            }
        case 8:
            let identity = (0..<20).map { UInt8(get(request.data[0].address + UInt64($0), 1)) }
            if identity != Array("76543210HGFEDCBATSRQ".utf8) { failures.append("the identity is \(identity)") }
        default: break
        }
        for sector in request.sector..<request.sector + request.count { busySectors.remove(sector) }
        queues[which].free += request.descriptors
        freeBlocks += blocksOf.removeValue(forKey: head + which * 1000)!
    }

    private func check(_ request: Request) {
        let places = bytes(request.data)
        for index in 0..<request.count {
            let found = (0..<64).map { word in
                (0..<8).reduce(UInt64(0)) { $0 | get(places[512 * index + 8 * word + $1], 1) << UInt64(8 * $1) }
            }
            guard Set(found).count == 1, possible[request.sector + index].contains(found[0]) else {
                failures.append(
                    "sector \(request.sector + index) has \(Set(found)) instead of \(possible[request.sector + index])")
                continue
            }
        }
    }
}
