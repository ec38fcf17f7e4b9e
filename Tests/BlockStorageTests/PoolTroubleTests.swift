import ABI
import BlockStorage
import DiskPool
import Testing

/// Pools whose board disk fails, has grown or is damaged, and pools that are full.
@Suite struct PoolTroubleTests {
    private typealias System = StorageServerTests.System
    private static func pool(_ name: String) -> StorageDisk { StorageServerTests.pool(name) }

    @Test func failedCommitIsReportedAndTriedAgainOnceASecond() {
        let system = System([[Self.pool("a")]], pool: ["a"])
        system.settle()
        #expect(system.write(1, to: 0) == .ok && system.perform(BlockRequest(.flush)) == .ok)
        #expect(system.write(2, to: 64) == .ok)
        system.board.failingOperations = [.write]
        #expect(system.perform(BlockRequest(.flush)) == .ioError)
        #expect(system.observer.events.contains(.stopped(boardDisk: 0)) && system.server.hasTrouble)
        // Reads go on.
        #expect(system.read(0) == 1 && system.read(64) == 2)
        system.server.second = 7
        #expect(system.perform(BlockRequest(.flush)) == .ioError)
        let count = system.board.history.count
        for _ in 0..<20 { #expect(system.perform(BlockRequest(.discard, length: 4096)) == .ioError) }
        #expect(system.board.history.count == count)
        system.board.failingOperations = []
        #expect(system.perform(BlockRequest(.flush)) == .ioError)
        // Nobody's request is needed.
        system.server.second = 8
        system.settle()
        #expect(!system.server.hasTrouble)
        #expect(system.perform(BlockRequest(.flush)) == .ok && system.write(3, to: 128) == .ok)
        #expect(
            system.observer.events.filter { $0 == .stopped(boardDisk: 0) || $0 == .resumed(boardDisk: 0) }.count == 2)
        system.begin()
        system.settle()
        #expect([0, 64, 128].map { system.read($0) } == [1, 2, 3])
    }

    @Test func openingIsTriedAgain() {
        let system = System([[Self.pool("a")]], pool: ["a"])
        system.board.failingOperations = [.read]
        for second in 0..<5 as Range<UInt64> {
            system.server.second = second
            system.settle()
        }
        #expect(system.observer.events == [.notOpened(boardDisk: 0, .device)])
        #expect(system.perform(BlockRequest(.read, length: 4096)) == .noDisk)
        system.board.failingOperations = []
        system.server.second = 5
        system.settle()
        #expect(system.observer.events.last == .opened(boardDisk: 0) && !system.server.hasTrouble)
        #expect(system.clients[0].disks[0]?.capacity == 2048)
        #expect(system.write(1, to: 0) == .ok && system.read(0) == 1)
    }

    /// The file of the board's disk has grown since the pool was made, so far that a pool of its size would need more
    /// memory than there is.
    @Test(arguments: [5000, 200_000, 1 << 26, UInt64.max / 32]) func diskHasGrown(units: UInt64) {
        let system = System([[Self.pool("a")]], pool: ["a"])
        system.board.disks[0] = BlockDisk(capacity: units * 32, features: [.hasVolatileCache])
        system.settle()
        #expect(system.observer.events == [.opened(boardDisk: 0)])
        #expect(system.write(1, to: 0) == .ok && system.perform(BlockRequest(.flush)) == .ok)
        system.begin()
        system.settle()
        #expect(system.read(0) == 1)
    }

    @Test func diskHasShrunk() {
        let system = System([[Self.pool("a")]], pool: ["a"])
        system.board.disks[0] = BlockDisk(capacity: 4000 * 32, features: [.hasVolatileCache])
        system.settle()
        #expect(system.observer.events == [.notOpened(boardDisk: 0, .badSize)])
    }

    /// A discard of more units than the pool changes in one step, and a flush behind it, need no other event.
    @Test func longDiscardNeedsNoOtherRequest() {
        let system = System([[Self.pool("a")]], pool: ["a"])
        system.settle()
        let leaves: UInt64 = 12
        let size = leaves << 15
        guard let ticket = system.server.begin(.grow(PoolName("a".utf8)!, sectors: size), onBoardDisk: 0) else {
            Issue.record("no ticket")
            return
        }
        system.settle()
        #expect(system.server.outcome(ticket) == .done)
        for leaf in 0..<leaves { #expect(system.write(1, to: leaf << 15) == .ok) }
        let discard = system.clients[0].submit(BlockRequest(.discard, length: UInt32(size * 512)))
        let flush = system.clients[0].submit(BlockRequest(.flush))
        system.server.run()
        #expect(system.server.hasWork)
        system.settle()
        #expect(system.clients[0].answers[discard] == .ok && system.clients[0].answers[flush] == .ok)
        for leaf in 0..<leaves { #expect(system.read(leaf << 15) == 0) }
    }

    /// A client without a write cache gets the answer to each change when the change is durable.
    @Test(arguments: [BlockOperation.discard, .writeZeroes], [UInt16(0), 1])
    func forcedChangesAreDurable(operation: BlockOperation, disk: UInt16) {
        let whole = StorageDisk(.whole, boardDisk: 1, isReadOnly: false)
        let system = System([[Self.pool("a"), whole]], pool: ["a"])
        system.settle()
        #expect(system.write(1, to: 0, count: 32, disk: disk) == .ok)
        #expect(system.perform(BlockRequest(.flush, disk: disk)) == .ok)
        system.board.history = []
        let request = BlockRequest(operation, disk: disk, length: 32 * 512, forcesUnitAccess: true)
        #expect(system.perform(request) == .ok)
        #expect(system.board.history.last?.operation == .flush)
    }

    /// A complaint about other systems: "a virtio block service runs out of data space and never recovers".
    @Test func serviceThatRanOutOfDataSpaceRecovers() {
        let system = System([[Self.pool("a")], [Self.pool("b")]], pool: ["a", "b"])
        system.settle()
        for name in ["a", "b"] {
            _ = system.server.begin(.grow(PoolName(name.utf8)!, sectors: 8192 * 32), onBoardDisk: 0)
            system.settle()
        }
        #expect(system.write(9, to: 0, count: 32, of: 1) == .ok)
        var unit: UInt64 = 0
        var status: BlockStatus? = .ok
        while status == .ok, unit < 8192 {
            status = system.write(UInt32(unit), to: unit * 32, count: 32)
            unit += 1
        }
        #expect(status == .noSpace && unit > 3500)
        // Both get errors, and neither waits. Reads, writes in place and flushes go on.
        #expect(system.write(1, to: 3200, count: 32, of: 1) == .noSpace)
        #expect(system.read(32 * 100) == 100 && system.read(0, of: 1) == 9)
        #expect(system.write(8, to: 0, count: 32, of: 1) == .ok && system.perform(BlockRequest(.flush), 1) == .ok)
        #expect(system.perform(BlockRequest(.discard, length: UInt32(1000 * 32 * 512))) == .ok)
        for unit in 100..<1000 as Range<UInt64> {
            #expect(system.write(7, to: unit * 32, count: 32, of: 1) == .ok)
        }
        #expect(system.read(3200, of: 1) == 7 && system.read(32 * 2000) == 2000 && system.read(32) == 0)
        #expect(system.observer.events.contains { if case .failed(_, _, _, .noSpace) = $0 { true } else { false } })
    }

    /// A damaged structure is reported once for each time that it is met, and the other client's disk works.
    @Test func damageIsReported() {
        let system = System([[Self.pool("a")], [Self.pool("b")]], pool: ["a", "b"])
        system.settle()
        for client in 0...1 {
            #expect(system.write(UInt32(client + 5), to: 0, of: client) == .ok)
            #expect(system.perform(BlockRequest(.flush), client) == .ok)
        }
        system.begin()
        system.settle()
        // The newest copy of the record of the first disk: both slots are damaged.
        for slot in 0..<2 as Range<UInt64> { system.board.flip((4 + 2) * 32 + slot, byte: 20) }
        system.begin()
        system.settle()
        #expect(system.observer.events.contains(.damaged(boardDisk: 0, count: 1)))
        #expect(system.read(0, of: 1) == 6 && system.read(0) == nil)
    }
}
