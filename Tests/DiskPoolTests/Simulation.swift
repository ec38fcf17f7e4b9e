@testable import DiskPool

/// The pool's memory, and the windows of clients, on the host.
final class HostMemory: PoolMemory {
    var words: [UInt32]
    var windows: [[UInt32]]
    static let crc = CRC32C()

    init(size: Int, windows: Int, windowSize: Int) {
        words = [UInt32](repeating: 0, count: size / 4)
        self.windows = (0..<windows).map { _ in [UInt32](repeating: 0, count: windowSize / 4) }
    }

    func load(_ offset: Int) -> UInt32 { words[offset / 4] }
    func store(_ offset: Int, _ word: UInt32) { words[offset / 4] = word }
    func checksum(_ offset: Int, count: Int) -> UInt32 { HostMemory.checksum(words[offset / 4..<(offset + count) / 4]) }
    static func checksum(_ words: some Sequence<UInt32>) -> UInt32 {
        var value: UInt32 = ~0
        for word in words { value = crc.add(word, to: value) }
        return ~value
    }
    func copy(from: Int, to: Int, count: Int) {
        for index in 0..<count / 4 { words[to / 4 + index] = words[from / 4 + index] }
    }
    func clear(_ offset: Int, count: Int) { for index in offset / 4..<(offset + count) / 4 { words[index] = 0 } }
    func checksum(window: Int, _ offset: Int, count: Int) -> UInt32 {
        HostMemory.checksum(windows[window][offset / 4..<(offset + count) / 4])
    }
    func clear(window: Int, _ offset: Int, count: Int) {
        for index in offset / 4..<(offset + count) / 4 { windows[window][index] = 0 }
    }
    func copy(window: Int, _ offset: Int, to: Int, count: Int) {
        for index in 0..<count / 4 { words[to / 4 + index] = windows[window][offset / 4 + index] }
    }
    func copy(_ from: Int, toWindow window: Int, _ offset: Int, count: Int) {
        for index in 0..<count / 4 { windows[window][offset / 4 + index] = words[from / 4 + index] }
    }
}

struct Random: RandomNumberGenerator {
    var state: UInt64
    init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }
    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state &* 0x2545_F491_4F6C_DD1D
    }
    mutating func below(_ n: Int) -> Int { Int(next() >> 33) % n }
}

/// A disk that keeps what was not flushed apart, and may lose or keep each sector of it at a power cut.
final class SimulatedDisk {
    /// The contents of a sector: 128 words. The last one of `versions` is the present one; the first is durable.
    private var versions: [UInt64: [[UInt32]]] = [:]
    private var unflushed: Set<UInt64> = []
    var pending: [DeviceRequest] = []
    var failing: Set<UInt64> = []
    static let zero = [UInt32](repeating: 0, count: 128)

    func read(_ sector: UInt64) -> [UInt32] { versions[sector]?.last ?? SimulatedDisk.zero }
    func readUnit(_ unit: UInt32) -> [UInt32] { (0..<32).flatMap { read(UInt64(unit) * 32 + $0) } }

    private func put(_ sector: UInt64, _ data: [UInt32]) {
        versions[sector, default: [SimulatedDisk.zero]].append(data)
        unflushed.insert(sector)
    }
    func flip(_ sector: UInt64, word: Int, bit: UInt32) {
        var data = read(sector)
        data[word] ^= bit
        versions[sector] = [data]
    }

    /// Performs one request. Returns whether it succeeded.
    func perform(_ request: DeviceRequest, _ memory: HostMemory) -> Bool {
        switch request.kind {
        case .discard: return true
        case .flush:
            for sector in unflushed { versions[sector] = [read(sector)] }
            unflushed.removeAll()
            return true
        case .read:
            for index in 0..<request.count {
                let sector = request.sector + UInt64(index)
                if failing.contains(sector) { return false }
                let data = read(sector)
                for word in 0..<128 { set(memory, request.place, index * 128 + word, data[word]) }
            }
        case .write:
            for index in 0..<request.count {
                let sector = request.sector + UInt64(index)
                if failing.contains(sector) { return false }
                put(sector, (0..<128).map { get(memory, request.place, index * 128 + $0) })
            }
        }
        return true
    }

    private func set(_ memory: HostMemory, _ place: DeviceRequest.Place, _ word: Int, _ value: UInt32) {
        switch place {
        case .buffer(let offset): memory.words[offset / 4 + word] = value
        case .window(let window, let offset): memory.windows[window][offset / 4 + word] = value
        }
    }
    private func get(_ memory: HostMemory, _ place: DeviceRequest.Place, _ word: Int) -> UInt32 {
        switch place {
        case .buffer(let offset): memory.words[offset / 4 + word]
        case .window(let window, let offset): memory.windows[window][offset / 4 + word]
        }
    }

    /// Cuts the power: each sector of a pending write may be there, and each unflushed sector is any of its versions.
    func cut(_ random: inout Random, _ memory: HostMemory) {
        for request in pending where request.kind == .write {
            for index in 0..<request.count where random.below(2) == 0 {
                put(request.sector + UInt64(index), (0..<128).map { get(memory, request.place, index * 128 + $0) })
            }
        }
        pending.removeAll()
        for sector in unflushed.sorted() {
            let all = versions[sector]!
            versions[sector] = [all[random.below(all.count)]]
        }
        unflushed.removeAll()
    }
}

extension SimulatedDisk {
    /// Returns whether a sector belongs to a fixed structure, or to a node of a map or of a list.
    func isMetadata(_ sector: UInt64, in pool: Pool<HostMemory, NoRecoveryLog>) -> Bool {
        let unit = UInt32(sector / 32)
        if unit < PoolLayout.firstFreeUnit(mapBlocks: pool.buffers.mapBlocks, records: pool.recordCount) {
            return read(sector) != SimulatedDisk.zero
        }
        guard pool.isAllocated(unit) else { return false }
        // Data of the trial repeats one number in a sector; nodes do not.
        let words = read(sector)
        return words.contains { $0 != words[0] }
    }
}
