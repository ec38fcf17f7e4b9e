import DiskOrders
import Foundation
import SystemImage
import Testing

@testable import Tool
@testable import Workshop

/// The parts of `bench disk --snapshots` and `bench memory --machines` that need no emulator.
@Suite struct DiskBenchmarkTests {
    @Test func theSecondOrderIsACloneAndTheOthersAreSnapshots() throws {
        func order(_ number: Int) throws -> DiskOrder {
            let line = try SnapshotOrders.line(number, disk: "debian.data")
            #expect(line.last == 0x0A)
            return try #require(DiskOrder(line: line.dropLast()))
        }
        let disk = try PoolFile.poolName("debian.data")
        #expect(try order(0).verb == .snapshot(try PoolFile.poolName("debian.data@0"), of: disk))
        #expect(try order(1).verb == .clone(try PoolFile.poolName("clone"), of: disk))
        #expect(try order(101).verb == .snapshot(try PoolFile.poolName("debian.data@101"), of: disk))
        #expect(try order(0).token != order(1).token)
        #expect(throws: Failure.self) { try SnapshotOrders.line(0, disk: String(repeating: "a", count: 80)) }
    }

    private func cost(_ guest: Double, storage: Double) -> RequestCost {
        var cost = RequestCost()
        cost.parts = [(RequestCost.guest, guest), ("Storage", storage)]
        return cost
    }

    @Test func anOrderCostsWithoutTheWaitingGuest() {
        var (small, large) = (SnapshotBenchmark.Result(), SnapshotBenchmark.Result())
        small.costs = [.snapshot: cost(900, storage: 100), .read: cost(50, storage: 50)]
        small.costs[.readOfChain] = cost(50, storage: 55)
        small.times[.snapshot] = .milliseconds(3)
        large.costs = [.snapshot: cost(100, storage: 110)]
        let rows = SnapshotReport(results: [(16, small), (1024, large)]).rows
        for row in [
            BenchRow("disk.snapshots.16MiB.snapshot", 100), BenchRow("disk.snapshots.16MiB.snapshot.Storage", 100),
            BenchRow("disk.snapshots.16MiB.snapshot.time", 3, unit: "ms of the host"),
            BenchRow("disk.snapshots.16MiB.read", 100), BenchRow("disk.snapshots.16MiB.read.guest", 50),
            BenchRow("disk.snapshots.16MiB.read-chain/read", 1.05, unit: "ratio"),
            BenchRow("disk.snapshots.snapshot.Storage.1024MiB/16MiB", 1.1, unit: "ratio"),
        ] { #expect(rows.contains(row), "\(row)") }
        #expect(!rows.contains { $0.name == "disk.snapshots.16MiB.snapshot.guest" })
    }

    @Test(arguments: [1, 50]) func aCrowdIsASystem(_ count: Int) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("crowd-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let manifest = try Manifest.load(path: MachineCrowd(count: count).write(to: folder).path)
        #expect(manifest.machines.map(\.name) == (1...count).map(MachineCrowd.name))
        #expect(manifest.machines.allSatisfy { $0.disks.count == 1 && $0.memory == 64 << 20 })
    }
}
