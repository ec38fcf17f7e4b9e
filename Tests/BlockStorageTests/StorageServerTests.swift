import ABI
import BlockStorage
import DiskPool
import Testing

/// Tests the storage component's logic with a driver and clients of the test.
@Suite struct StorageServerTests {
    typealias Server = StorageServer<ClientEnd, DriverEnd, HostMemory, HostLog, Observer>

    private static let windowSize = 1 << 20
    private static let poolSize = 4 << 20
    private static let units: UInt32 = 4096

    /// A board with a pool on disk 0 and plain disks 1 and 2, and clients.
    final class System {
        let memory: HostMemory
        let board: FakeBoard
        let clients: [FakeClient]
        let observer = Observer()
        private let recovery = HostLog()
        private let disks: [[StorageDisk]]
        var server: Server!

        init(_ disks: [[StorageDisk]], pool names: [String] = []) {
            self.disks = disks
            memory = HostMemory(size: poolSize, windows: disks.count + 1, windowSize: windowSize)
            let plain = BlockDisk(capacity: 1024, features: [.hasVolatileCache])
            board = FakeBoard(
                memory: memory,
                disks: [BlockDisk(capacity: UInt64(units) * 32, features: [.hasVolatileCache]), plain, plain])
            clients = disks.map { _ in FakeClient() }
            if !names.isEmpty { format(names) }
            begin()
        }

        /// Begins a life of the storage component. It keeps nothing but the connections.
        func begin() {
            for client in clients { client.taken = [] }
            server = Server(
                clients: zip(clients, disks).enumerated().map {
                    StorageClient(
                        source: ClientEnd(client: $1.0), window: UInt16($0 + 1), windowSize: UInt64(windowSize),
                        disks: $1.1)
                },
                driver: DriverEnd(board: board), observer: observer, operations: 64)
            server.addPool(on: 0, memory: memory, size: poolSize, log: recovery)
        }

        /// Makes a pool with these disks of 1 MiB.
        private func format(_ names: [String]) {
            let records = PoolLayout.recordCount(units: units)
            var pool = Pool(
                memory: memory, log: NoRecoveryLog(), units: units, records: records, slots: 40, requests: 4)
            func settle() {
                while let request = pool.nextDeviceRequest() {
                    perform(request)
                    pool.deviceFinished(request.tag, succeeded: true)
                }
            }
            pool.format(identity: 1)
            settle()
            for name in names {
                let options = DiskOptions(name: PoolName(name.utf8)!, sectors: 2048)
                precondition(pool.submit(PoolRequest(id: 1, .create(options))))
                settle()
                precondition(pool.nextAnswer()?.error == nil)
            }
            board.history = []
        }

        private func perform(_ request: DeviceRequest) {
            guard case .buffer(let offset) = request.place, request.count > 0 else { return }
            let operation: BlockOperation = request.kind == .read ? .read : .write
            board.pending.append(
                BlockRequest(
                    operation, sector: request.sector, length: UInt32(request.count * 512), offset: UInt32(offset)))
            board.finish(board.pending.count - 1)
            board.answers.removeAll()
        }

        /// Runs until nothing is outstanding. The driver answers in the order that `choose` picks.
        func settle(_ choose: (Int) -> Int = { _ in 0 }) {
            server.run()
            while !board.pending.isEmpty || server.hasWork {
                if !board.pending.isEmpty { board.finish(choose(board.pending.count)) }
                server.run()
            }
        }

        /// Writes a word's repetition to sectors of a client's disk, and returns the answer.
        func write(_ word: UInt32, to sector: UInt64, count: Int = 8, of client: Int = 0, disk: UInt16 = 0)
            -> BlockStatus?
        {
            memory.windows[client + 1].replaceSubrange(
                0..<count * 128, with: [UInt32](repeating: word, count: count * 128))
            return perform(BlockRequest(.write, disk: disk, sector: sector, length: UInt32(count * 512)), client)
        }

        /// Reads sectors, and returns the word that fills them; nil if the request failed or they have several words.
        func read(_ sector: UInt64, count: Int = 8, of client: Int = 0, disk: UInt16 = 0) -> UInt32? {
            memory.windows[client + 1].replaceSubrange(
                0..<count * 128, with: [UInt32](repeating: 0xDEAD, count: count * 128))
            let request = BlockRequest(.read, disk: disk, sector: sector, length: UInt32(count * 512))
            guard perform(request, client) == .ok else { return nil }
            let words = Set(memory.windows[client + 1][0..<count * 128])
            return words.count == 1 ? words.first : nil
        }

        func perform(_ request: BlockRequest, _ client: Int = 0) -> BlockStatus? {
            let slot = clients[client].submit(request)
            settle()
            return clients[client].answers[slot]
        }
    }

    private static let whole = StorageDisk(.whole, boardDisk: 1, isReadOnly: false)
    static func pool(_ name: String) -> StorageDisk {
        StorageDisk(.pool(PoolName(name.utf8)!), boardDisk: 0, isReadOnly: false)
    }

    @Test func servesDisksOfAPoolAndWholeDisks() {
        let system = System([[Self.pool("a"), Self.whole], [Self.pool("b")]], pool: ["a", "b"])
        system.settle()
        #expect(system.observer.events == [.opened(boardDisk: 0)])
        #expect(system.clients[0].disks[0]?.capacity == 2048 && system.clients[0].disks[1]?.capacity == 1024)
        #expect(system.write(7, to: 16) == .ok && system.write(8, to: 16, of: 1) == .ok)
        #expect(system.write(9, to: 16, disk: 1) == .ok)
        #expect(system.read(16) == 7 && system.read(16, of: 1) == 8 && system.read(16, disk: 1) == 9)
        #expect(system.read(24) == 0)
        #expect(system.perform(BlockRequest(.flush)) == .ok && system.perform(BlockRequest(.flush, disk: 1)) == .ok)
        #expect(system.perform(BlockRequest(.writeZeroes, sector: 16, length: 4096)) == .ok && system.read(16) == 0)
    }

    @Test func refusesRequestsOutsideOfDiskWindowAndRights() {
        let readOnly = StorageDisk(.whole, boardDisk: 2, isReadOnly: true)
        let system = System([[Self.whole, readOnly]])
        system.settle()
        let size = UInt32(Self.windowSize)
        let cases: [(BlockRequest, BlockStatus)] = [
            (BlockRequest(.read, disk: 2, length: 512), .noDisk),
            (BlockRequest(.read, sector: 1024, length: 512), .badRequest),
            (BlockRequest(.read, sector: .max - 1, length: 512), .badRequest),
            (BlockRequest(.read, length: 1024, offset: size - 512), .badRequest),
            (BlockRequest(.read, length: 512, window: 1), .badRequest),
            (BlockRequest(.write, disk: 1, length: 512), .readOnly),
            (BlockRequest(.discard, disk: 1, length: 512), .readOnly),
            (BlockRequest(.read, disk: 1, length: 512), .ok),
            (BlockRequest(.write), .ok),
        ]
        for (request, status) in cases { #expect(system.perform(request) == status, "\(request)") }
        #expect(system.board.history.count { $0.disk != 0 } == 1)
    }

    /// A write with force unit access is answered after a flush that follows it.
    @Test(arguments: [UInt16(0), 1]) func forcesUnitAccess(disk: UInt16) {
        let system = System([[Self.pool("a"), Self.whole]], pool: ["a"])
        system.settle()
        #expect(system.write(1, to: 0, disk: disk) == .ok)
        system.board.history = []
        let request = BlockRequest(.write, disk: disk, length: 4096, forcesUnitAccess: true)
        #expect(system.perform(request) == .ok)
        #expect(system.board.history.last?.operation == .flush)
        #expect(system.board.history.contains { $0.operation == .write })
    }

    /// A flush of a whole disk waits for the older writes of the same disk and for no others.
    @Test func aFlushFollowsOlderWrites() {
        let other = StorageDisk(.whole, boardDisk: 2, isReadOnly: false)
        let system = System([[Self.whole, other]])
        system.settle()
        let client = system.clients[0]
        client.submit(BlockRequest(.write, length: 512))
        client.submit(BlockRequest(.read, sector: 8, length: 512))
        let flush = client.submit(BlockRequest(.flush))
        let second = client.submit(BlockRequest(.flush, disk: 1))
        system.server.run()
        #expect(system.board.pending.map(\.operation) == [.write, .flush, .read])
        system.board.finish(1)
        system.server.run()
        #expect(client.answers[second] == .ok && client.answers[flush] == nil)
        system.board.finish(0)
        system.server.run()
        #expect(system.board.pending.map(\.operation) == [.read, .flush])
        system.board.finish(1)
        system.server.run()
        #expect(client.answers[flush] == .ok)
    }

    /// A client that floods the server leaves operations for others, and gets no more than half while another one is
    /// active.
    @Test func noClientTakesTheShareOfAnother() {
        let system = System([[Self.whole], [Self.whole]])
        system.board.capacity = 256
        system.settle()
        for _ in 0..<500 { system.clients[0].submit(BlockRequest(.read, length: 4096)) }
        system.server.run()
        #expect(system.board.pending.count == 60)
        let slot = system.clients[1].submit(BlockRequest(.read, length: 4096))
        system.server.run()
        #expect(system.board.pending.count { $0.window == 2 } == 1)
        for _ in 0..<100 { system.clients[1].submit(BlockRequest(.read, length: 4096)) }
        for _ in 0..<120 {
            system.board.finish(0)
            system.server.run()
        }
        #expect(system.clients[1].answers[slot] == .ok)
        let counts = [1, 2].map { window in system.board.pending.count { $0.window == window } }
        #expect(abs(counts[0] - counts[1]) <= 2, "\(counts)")
    }

    /// Large requests count by their bytes.
    @Test func largeRequestsAreLimitedByBytes() {
        let system = System([[Self.whole], [Self.whole]])
        system.board.capacity = 256
        system.settle()
        for _ in 0..<100 { system.clients[0].submit(BlockRequest(.read, length: 512 << 10)) }
        system.server.run()
        #expect(system.board.pending.count == 8)
    }

    /// A request for units that lie apart causes a device request for each of them. A client that makes such requests
    /// gets no more of the device than its share, except for the device requests of one request.
    @Test func requestsCountByTheDeviceRequestsThatTheyCause() {
        let system = System([[Self.pool("a")], [Self.pool("b")]], pool: ["a", "b"])
        system.settle()
        // The units of the disk lie in the order of the first writes to them.
        for unit in 0..<64 as Range<UInt64> { #expect(system.write(3, to: unit * 37 % 64 * 32, count: 32) == .ok) }
        #expect(system.write(4, to: 0, of: 1) == .ok)
        for _ in 0..<8 { system.clients[0].submit(BlockRequest(.read, length: 1 << 20)) }
        system.server.run()
        let slot = system.clients[1].submit(BlockRequest(.read, length: 4096))
        system.server.run()
        var before = 0
        while system.clients[1].answers[slot] == nil {
            system.board.finish(0)
            system.server.run()
            before += 1
        }
        #expect(before <= 64 + 1, "\(before)")
        system.settle()
        #expect(system.clients[0].answers.values.count { $0 == .ok } == 64 + 8)
    }

    /// A complaint about other systems: "requests are dropped under load and the guest hangs".
    @Test func requestsAreNotDroppedUnderLoad() {
        let system = System([[Self.pool("a"), Self.whole], [Self.pool("b")]], pool: ["a", "b"])
        system.board.capacity = 4
        system.settle()
        var random = Generator(3)
        for client in 0...1 {
            for number in 0..<1000 {
                let operation: BlockOperation = [.read, .write, .discard, .flush][Int(random.below(4))]
                let length = operation == .flush ? 0 : UInt32(512 + 512 * random.below(40))
                let sector = operation == .flush ? 0 : random.below(900)
                let disk = client == 0 ? UInt16(number % 2) : 0
                system.clients[client].submit(BlockRequest(operation, disk: disk, sector: sector, length: length))
            }
        }
        system.settle { Int(random.below(UInt64($0))) }
        for client in system.clients {
            #expect(client.outstanding == 0 && client.answers.count == 1000)
            #expect(client.answers.values.allSatisfy { $0 == .ok })
        }
    }

    @Test func reportsWhatCannotBeServed() {
        let system = System([[Self.pool("nothing")], [Self.pool("a")]], pool: ["a"])
        system.settle()
        #expect(system.observer.events.contains(.missing(client: 0, disk: 0)))
        #expect(system.perform(BlockRequest(.read, length: 512)) == .noDisk)
        #expect(system.read(0, of: 1) == 0)
        let without = System([[Self.pool("a")]])
        without.settle()
        #expect(without.observer.events == [.notOpened(boardDisk: 0, .noPool)])
        #expect(without.perform(BlockRequest(.read, length: 512)) == .noDisk)
    }

    /// Performs a control operation to its end.
    private func perform(_ command: StorageCommand, _ system: System) -> StorageOutcome? {
        guard let ticket = system.server.begin(command, onBoardDisk: 0) else { return nil }
        system.settle()
        return system.server.outcome(ticket)
    }

    @Test func controlsDisksWhileTheyAreUsed() {
        let system = System([[Self.pool("a")]], pool: ["a"])
        #expect(system.server.begin(.delete(PoolName("a".utf8)!), onBoardDisk: 0) == nil)
        system.settle()
        let (a, b, old, new) = (
            PoolName("a".utf8)!, PoolName("b".utf8)!, PoolName("a@1".utf8)!, PoolName("new".utf8)!
        )
        #expect(system.write(5, to: 0) == .ok)
        #expect(perform(.snapshot(old, of: a), system) == .done)
        #expect(perform(.snapshot(old, of: a), system) == .failed(.exists))
        #expect(perform(.clone(b, of: old), system) == .done)
        #expect(perform(.create(new, sectors: 64, hasChecksums: true), system) == .done)
        #expect(perform(.delete(a), system) == .isInUse)
        #expect(perform(.delete(old), system) == .failed(.neededByClone))
        #expect(perform(.delete(new), system) == .done && perform(.delete(new), system) == .failed(.noSuchDisk))
        #expect(perform(.grow(a, sectors: 4096), system) == .done)
        #expect(system.clients[0].disks[0]?.capacity == 4096)
        #expect(system.write(6, to: 4088) == .ok && system.read(4088) == 6 && system.read(0) == 5)
        #expect(perform(.grow(a, sectors: 8), system) == .failed(.shrinks))
        #expect(system.server.outcome(4) == nil && system.server.outcome(-1) == nil)
        var names: [String] = []
        for index in 0..<64 {
            let (found, isEnd) = system.server.description(index, onBoardDisk: 0)
            if isEnd { break }
            if let found {
                names.append(found.disk.name.text)
                #expect(!found.isDamaged)
            }
        }
        #expect(Set(names).isSuperset(of: ["a", "b"]) && !names.contains("new"))
        #expect(system.server.space(onBoardDisk: 0)?.units == Int(Self.units))
        #expect(system.server.space(onBoardDisk: 1) == nil && system.server.description(0, onBoardDisk: 1).isEnd)
    }

    @Test func anErrorOfTheDeviceReachesItsRequestOnly() {
        let system = System([[Self.pool("a")]], pool: ["a"])
        system.settle()
        #expect(system.write(3, to: 0, count: 64) == .ok)
        let place = (0..<UInt64(Self.units) * 32).filter { system.board.sector($0).first == 3 }
        system.board.failing = [place[40]]
        #expect(system.read(32, count: 32) == nil && system.read(0, count: 32) == 3)
        #expect(system.observer.events.last?.isFailure == true)
        system.board.failing = []
        #expect(system.read(32, count: 32) == 3)
    }

    /// Kills the component between any two answers of the driver, with whole disks and with disks of a pool. Each
    /// request is answered once, and everything that was answered is there, although nothing was flushed.
    @Test(arguments: 0..<40 as Range<UInt64>) func survivesItsOwnDeath(seed: UInt64) {
        var random = Generator(seed)
        let system =
            seed % 2 == 0
            ? System([[Self.whole], [StorageDisk(.whole, boardDisk: 2, isReadOnly: false)]])
            : System([[Self.pool("a")], [Self.pool("b")]], pool: ["a", "b"])
        system.settle()
        var expected: [[UInt64: UInt32]] = [[:], [:]]
        for round in 1...30 as ClosedRange<UInt32> {
            var slots: [(client: Int, slot: Int)] = []
            for client in 0...1 {
                for index in 0..<4 {
                    let sector = UInt64(index * 256 + Int(random.below(20)) * 8)
                    let (at, word) = (index * 1024, round * 8 + UInt32(client))
                    system.memory.windows[client + 1].replaceSubrange(
                        at..<at + 1024, with: [UInt32](repeating: word, count: 1024))
                    let request = BlockRequest(.write, sector: sector, length: 4096, offset: UInt32(at * 4))
                    slots.append((client, system.clients[client].submit(request)))
                    for number in sector..<sector + 8 { expected[client][number] = word }
                }
            }
            if random.below(5) == 0 { slots.append((0, system.clients[0].submit(BlockRequest(.flush)))) }
            system.server.run()
            while slots.contains(where: { system.clients[$0.client].answers[$0.slot] == nil }) {
                if random.below(80) == 0 { system.begin() }
                system.server.run()
                let pending = UInt64(system.board.pending.count)
                if pending > 0 { system.board.finish(Int(random.below(pending))) }
            }
            #expect(slots.allSatisfy { system.clients[$0.client].answers[$0.slot] == .ok })
        }
        system.settle()
        system.begin()
        system.settle()
        for client in 0...1 {
            for sector in stride(from: UInt64(0), to: 1016, by: 8) {
                #expect(system.read(sector, of: client) == expected[client][sector] ?? 0, "sector \(sector)")
            }
        }
    }
}

extension StorageEvent {
    fileprivate var isFailure: Bool { if case .failed = self { true } else { false } }
}

private struct Generator {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }
    mutating func below(_ limit: UInt64) -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return (state >> 11) % limit
    }
}
