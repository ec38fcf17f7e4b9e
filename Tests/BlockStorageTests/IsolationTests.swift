import ABI
import BlockStorage
import DiskPool
import Testing

/// Tests that a disk of the board that does not answer delays nobody else, and that the component sleeps meanwhile.
@Suite struct IsolationTests {
    private typealias Server = StorageServer<ClientEnd, DriverEnd, HostMemory, NoRecoveryLog, Observer>

    /// A board with three plain disks, and clients with whole disks of it.
    private final class System {
        let memory: HostMemory
        let board: FakeBoard
        let clients: [FakeClient]
        private let disks: [[StorageDisk]]
        var server: Server!

        init(_ disks: [[Int]]) {
            self.disks = disks.map { $0.map { StorageDisk(.whole, boardDisk: $0, isReadOnly: false) } }
            memory = HostMemory(size: 4096, windows: disks.count + 1, windowSize: 1 << 20)
            let plain = BlockDisk(capacity: 1024, features: [.hasVolatileCache])
            board = FakeBoard(memory: memory, disks: [plain, plain, plain])
            clients = disks.map { _ in FakeClient() }
            begin()
        }

        func begin() {
            for client in clients { client.taken = [] }
            server = Server(
                clients: zip(clients, disks).enumerated().map {
                    StorageClient(
                        source: ClientEnd(client: $1.0), window: UInt16($0 + 1), windowSize: 1 << 20, disks: $1.1)
                },
                driver: DriverEnd(board: board), observer: Observer(), operations: 16)
            server.run()
        }

        /// Lets the driver answer everything except the requests for disk 0.
        func settleOthers() {
            server.run()
            while let index = board.pending.firstIndex(where: { $0.disk != 0 }) {
                board.finish(index)
                server.run()
            }
        }

        /// The requests that the server has not taken out of the connections, so that it could not sleep.
        var untaken: Int { clients.reduce(0) { $0 + $1.outstanding - $1.taken.count } }
    }

    private func request(disk: UInt16) -> BlockRequest { BlockRequest(.write, disk: disk, length: 4096) }

    /// Requests for the silent disk fill its own part of the table and of the driver's slots only.
    @Test(arguments: [false, true]) func aSilentDiskDelaysNoOther(isOneClient: Bool) {
        let system = System(isOneClient ? [[0, 1]] : [[0], [1]])
        let (client, disk) = (isOneClient ? 0 : 1, UInt16(isOneClient ? 1 : 0))
        for _ in 0..<300 { system.clients[0].submit(request(disk: 0)) }
        system.settleOthers()
        #expect(system.board.pending.count == 16)
        for _ in 0..<50 {
            let slots = (0..<16).map { _ in system.clients[client].submit(request(disk: disk)) }
            system.server.run()
            #expect(system.board.pending.count == 32)
            system.settleOthers()
            #expect(slots.allSatisfy { system.clients[client].answers[$0] == .ok })
        }
        #expect(system.untaken == 0)
    }

    /// The driver's slots are divided among the disks, even if one disk could fill them.
    @Test func aSilentDiskLeavesSlotsOfTheDriver() {
        let system = System([[0], [1]])
        system.board.capacity = 8
        for _ in 0..<100 { system.clients[0].submit(request(disk: 0)) }
        system.server.run()
        #expect(system.board.pending.count == 4)
        let slot = system.clients[1].submit(request(disk: 0))
        system.settleOthers()
        #expect(system.clients[1].answers[slot] == .ok)
    }

    /// After a restart of the component, each disk waits for its own requests of the life before.
    @Test func aRestartServesTheOtherDisksAtOnce() {
        let system = System([[0, 1]])
        let silent = system.clients[0].submit(request(disk: 0))
        let lost = system.clients[0].submit(request(disk: 1))
        system.server.run()
        system.begin()
        #expect(system.board.pending.count == 2 && system.untaken == 0)
        system.settleOthers()
        #expect(system.clients[0].answers[lost] == .ok && system.clients[0].answers[silent] == nil)
        // The silent disk gets nothing until its old request has ended, and then the same request again.
        #expect(system.board.pending.count == 1)
        system.board.finish(0)
        system.server.run()
        #expect(system.clients[0].answers[silent] == nil && system.board.pending.count == 1)
        system.board.finish(0)
        system.server.run()
        #expect(system.clients[0].answers[silent] == .ok)
    }

    /// A disk that the driver has not described yet holds up its own requests only, which nobody has to look for.
    @Test func aDiskThatIsNotThereHoldsUpItsOwnRequests() {
        let system = System([[0, 1]])
        system.board.disks[0] = nil
        system.begin()
        let late = system.clients[0].submit(request(disk: 0))
        let slot = system.clients[0].submit(request(disk: 1))
        system.settleOthers()
        #expect(system.clients[0].answers == [slot: .ok] && system.untaken == 0)
        system.board.disks[0] = BlockDisk(capacity: 1024, features: [])
        system.server.run()
        system.board.finish(0)
        system.server.run()
        #expect(system.clients[0].answers[late] == .ok)
    }

    /// Nothing stays in a connection that the component cannot begin, so that it sleeps while a client floods it.
    @Test func sleepsWhileAClientIsAtItsShare() {
        let system = System([[0], [0]])
        for _ in 0..<500 { system.clients[0].submit(request(disk: 0)) }
        system.server.run()
        #expect(system.board.pending.count == 12 && system.untaken == 0)
        system.board.finish(0)
        system.server.run()
        #expect(system.board.pending.count == 12 && system.untaken == 0)
    }

    /// Flushes that found no room are sent when room comes, although only reads end.
    @Test func aFlushWithoutRoomIsSentLater() {
        let system = System([[0]])
        system.board.capacity = 3
        let client = system.clients[0]
        client.submit(request(disk: 0))
        let flush = client.submit(BlockRequest(.flush))
        for _ in 0..<4 { client.submit(BlockRequest(.read, length: 512)) }
        system.server.run()
        #expect(system.board.pending.map(\.operation) == [.write, .read, .read])
        // The write's answer comes after another life has taken its slot.
        system.board.finish(0)
        system.board.capacity = 2
        system.server.run()
        system.board.capacity = 3
        while let read = system.board.pending.firstIndex(where: { $0.operation == .read }) {
            system.board.finish(read)
            system.server.run()
        }
        #expect(system.board.pending.map(\.operation) == [.flush])
        system.board.finish(0)
        system.server.run()
        #expect(client.answers[flush] == .ok)
    }

    /// A change of the board's disk reaches the clients of the whole disk, and an equal description does not.
    @Test func passesChangesOfAWholeDiskOn() {
        let system = System([[0, 1]])
        #expect(system.clients[0].disks[0]?.capacity == 1024)
        system.clients[0].disks = [:]
        var disk = BlockDisk(capacity: 4096, features: [.hasVolatileCache])
        disk.identity[0] = 7
        system.board.disks[0] = disk
        system.server.run()
        #expect(system.clients[0].disks == [0: disk])
        let slot = system.clients[0].submit(BlockRequest(.write, sector: 4088, length: 4096))
        system.server.run()
        system.board.finish(0)
        system.server.run()
        #expect(system.clients[0].answers[slot] == .ok)
    }
}
