import Testing

@testable import DiskPool

/// Lists, names, snapshots, clones, and the cost of these.
@Suite struct ControlTests {
    @Test func listsWhatAUserSees() {
        let trial = Trial(seed: 1)
        let golden = trial.makeDisk("golden", quota: 300, reserved: 20)
        #expect(trial.write(1, golden, 0, count: 64) == nil)
        #expect(trial.request(.snapshot(trial.name("before")), golden) == nil)
        let snapshot = trial.index("before")!
        var options = DiskOptions(name: trial.name("web"), sectors: 40000)
        options.quota = 50
        #expect(trial.request(.clone(options), snapshot) == nil)
        let list = trial.pool.list()
        #expect(list.map(\.name.text) == ["golden", "before", "web"])
        #expect(list.map(\.isSnapshot) == [false, true, false])
        #expect(list.map(\.sectors) == [35200, 35200, 40000])
        #expect(list.map(\.quota) == [300, 0, 50])
        #expect(list.map(\.reserved) == [20, 0, 0])
        #expect(list.map(\.origin.text) == ["", "golden", "before"])
        #expect(list.map(\.previous) == [snapshot, nil, snapshot])
        #expect(list[0].used == 4)
        #expect(list[1].clones == 1)
        #expect(trial.faults == [])
    }

    @Test func renames() {
        let trial = Trial(seed: 2)
        let disk = trial.makeDisk("old")
        _ = trial.makeDisk("taken")
        #expect(trial.request(.rename(trial.name("taken")), disk) == .exists)
        #expect(trial.request(.rename(PoolName()), disk) == .badName)
        #expect(trial.request(.rename(trial.name("new")), disk) == nil)
        trial.restart()
        #expect(trial.index("new") == disk && trial.index("old") == nil)
    }

    @Test func keepsASnapshotThatACloneNeeds() {
        let trial = Trial(seed: 3)
        let disk = trial.makeDisk("disk")
        #expect(trial.write(1, disk, 0) == nil)
        #expect(trial.request(.snapshot(trial.name("snapshot")), disk) == nil)
        let snapshot = trial.index("snapshot")!
        #expect(trial.request(.clone(DiskOptions(name: trial.name("clone"), sectors: 0)), snapshot) == nil)
        #expect(trial.request(.delete, snapshot) == .neededByClone)
        #expect(trial.request(.delete, disk) == nil)
        #expect(trial.read(trial.index("clone")!, 0) == 1)
        #expect(trial.request(.delete, trial.index("clone")!) == nil)
        #expect(trial.request(.delete, snapshot) == nil)
        trial.restart()
        #expect(trial.pool.list() == [])
        #expect(trial.faults == [])
    }

    /// A write that has begun may still change a node that a snapshot would share.
    @Test func snapshotWaitsForWritersOfItsDisk() {
        let trial = Trial(seed: 10)
        let disk = trial.makeDisk("disk")
        #expect(trial.write(1, disk, 0, count: 32) == nil)
        _ = trial.request(.commit, disk)
        trial.memory.window(0, 0).update(repeating: 2, count: 32 * 128)
        trial.submit(Trial.Flight(operation: .write, name: ""), disk: disk, sector: 0, count: 32)
        trial.pump()
        let write = trial.disk.pending.removeLast()
        trial.submit(Trial.Flight(operation: .snapshot(trial.name("s")), name: "", window: -1), disk: disk)
        trial.pump()
        for pending in trial.disk.pending { #expect(pending.request.kind == .read) }
        #expect(trial.index("s") == nil)
        trial.disk.pending.append(write)
        trial.settle()
        #expect(trial.read(trial.index("s")!, 0) == 2)
        #expect(trial.write(3, disk, 0, count: 32) == nil)
        #expect(trial.read(trial.index("s")!, 0) == 2)
    }

    @Test func refusesWhatCannotBe() {
        let trial = Trial(seed: 4)
        let disk = trial.makeDisk("disk")
        #expect(trial.request(.grow(10), disk) == .shrinks)
        #expect(trial.request(.grow(1 << 40), disk) == .tooLarge)
        #expect(trial.request(.snapshot(trial.name("disk")), disk) == .exists)
        #expect(trial.request(.snapshot(trial.name("s")), disk) == nil)
        #expect(trial.write(1, trial.index("s")!, 0) == .isSnapshot)
        #expect(trial.request(.grow(1 << 20), trial.index("s")!) == .isSnapshot)
        #expect(trial.request(.read, disk, 35190, count: 20) == .outOfRange)
        #expect(trial.request(.read, disk, .max, count: 1) == .outOfRange)
        #expect(trial.request(.write, disk, 0, count: -1) == .outOfRange)
        for index in [-1, 7, 5000] { #expect(trial.request(.read, index, 0, count: 1) == .noSuchDisk) }
        for number in 0..<40 { _ = trial.makeDisk("d\(number)") }
        #expect(trial.request(.snapshot(trial.name("more")), disk) == .noRecord)
        #expect(trial.faults == [])
    }

    /// Counts requests to the device and nodes, which time cannot disturb.
    @Test func snapshotAndCloneTakeConstantWork() {
        var costs: Set<[Int]> = []
        for units in [1, 100, 400] {
            let trial = Trial(seed: 5)
            let disk = trial.makeDisk("disk")
            for unit in 0..<units { #expect(trial.write(1, disk, UInt64(unit * 32), count: 32) == nil) }
            _ = trial.request(.commit, disk)
            let before = trial.pool.counters
            let requests = trial.requests {
                #expect(trial.request(.snapshot(trial.name("s")), disk) == nil)
                let options = DiskOptions(name: trial.name("c"), sectors: 0)
                #expect(trial.request(.clone(options), trial.index("s")!) == nil)
            }
            let after = trial.pool.counters
            costs.insert([
                requests.count, requests.reduce(0) { $0 + $1.count }, Int(after.nodesVisited - before.nodesVisited),
                Int(after.commits - before.commits),
            ])
        }
        #expect(costs.count == 1)
        #expect(costs.first![0] <= 14)
    }

    @Test func readsAtTheEndOfAHundredSnapshotsAsWithout() {
        let trial = Trial(seed: 6, records: 128)
        let disk = trial.makeDisk("disk")
        #expect(trial.write(1, disk, 0, count: 96) == nil)
        let cost = costOfReading(trial, disk)
        for number in 0..<100 {
            #expect(trial.request(.snapshot(trial.name("s\(number)")), disk) == nil)
            #expect(trial.write(UInt32(number), disk, 3) == nil)
        }
        #expect(costOfReading(trial, disk) == cost)
        #expect(trial.read(trial.index("s50")!, 3) == 49)
        for number in [50, 0, 99, 98, 1] { #expect(trial.request(.delete, trial.index("s\(number)")!) == nil) }
        trial.restart()
        #expect(trial.faults == [])
    }

    /// Returns the device's sectors and the nodes for a read by a new life of the engine.
    private func costOfReading(_ trial: Trial, _ disk: Int) -> [Int] {
        trial.restart()
        let requests = trial.requests { #expect(trial.read(disk, 64, count: 32) == 1) }
        return [requests.count, requests.reduce(0) { $0 + $1.count }, Int(trial.pool.counters.nodesVisited)]
    }

    @Test func oneFlushServesAll() {
        let trial = Trial(seed: 7)
        let disk = trial.makeDisk("disk")
        #expect(trial.write(1, disk, 0, count: 32) == nil)
        _ = trial.request(.commit, disk)
        // In place, so that nothing is committed.
        #expect(trial.write(2, disk, 0, count: 8) == nil)
        let requests = trial.requests {
            for _ in 0..<8 { trial.submit(Trial.Flight(operation: .flush, name: ""), disk: disk) }
            trial.settle()
        }
        #expect(requests.map(\.kind) == [.flush])
        #expect(trial.requests { _ = trial.request(.flush, disk) } == [])
    }

    /// Whole sectors go between the window and the device.
    @Test(arguments: [false, true]) func copiesNoWholeUnits(hasChecksums: Bool) {
        let trial = Trial(seed: 8)
        let disk = trial.makeDisk("disk", hasChecksums: hasChecksums)
        let data = trial.requests {
            #expect(trial.write(1, disk, 32, count: 64) == nil)
            #expect(trial.read(disk, 32, count: 64) == 1)
            if !hasChecksums { #expect(trial.write(2, disk, 35, count: 3) == nil) }
        }
        #expect(data.filter { $0.count > 0 }.allSatisfy { if case .window = $0.place { true } else { false } })
    }
}
