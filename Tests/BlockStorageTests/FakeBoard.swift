import ABI
import BlockStorage
import DiskPool

/// The memory of a pool and the windows of clients, on the host.
final class HostMemory: PoolMemory {
    var words: [UInt32]
    var windows: [[UInt32]]
    private static let crc = CRC32C()

    init(size: Int, windows: Int, windowSize: Int) {
        words = [UInt32](repeating: 0, count: size / 4)
        self.windows = (0..<windows).map { _ in [UInt32](repeating: 0, count: windowSize / 4) }
    }

    func load(_ offset: Int) -> UInt32 { words[offset / 4] }
    func store(_ offset: Int, _ word: UInt32) { words[offset / 4] = word }
    func checksum(_ offset: Int, count: Int) -> UInt32 {
        ~words[offset / 4..<(offset + count) / 4].reduce(~0) { HostMemory.crc.add($1, to: $0) }
    }
    func checksum(window: Int, _ offset: Int, count: Int) -> UInt32 {
        ~windows[window][offset / 4..<(offset + count) / 4].reduce(~0) { HostMemory.crc.add($1, to: $0) }
    }
    func clear(_ offset: Int, count: Int) { for index in offset / 4..<(offset + count) / 4 { words[index] = 0 } }
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

/// A recovery log, which outlives lives of the storage component.
final class HostLog: RecoveryLog {
    private var words = [UInt32](repeating: 0, count: 8 * 4096)
    var capacity: Int { words.count / 8 }
    func load(_ index: Int) -> UInt32 { words[index] }
    func store(_ index: Int, _ word: UInt32) { words[index] = word }
}

/// The driver and the disks of a board. It answers when the test says so. It outlives lives of the storage component.
final class FakeBoard {
    let memory: HostMemory
    var disks: [BlockDisk?] { didSet { changes += 1 } }
    private(set) var changes = 0
    private var sectors: [[UInt64: [UInt32]]]
    var pending: [BlockRequest] = []
    var answers: [(cookie: UInt64, status: BlockStatus)] = []
    var capacity = 64
    /// The sectors of disk 0 whose accesses fail.
    var failing: Set<UInt64> = []
    /// The operations of disk 0 that fail, whatever their sectors are.
    var failingOperations: [BlockOperation] = []
    /// All requests so far.
    var history: [BlockRequest] = []

    init(memory: HostMemory, disks: [BlockDisk?]) {
        (self.memory, self.disks) = (memory, disks)
        sectors = disks.map { _ in [:] }
    }

    func sector(_ number: UInt64, of disk: Int = 0) -> [UInt32] {
        sectors[disk][number] ?? [UInt32](repeating: 0, count: 128)
    }

    /// Writes bytes, a multiple of a sector, to disk 0.
    func write(_ bytes: [UInt8], at first: UInt64) {
        for index in stride(from: 0, to: bytes.count, by: 512) {
            sectors[0][first + UInt64(index / 512)] = stride(from: index, to: index + 512, by: 4).map { at in
                (0..<4).reduce(0) { $0 | UInt32(bytes[at + $1]) << UInt32(8 * $1) }
            }
        }
    }

    /// Flips a bit of a byte of disk 0.
    func flip(_ number: UInt64, byte: Int) {
        var data = sector(number)
        data[byte / 4] ^= 1 << UInt32(8 * (byte % 4))
        sectors[0][number] = data
    }

    /// Performs and answers the pending request of this index.
    func finish(_ index: Int) {
        let request = pending.remove(at: index)
        let range = request.sector..<request.sector + UInt64(request.length / 512)
        let fails =
            request.disk == 0
            && (range.contains { failing.contains($0) } || failingOperations.contains(request.operation))
        if !fails { for sector in range { transfer(request, sector) } }
        answers.append((request.cookie, fails ? .ioError : .ok))
    }

    private func transfer(_ request: BlockRequest, _ sector: UInt64) {
        let at = (Int(request.offset) + Int(sector - request.sector) * 512) / 4
        let window = Int(request.window)
        switch request.operation {
        case .read:
            let data = self.sector(sector, of: Int(request.disk))
            if window == 0 {
                memory.words.replaceSubrange(at..<at + 128, with: data)
            } else {
                memory.windows[window].replaceSubrange(at..<at + 128, with: data)
            }
        case .write:
            let source = window == 0 ? memory.words[at..<at + 128] : memory.windows[window][at..<at + 128]
            sectors[Int(request.disk)][sector] = Array(source)
        default: break
        }
    }
}

/// A life's end of the connection to the driver. Requests of earlier lives have the highest bit of the cookie set.
struct DriverEnd: BlockRequestSink {
    private static let earlier: UInt64 = 1 << 63
    let board: FakeBoard
    private var changes: Int?

    init(board: FakeBoard) {
        self.board = board
        for index in board.pending.indices { board.pending[index].cookie |= Self.earlier }
        for index in board.answers.indices { board.answers[index].cookie |= Self.earlier }
    }

    var capacity: Int { board.capacity }
    var freeCount: Int { board.capacity - board.pending.count - board.answers.count }
    func hasEarlierRequests(for boardDisk: Int) -> Bool {
        board.pending.contains { $0.cookie >= Self.earlier && Int($0.disk) == boardDisk }
            || board.answers.contains { $0.cookie >= Self.earlier && Int($0.cookie >> 56) - 128 == boardDisk }
    }
    mutating func submit(_ request: BlockRequest) {
        board.pending.append(request)
        board.history.append(request)
    }
    mutating func takeAnswer() -> (cookie: UInt64, status: BlockStatus)? {
        while !board.answers.isEmpty {
            let answer = board.answers.removeFirst()
            if answer.cookie < Self.earlier { return answer }
        }
        return nil
    }
    mutating func disksHaveChanged() -> Bool {
        defer { changes = board.changes }
        return changes != board.changes
    }
    func disk(_ number: Int) -> BlockDisk? { board.disks[number] }
}

/// A client's connection. It outlives lives of the storage component.
final class FakeClient {
    var submitted: [(slot: Int, request: BlockRequest)] = []
    var taken: Set<Int> = []
    var answers: [Int: BlockStatus] = [:]
    var disks: [Int: BlockDisk] = [:]
    private var next = 0

    @discardableResult
    func submit(_ request: BlockRequest) -> Int {
        defer { next += 1 }
        submitted.append((next, request))
        return next
    }
    var outstanding: Int { submitted.count }
}

struct ClientEnd: BlockRequestSource {
    let client: FakeClient
    var capacity: Int { 1024 }
    mutating func takeRequest() -> (slot: Int, request: BlockRequest)? {
        guard let next = client.submitted.first(where: { !client.taken.contains($0.slot) }) else { return nil }
        client.taken.insert(next.slot)
        return next
    }
    mutating func answer(_ slot: Int, _ status: BlockStatus) {
        precondition(client.taken.remove(slot) != nil && client.answers[slot] == nil, "an answer comes twice")
        client.answers[slot] = status
        client.submitted.removeAll { $0.slot == slot }
    }
    mutating func publish(_ disk: BlockDisk?, as number: Int) { client.disks[number] = disk }
}

final class Observer: StorageObserver {
    var events: [StorageEvent] = []
    func note(_ event: StorageEvent) { events.append(event) }
}
