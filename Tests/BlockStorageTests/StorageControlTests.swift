import ABI
import BlockStorage
import DiskPool
import Testing

/// Orders that meet the wrong pool or disk.
@Suite struct StorageControlTests {
    private func name(_ text: String) -> PoolName { PoolName(text.utf8) ?? PoolName() }

    @Test func anOrderForADiskWithoutAPoolIsRefused() {
        let system = StorageServerTests.System([[StorageServerTests.pool("a")]], pool: ["a"])
        system.settle()
        let order = StorageCommand.create(name("b"), sectors: 64, hasChecksums: false)
        #expect(system.server.begin(order, onBoardDisk: 1) == nil)
        #expect(system.server.begin(order, onBoardDisk: 0) != nil)
    }

    /// A client learns that its disk is a snapshot, so that it does not offer it for writing.
    @Test func aSnapshotIsReadOnly() {
        let disks = [StorageServerTests.pool("a"), StorageServerTests.pool("s")]
        let system = StorageServerTests.System([disks], pool: ["a"])
        system.settle()
        #expect(system.write(1, to: 0) == .ok)
        #expect(system.server.begin(.snapshot(name("s"), of: name("a")), onBoardDisk: 0) != nil)
        system.settle()
        system.begin()
        system.settle()
        let features = system.clients[0].disks.mapValues { $0.features.contains(.readOnly) }
        #expect(features == [0: false, 1: true])
        #expect(system.write(2, to: 0, disk: 1) == .readOnly && system.write(2, to: 0) == .ok)
        #expect(system.read(0, disk: 1) == 1 && system.read(0) == 2)
    }
}
