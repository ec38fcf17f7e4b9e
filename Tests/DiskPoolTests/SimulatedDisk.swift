import DiskPool

/// A disk that may lose or keep each sector that was not flushed at a power cut, and that fails where a test says so.
final class SimulatedDisk {
    /// A request that the pool has made and the disk has not performed.
    struct Pending {
        var request: DeviceRequest
        /// The number of sectors written before the pool made the request. A flush covers these.
        var written: Int
    }

    /// A write of a sector that no flush has covered.
    private struct Unflushed {
        var number: Int
        var sector: Int
        /// The place of the sector's former contents in `old`.
        var place: Int
    }

    private(set) var units: [[UInt32]]
    private var unflushed: [Unflushed] = []
    private var old: [UInt32] = []
    private var written = 0
    var pending: [Pending] = []
    /// The sectors that cannot be read, and those that cannot be written.
    var unreadable: Set<Int> = []
    var unwritable: Set<Int> = []
    /// False if the disk forgets what clients write, so that it can be large.
    var keepsData = true
    /// Returns true for a request that fails.
    var fails: ((DeviceRequest) -> Bool)?
    /// Everything that was performed, if a test wants it.
    var journal: [DeviceRequest] = []
    var keepsJournal = false

    private static let sectorWords = 128

    init(units: Int) {
        self.units = [[UInt32]](repeating: [UInt32](repeating: 0, count: 4096), count: units)
    }

    func accept(_ request: DeviceRequest) { pending.append(Pending(request: request, written: written)) }

    func unit(_ unit: UInt32) -> [UInt32]? {
        let sectors = Int(unit) * 32..<Int(unit) * 32 + 32
        return unreadable.isEmpty || !unreadable.contains(where: sectors.contains) ? units[Int(unit)] : nil
    }

    /// Makes all contents durable and as they were.
    func restore(_ units: [[UInt32]]) {
        self.units = units
        flush(written)
    }

    func set(_ unit: UInt32, _ word: Int, _ value: UInt32) { units[Int(unit)][word] = value }

    func flip(_ unit: UInt32, word: Int, bit: Int) { units[Int(unit)][word] ^= 1 << UInt32(bit) }

    /// Performs one pending request. Returns whether it succeeded.
    func perform(_ pending: Pending, _ memory: HostMemory) -> Bool {
        let request = pending.request
        if keepsJournal { journal.append(request) }
        if let fails, fails(request) { return false }
        switch request.kind {
        case .flush: flush(pending.written)
        case .discard: for sector in sectors(request) { discard(sector) }
        case .read: return read(request, memory)
        case .write: return write(request, memory)
        }
        return true
    }

    private func sectors(_ request: DeviceRequest) -> Range<Int> {
        Int(request.sector)..<Int(request.sector) + request.count
    }

    private func read(_ request: DeviceRequest, _ memory: HostMemory) -> Bool {
        guard sectors(request).upperBound <= units.count * 32 else { return false }
        if !unreadable.isEmpty, unreadable.contains(where: sectors(request).contains) { return false }
        var place = memory.place(request.place)
        for sector in sectors(request) {
            units[sector / 32].withUnsafeBufferPointer {
                place.update(from: $0.baseAddress! + sector % 32 * Self.sectorWords, count: Self.sectorWords)
            }
            place += Self.sectorWords
        }
        return true
    }

    private func write(_ request: DeviceRequest, _ memory: HostMemory) -> Bool {
        guard sectors(request).upperBound <= units.count * 32 else { return false }
        if !unwritable.isEmpty, unwritable.contains(where: sectors(request).contains) { return false }
        if !keepsData, case .window = request.place { return true }
        var place = memory.place(request.place)
        for sector in sectors(request) {
            put(sector) { $0.update(from: place, count: Self.sectorWords) }
            place += Self.sectorWords
        }
        return true
    }

    /// A device may return anything from a discarded sector.
    private func discard(_ sector: Int) {
        guard keepsData else { return }
        put(sector) { $0.update(repeating: 0xD15C_A4D0, count: Self.sectorWords) }
    }

    private func put(_ sector: Int, _ fill: (UnsafeMutablePointer<UInt32>) -> Void) {
        let place = old.count
        let first = sector % 32 * Self.sectorWords
        old += units[sector / 32][first..<first + Self.sectorWords]
        unflushed.append(Unflushed(number: written, sector: sector, place: place))
        written += 1
        units[sector / 32].withUnsafeMutableBufferPointer { fill($0.baseAddress! + first) }
    }

    private func flush(_ covered: Int) {
        if covered == written {
            unflushed.removeAll(keepingCapacity: true)
            old.removeAll(keepingCapacity: true)
        } else {
            unflushed.removeAll { $0.number < covered }
        }
    }

    /// Cuts the power: each sector of a pending write may be there, and each sector that was not flushed has any of the
    /// contents since.
    func cut(_ random: inout Random, _ memory: HostMemory) {
        for pending in pending where pending.request.kind == .write {
            var request = pending.request
            request.count = 1
            for index in 0..<pending.request.count where random.oneIn(2) {
                request.sector = pending.request.sector + UInt64(index)
                let source = memory.place(pending.request.place) + index * Self.sectorWords
                put(Int(request.sector)) { $0.update(from: source, count: Self.sectorWords) }
            }
        }
        pending.removeAll()
        var versions: [Int: [Int]] = [:]
        for entry in unflushed { versions[entry.sector, default: []].append(entry.place) }
        for (sector, places) in versions.sorted(by: { $0.key < $1.key }) {
            let choice = random.below(places.count + 1)
            guard choice < places.count else { continue }
            let first = sector % 32 * Self.sectorWords
            for word in 0..<Self.sectorWords { units[sector / 32][first + word] = old[places[choice] + word] }
        }
        flush(written)
    }
}
