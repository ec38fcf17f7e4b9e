import Testing

@testable import DiskPool

/// Requests for several units, which go to the device as few requests.
@Suite struct ExtentTests {
    /// Makes a disk whose first four units are written, one behind the other on the device.
    private func makeDisk() -> (trial: Trial, disk: Int) {
        let trial = Trial(seed: 3)
        let disk = trial.makeDisk("disk")
        // The first write takes units for the nodes of the map.
        #expect(trial.write(1, disk, 320, count: 32) == nil && trial.write(1, disk, 0, count: 128) == nil)
        #expect((1..<4).allSatisfy { trial.dataUnit(disk, $0) == trial.dataUnit(disk, $0 - 1)! + 1 })
        return (trial, disk)
    }

    @Test(arguments: [PoolRequest.Operation.read, .write]) func unitsInARowTakeOneLookAndOneRequest(
        _ operation: PoolRequest.Operation
    ) {
        let (trial, disk) = makeDisk()
        let before = trial.pool.counters.nodesVisited
        let requests = trial.requests { #expect(trial.request(operation, disk, 5, count: 100) == nil) }
        #expect(trial.pool.counters.nodesVisited - before == UInt64(trial.pool.record(disk).height))
        #expect(requests.map(\.count) == [100])
        #expect(requests.first?.sector == UInt64(trial.dataUnit(disk, 0)!) * 32 + 5)
    }

    /// A unit in the middle that holds no data in the sectors concerned, or lies elsewhere, ends the transfer.
    @Test func unitWithoutDataOrElsewhereEndsATransfer() {
        let (trial, disk) = makeDisk()
        #expect(trial.request(.discard, disk, 70, count: 1) == nil)
        let requests = trial.requests { #expect(trial.read(disk, 0, count: 128) == 1) }
        #expect(requests.map(\.count).sorted() == [57, 70])
        #expect(trial.memory.window(0, 70 * 512)[0] == 0 && trial.memory.window(0, 71 * 512)[0] == 1)
        // The whole unit goes away, and the next write takes another one for it.
        let other = trial.makeDisk("other")
        #expect(trial.request(.discard, disk, 32, count: 32) == nil)
        _ = trial.request(.commit, disk)
        #expect(trial.write(3, other, 0, count: 32) == nil)
        #expect(trial.write(2, disk, 32, count: 32) == nil)
        #expect(trial.dataUnit(disk, 1) != trial.dataUnit(disk, 0)! + 1)
        #expect(trial.read(disk, 0, count: 128) == 1)
        #expect(trial.memory.window(0, 32 * 512)[0] == 2 && trial.memory.window(0, 64 * 512)[0] == 1)
    }

    /// A write that begins in a unit of the disk's own does not change the units behind it that a snapshot has as well.
    @Test func writeSparesTheUnitsOfASnapshot() {
        let (trial, disk) = makeDisk()
        #expect(trial.request(.snapshot(trial.name("s")), disk) == nil)
        // A unit of the disk's own whose place is right before those of the snapshot.
        let third = trial.dataUnit(disk, 2)!
        #expect(trial.write(5, disk, 32, count: 32) == nil)
        guard case .value(let place?) = trial.pool.leaf(disk, 1) else {
            Issue.record("no leaf")
            return
        }
        let own = trial.pool.entry(place)
        trial.pool.setEntry(place.slot, place.index, MapEntry(unit: third - 1, birth: own.birth, valid: ~0))
        #expect(trial.write(7, disk, 32, count: 64) == nil)
        #expect(trial.dataUnit(disk, 2) != third)
        #expect(trial.read(trial.index("s")!, 64) == 1 && trial.read(disk, 64) == 7)
    }

    /// A hostile map whose entries go on behind the pool's end.
    @Test func transferEndsAtTheEndOfThePool() {
        let (trial, disk) = makeDisk()
        guard case .value(let place?) = trial.pool.leaf(disk, 1) else {
            Issue.record("no leaf")
            return
        }
        for index in 0..<2 as Range<UInt32> {
            trial.pool.setEntry(
                place.slot, place.index + Int(index), MapEntry(unit: 899 + index, birth: 1, valid: ~0))
        }
        let requests = trial.requests { #expect(trial.request(.read, disk, 32, count: 64) == .damaged) }
        #expect(requests.allSatisfy { $0.sector + UInt64($0.count) <= 900 * 32 })
    }
}
