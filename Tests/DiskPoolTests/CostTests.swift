import Testing

@testable import DiskPool

/// The work of operations on large disks, counted and not timed: requests to the device, sectors, nodes, and accesses
/// to the pool's memory.
@Suite struct CostTests {
    private struct Cost: Hashable {
        var requests: Int
        var sectors: Int
        var nodes: UInt64
        var commits: UInt64
        var accesses: Int
    }

    private func cost(_ trial: Trial, of work: () -> Void) -> Cost {
        let before = trial.pool.counters
        trial.memory.accesses = 0
        let requests = trial.requests(during: work)
        let after = trial.pool.counters
        return Cost(
            requests: requests.count, sectors: requests.reduce(0) { $0 + $1.count },
            nodes: after.nodesVisited - before.nodesVisited, commits: after.commits - before.commits,
            accesses: trial.memory.accesses)
    }

    /// Makes a disk of which so many MiB are written. The device keeps no data of clients.
    private func disk(megabytes: Int, hasChecksums: Bool) -> (trial: Trial, disk: Int) {
        let trial = Trial(seed: 5, units: 80_000, records: 128)
        trial.disk.keepsData = false
        let disk = trial.makeDisk("disk", sectors: 1 << 22, hasChecksums: hasChecksums)
        trial.expected = []
        for part in 0..<UInt64(megabytes * 16) {
            trial.submit(Trial.Flight(operation: .write, name: ""), disk: disk, sector: part * 128, count: 128)
            if part % 12 == 11 { trial.settle() }
        }
        trial.settle()
        #expect(trial.problems == [] && trial.request(.flush, disk) == nil)
        #expect(trial.pool.record(disk).used > megabytes * 64)
        return (trial, disk)
    }

    @Test func snapshotAndCloneDoNotDependOnTheSize() {
        var costs: Set<[Cost]> = []
        for megabytes in [1, 1024] {
            let (trial, disk) = disk(megabytes: megabytes, hasChecksums: false)
            let snapshot = cost(trial) { #expect(trial.request(.snapshot(trial.name("s")), disk) == nil) }
            let clone = cost(trial) {
                let options = DiskOptions(name: trial.name("c"), sectors: 0)
                #expect(trial.request(.clone(options), trial.index("s")!) == nil)
            }
            costs.insert([snapshot, clone])
        }
        #expect(costs.count == 1, "\(costs)")
        #expect(costs.first!.allSatisfy { $0.requests <= 7 && $0.commits == 1 && $0.accesses < 5_000 }, "\(costs)")
    }

    /// Reads of a disk of 1 GiB, with and without a hundred snapshots, each with changes behind it.
    @Test func readsAfterAHundredSnapshotsCostAsMuchAsWithout() {
        let (trial, disk) = disk(megabytes: 1024, hasChecksums: false)
        let places = (0..<64 as Range<UInt64>).map { $0 * 32768 + 17 * $0 }
        func reads() -> [Cost] {
            trial.restart()
            return places.map { place in cost(trial) { #expect(trial.request(.read, disk, place, count: 8) == nil) } }
        }
        let without = reads()
        for number in 0..<100 {
            #expect(trial.request(.snapshot(trial.name("s\(number)")), disk) == nil)
            let place = UInt64(number) * 20000
            #expect(trial.request(.write, disk, place, count: 8) == nil)
        }
        #expect(reads() == without)
        #expect(without.allSatisfy { $0.requests <= 3 })
    }
}
