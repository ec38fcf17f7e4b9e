import ABI
import BlockStorage
import DiskPool
import Testing

/// Tests disks that are partitions, with tables of the test and damaged ones.
@Suite struct PartitionTests {
    private typealias Server = StorageServer<ClientEnd, DriverEnd, HostMemory, NoRecoveryLog, Observer>
    private static let capacity: UInt64 = 4096

    /// A board with one disk, and a client with the partitions 1 and 3 of it.
    private final class System {
        let memory = HostMemory(size: Server.partitionMemorySize, windows: 2, windowSize: 4096)
        let board: FakeBoard
        let client = FakeClient()
        let observer = Observer()
        private var server: Server!

        init(capacity: UInt64 = PartitionTests.capacity) {
            board = FakeBoard(memory: memory, disks: [BlockDisk(capacity: capacity, features: [])])
        }

        func begin() {
            let disks = [1, 3].map { StorageDisk(.partition($0), boardDisk: 0, isReadOnly: false) }
            server = Server(
                clients: [
                    StorageClient(source: ClientEnd(client: client), window: 1, windowSize: 4096, disks: disks)
                ],
                driver: DriverEnd(board: board), observer: observer, operations: 8)
            server.readPartitions(into: memory, at: 0)
            settle()
        }

        func settle() {
            server.run()
            while !board.pending.isEmpty {
                board.finish(board.pending.count - 1)
                server.run()
            }
        }

        func perform(_ request: BlockRequest) -> BlockStatus? {
            let slot = client.submit(request)
            settle()
            return client.answers[slot]
        }

        /// Writes both tables, with the partitions 1 (sectors 100 to 199) and 3 (200 to `last`).
        func writeTables(last: UInt64 = 299) {
            var entries = [UInt8](repeating: 0, count: 128 * 128)
            for (number, first, last) in [(1, 100, 199), (3, 200, last)] as [(Int, UInt64, UInt64)] {
                let at = (number - 1) * 128
                entries[at] = 0xAF
                entries.replace(at + 32, first)
                entries.replace(at + 40, last)
            }
            for (header, first) in [(1, 2), (capacity - 1, capacity - 33)] as [(UInt64, UInt64)] {
                var bytes = [UInt8]("EFI PART".utf8) + [UInt8](repeating: 0, count: 504)
                bytes.replace(8, UInt64(92) << 32 | 0x0001_0000)
                bytes.replace(24, header)
                bytes.replace(72, first)
                bytes.replace(80, UInt64(128) << 32 | 128)
                bytes.replace(88, UInt64(crc(entries)))
                bytes.replace(16, UInt64(crc(Array(bytes[..<92]))))
                board.write(bytes, at: header)
                board.write(entries, at: first)
            }
        }
        private var capacity: UInt64 { board.disks[0]!.capacity }
    }

    @Test func findsPartitions() {
        let system = System()
        system.writeTables()
        system.begin()
        #expect(system.client.disks[0]?.capacity == 100 && system.client.disks[1]?.capacity == 100)
        system.board.history = []
        #expect(system.perform(BlockRequest(.write, disk: 1, sector: 98, length: 1024)) == .ok)
        #expect(system.perform(BlockRequest(.write, disk: 1, sector: 99, length: 1024)) == .badRequest)
        #expect(system.perform(BlockRequest(.flush, disk: 1)) == .ok)
        #expect(system.board.history.map(\.sector) == [298, 0])
    }

    /// Any damaged byte of the first header or its entries leads to the second table.
    @Test(arguments: [0, 8, 12, 16, 24, 72, 80, 84, 88, 512, 512 + 32, 512 + 16000])
    func usesTheSecondTable(offset: Int) {
        let system = System()
        system.writeTables()
        system.board.flip(UInt64(1 + offset / 512), byte: offset % 512)
        system.begin()
        #expect(system.client.disks[1]?.capacity == 100)
        system.board.flip(Self.capacity - 1, byte: 16)
        system.client.disks = [:]
        system.begin()
        #expect(system.client.disks.isEmpty && system.observer.events.last == .noPartitions(boardDisk: 0))
        #expect(system.perform(BlockRequest(.read, disk: 0, length: 512)) == .noDisk)
    }

    @Test func usesTheSecondTableAfterAnError() {
        let system = System()
        system.writeTables()
        system.board.failing = [5]
        system.begin()
        #expect(system.client.disks[0]?.capacity == 100)
    }

    /// A partition that reaches behind the disk's end, or that the table does not have, is missing.
    @Test(arguments: [4096, UInt64.max, 150]) func refusesPartitionsOutsideOfTheDisk(last: UInt64) {
        let system = System()
        system.writeTables(last: last)
        system.begin()
        #expect(system.client.disks[0] != nil && system.client.disks[1] == nil)
        #expect(system.observer.events == [.missing(client: 0, disk: 1)])
    }

    @Test func aDiskThatIsTooSmallHasNone() {
        let system = System(capacity: 67)
        system.begin()
        #expect(system.client.disks.isEmpty)
        #expect(system.observer.events == [.noPartitions(boardDisk: 0)])
    }
}

/// CRC-32 of IEEE 802.3, bit by bit.
private func crc(_ bytes: [UInt8]) -> UInt32 {
    var remainder: UInt32 = ~0
    for byte in bytes {
        for bit in 0..<8 {
            let isOdd = (remainder ^ UInt32(byte) >> UInt32(bit)) & 1 != 0
            remainder = isOdd ? remainder >> 1 ^ 0xEDB8_8320 : remainder >> 1
        }
    }
    return ~remainder
}

extension [UInt8] {
    /// Replaces eight bytes by a number.
    fileprivate mutating func replace(_ offset: Int, _ number: UInt64) {
        for index in 0..<8 { self[offset + index] = UInt8(truncatingIfNeeded: number >> UInt64(8 * index)) }
    }
}
