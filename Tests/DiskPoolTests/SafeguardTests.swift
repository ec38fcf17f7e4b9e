import Testing

@testable import DiskPool

/// Single safeguards of the pool, each in the situation for which it exists.
@Suite struct SafeguardTests {
    /// Performs everything that the device has, except for the requests that a test keeps back.
    private func run(_ trial: Trial) {
        trial.pump()
        while !trial.disk.pending.isEmpty || trial.pool.hasWork { trial.step() }
        trial.takeAnswers()
    }

    /// Two new levels above the root, all of which the same commit writes.
    @Test func aDiskThatGrowsByTwoLevelsKeepsItsContents() {
        let trial = Trial(seed: 1)
        let disk = trial.makeDisk("disk", sectors: 2048)
        #expect(trial.write(1, disk, 5) == nil)
        #expect(trial.request(.grow(PoolLayout.coverage(height: 2) + 64), disk) == nil)
        #expect(trial.pool.record(disk).height == 3 && trial.read(disk, 5) == 1)
        let last = PoolLayout.coverage(height: 2) + 63
        #expect(trial.read(disk, last) == 0 && trial.write(2, disk, last) == nil)
        trial.restart()
        #expect(trial.read(disk, 5) == 1 && trial.read(disk, last) == 2)
        #expect(trial.faults == [])
    }

    /// A read of a part of a unit verifies the whole unit.
    @Test(arguments: [3, 20]) func aPartOfADamagedUnitIsNotReturned(sector: UInt64) {
        let trial = Trial(seed: 2)
        let disk = trial.makeDisk("disk", hasChecksums: true)
        #expect(trial.write(1, disk, 0, count: 32) == nil && trial.read(disk, sector, count: 2) == 1)
        // A word of the sector 20.
        trial.disk.flip(trial.dataUnit(disk, 0) ?? 0, word: 20 * 128 + 5, bit: 3)
        #expect(trial.read(disk, sector, count: 2) == nil && trial.lastControlError == .damaged)
    }

    /// An acknowledged change that cannot be replayed makes the disk unusable, because other parts of it can be newer
    /// or older than the lost one.
    @Test func aDiskWhoseReplayFailsDoesNotAnswer() {
        let trial = Trial(seed: 3, logEntries: 128)
        let (disk, other) = (trial.makeDisk("disk"), trial.makeDisk("other"))
        for sector in [0, 32768] as [UInt64] { #expect(trial.write(1, disk, sector, count: 32) == nil) }
        #expect(trial.write(1, other, 0, count: 32) == nil && trial.request(.flush, disk) == nil)
        guard case .value(let leaf?) = trial.pool.leaf(disk, 0) else {
            Issue.record("no leaf")
            return
        }
        let unit = trial.pool.cache.slots[leaf.slot].unit
        #expect(trial.write(2, disk, 64, count: 32) == nil)
        trial.disk.flip(unit, word: 9, bit: 1)
        trial.pool = trial.newPool()
        trial.pool.open()
        trial.settle()
        #expect(trial.pool.isMounted && trial.pool.isDamaged(disk))
        #expect(trial.read(disk, 32768) == nil && trial.lastControlError == .damaged)
        #expect(trial.read(other, 0) == 1)
    }

    /// A unit that was freed belongs to nobody while a read that began before is under way.
    @Test func aUnitStaysFreeWhileAnOldReadIsUnderWay() throws {
        let trial = Trial(seed: 4)
        trial.pool.passesDiscards = false
        let disk = trial.makeDisk("disk")
        #expect(trial.write(1, disk, 0, count: 32) == nil && trial.request(.flush, disk) == nil)
        let unit = try #require(trial.dataUnit(disk, 0))
        trial.submit(Trial.Flight(operation: .read, name: "", window: 3), disk: disk, sector: 0, count: 32)
        trial.pump()
        let read = trial.disk.pending.removeLast()
        #expect(read.request.kind == .read && trial.disk.pending.isEmpty)
        trial.submit(Trial.Flight(operation: .discard, name: "", window: -1), disk: disk, sector: 0, count: 32)
        trial.submit(Trial.Flight(operation: .flush, name: "", window: -1), disk: disk)
        run(trial)
        #expect(trial.flights.count == 1 && !trial.pool.isAllocated(unit) && trial.pool.isBusy(unit))
        trial.disk.pending.append(read)
        run(trial)
        #expect(trial.flights.isEmpty && !trial.pool.isBusy(unit) && trial.memory.window(3, 0)[0] == 1)
    }

    /// Writes that are under way count as well.
    @Test func writesAtOnceStayWithinTheQuota() {
        let trial = Trial(seed: 5)
        let disk = trial.makeDisk("disk", quota: 4)
        trial.expected.insert(.quota)
        for index in 0..<8 {
            trial.submit(
                Trial.Flight(operation: .write, name: "", window: index), disk: disk, sector: UInt64(index * 32),
                count: 32)
        }
        run(trial)
        #expect(trial.flights.isEmpty && trial.problems == [])
        // The nodes of the map come on top of the quota.
        let written = (0..<8).count { trial.dataUnit(disk, UInt64($0)) ?? 0 != 0 }
        #expect(written == 4 && trial.pool.record(disk).used == 6)
    }
}
