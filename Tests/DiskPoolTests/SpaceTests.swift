import Testing

@testable import DiskPool

/// Quotas, reservations, and pools that are full.
@Suite struct SpaceTests {
    @Test func quotaEndsOneDiskOnly() {
        let trial = Trial(seed: 1)
        let (small, other) = (trial.makeDisk("small", quota: 10), trial.makeDisk("other"))
        var written = 0
        while written < 100, trial.write(7, small, UInt64(written * 32), count: 32) == nil { written += 1 }
        #expect(written > 4 && written <= 10)
        #expect(trial.write(7, small, UInt64(written * 32)) == .quota)
        // The disk can still write to the units that it has already.
        #expect(trial.write(8, small, 0, count: 32) == nil)
        #expect(trial.write(9, other, 0, count: 64) == nil)
        #expect(trial.request(.limit(quota: 0, reserved: 0), small) == nil)
        #expect(trial.write(7, small, UInt64(written * 32)) == nil)
    }

    @Test func reservationIsLeftToItsDisk() {
        let trial = Trial(seed: 2)
        let (greedy, careful) = (trial.makeDisk("greedy"), trial.makeDisk("careful", reserved: 100))
        fill(trial, greedy)
        for unit in 0..<90 { #expect(trial.write(5, careful, UInt64(unit * 32), count: 32) == nil) }
        #expect(trial.request(.limit(quota: 0, reserved: 400), careful) == .poolFull)
        #expect(trial.faults == [])
    }

    /// Writes until the pool is full. Returns the number of units.
    @discardableResult private func fill(_ trial: Trial, _ disk: Int) -> Int {
        for unit in 0..<1100 where trial.write(3, disk, UInt64(unit * 32), count: 32) != nil { return unit }
        Issue.record("the pool does not become full")
        return 0
    }

    @Test(arguments: ["discard", "delete"]) func fullPoolRecovers(by means: String) {
        let trial = Trial(seed: 3)
        let (first, second) = (trial.makeDisk("first"), trial.makeDisk("second"))
        #expect(trial.write(1, second, 0, count: 32) == nil)
        let count = fill(trial, first)
        #expect(count > 700)
        #expect(trial.write(4, first, UInt64(count * 32)) == .poolFull)
        #expect(trial.write(4, second, 64) == .poolFull)
        // Present contents can be written and read, and flushes work.
        #expect(trial.write(2, second, 0, count: 32) == nil)
        #expect(trial.request(.flush, second) == nil)
        #expect(trial.read(first, 0) == 3)
        if means == "discard" {
            #expect(trial.request(.discard, first, 0, count: 32 * 200) == nil)
        } else {
            #expect(trial.request(.delete, first) == nil)
        }
        // The space is there at once: the write waits for the commit that frees it.
        for unit in 2..<150 { #expect(trial.write(4, second, UInt64(unit * 32), count: 32) == nil) }
        #expect(trial.read(second, 64) == 4)
        trial.restart()
        #expect(trial.faults == [])
    }

    @Test func fullPoolWithSnapshotsCanDeleteThem() {
        let trial = Trial(seed: 4)
        let disk = trial.makeDisk("disk")
        for unit in 0..<200 { #expect(trial.write(1, disk, UInt64(unit * 32), count: 32) == nil) }
        for number in 0..<3 {
            #expect(trial.request(.snapshot(trial.name("s\(number)")), disk) == nil)
            for unit in 0..<200 { #expect(trial.write(2, disk, UInt64(unit * 32), count: 32) == nil) }
        }
        fill(trial, trial.makeDisk("other"))
        #expect(trial.request(.delete, trial.index("s1")!) == nil)
        #expect(trial.request(.delete, trial.index("s0")!) == nil)
        #expect(trial.pool.freeUnits > 380)
        for unit in 200..<400 { #expect(trial.write(2, disk, UInt64(unit * 32), count: 32) == nil) }
        trial.restart()
        #expect(trial.faults == [])
    }

    @Test func tellsTheDeviceWhatIsFree() {
        let trial = Trial(seed: 5)
        trial.pool.passesDiscards = true
        let disk = trial.makeDisk("disk")
        #expect(trial.write(1, disk, 0, count: 96) == nil)
        let units = (0..<3).map { trial.dataUnit(disk, $0)! }
        let free = trial.pool.freeUnits
        let requests = trial.requests {
            _ = trial.request(.discard, disk, 0, count: 96)
            _ = trial.request(.commit, disk)
        }
        let discards = requests.filter { $0.kind == .discard }
        for unit in units {
            let sector = PoolLayout.firstSector(of: unit)
            #expect(discards.contains { $0.sector <= sector && sector < $0.sector + UInt64($0.count) })
        }
        // Not before a commit has made the discard durable.
        let flush = requests.firstIndex { $0.kind == .flush }!
        #expect(requests.firstIndex { $0.kind == .discard }! > flush)
        #expect(trial.pool.freeUnits >= free + 3)
        #expect(trial.read(disk, 0) == 0)
    }
}
