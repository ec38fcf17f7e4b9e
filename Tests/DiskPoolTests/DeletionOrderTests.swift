import Testing

@testable import DiskPool

/// Deletions that depend on each other, of which one has to wait for its device.
@Suite struct DeletionOrderTests {
    private struct Family {
        let trial: Trial
        let disk: Int
        let snapshot: Int
        /// The older node of the disk's list of dead units, which the deletion of the snapshot reads last.
        let olderNode: UInt32
    }

    /// Makes a disk with a snapshot, and a list of dead units that has two nodes.
    private func makeFamily() -> Family {
        let trial = Trial(seed: 1)
        let disk = trial.makeDisk("disk")
        for unit in 0..<60 { #expect(trial.write(1, disk, UInt64(unit * 32), count: 32) == nil) }
        #expect(trial.request(.snapshot(trial.name("snapshot")), disk) == nil)
        for unit in 0..<20 { #expect(trial.write(2, disk, UInt64(unit * 32), count: 32) == nil) }
        trial.restart()
        let olderNode = trial.pool.record(disk).dead.unit
        // The older node does not lie in memory now, so that the next dead unit begins another one.
        for unit in 20..<40 { #expect(trial.write(2, disk, UInt64(unit * 32), count: 32) == nil) }
        trial.restart()
        #expect(trial.pool.record(disk).dead.unit != olderNode)
        return Family(trial: trial, disk: disk, snapshot: trial.index("snapshot")!, olderNode: olderNode)
    }

    /// Fails the first read that begins in a unit.
    private func failOneRead(of unit: UInt32, _ trial: Trial) {
        var hasFailed = false
        trial.disk.fails = {
            guard !hasFailed, $0.kind == .read, $0.sector == PoolLayout.firstSector(of: unit) else { return false }
            hasFailed = true
            return true
        }
    }

    private func fill(_ disk: Int, _ trial: Trial) {
        for unit in 0..<80 { #expect(trial.write(7, disk, UInt64(unit * 32), count: 32) == nil) }
        #expect(trial.request(.flush, disk) == nil)
    }

    /// A snapshot that has been merged in part gives its units back by the list of its disk, so that the disk must not
    /// go before. Otherwise the snapshot's map names units that others have got meanwhile.
    @Test func diskWaitsForItsHalfMergedSnapshot() {
        let family = makeFamily()
        let trial = family.trial
        let other = trial.makeDisk("other")
        failOneRead(of: family.olderNode, trial)
        #expect(trial.request(.delete, family.snapshot) == nil)
        #expect(trial.pool.hasTrouble && trial.pool.record(family.snapshot).cursor == 1)
        #expect(trial.request(.commit, family.disk) == nil && trial.faults == [])
        #expect(trial.request(.delete, family.disk) == nil)
        fill(other, trial)
        trial.pool.retry()
        trial.settle()
        fill(trial.makeDisk("third"), trial)
        for unit in 0..<80 { #expect(trial.read(other, UInt64(unit * 32)) == 7) }
        trial.restart()
        #expect(Set(trial.pool.list().map(\.name.text)) == ["other", "third"])
        #expect(trial.faults == [])
    }

    /// The same after a power cut, or the death of the component, instead of the retry.
    @Test func theOrderOutlivesARestart() {
        let family = makeFamily()
        let trial = family.trial
        let other = trial.makeDisk("other")
        failOneRead(of: family.olderNode, trial)
        #expect(trial.request(.delete, family.snapshot) == nil)
        #expect(trial.request(.delete, family.disk) == nil)
        trial.restart()
        fill(other, trial)
        #expect(trial.pool.list().map(\.name.text) == ["other"])
        #expect(trial.faults == [])
    }

    /// A disk whose map has been given back in part shares less with its snapshot than its record says.
    @Test func snapshotWaitsForItsHalfDeletedDisk() {
        let trial = Trial(seed: 2)
        let disk = trial.makeDisk("disk", sectors: 70400)
        let free = trial.pool.freeUnits
        // Two leaves, of which the deletion reads the second one later.
        let sectors: [UInt64] = [0, 32, 32768, 32800]
        for sector in sectors { #expect(trial.write(1, disk, sector, count: 32) == nil) }
        #expect(trial.request(.snapshot(trial.name("snapshot")), disk) == nil)
        for sector in [0, 32768] as [UInt64] { #expect(trial.write(2, disk, sector, count: 32) == nil) }
        trial.restart()
        guard case .value(let place?) = wait(trial, disk, 1024) else {
            Issue.record("no leaf")
            return
        }
        let leaf = trial.pool.cache.slots[place.slot].unit
        trial.restart()
        failOneRead(of: leaf, trial)
        #expect(trial.request(.delete, disk) == nil)
        #expect(trial.pool.hasTrouble && trial.pool.record(disk).cursor == 1024)
        #expect(trial.request(.delete, trial.index("snapshot")!) == nil)
        trial.pool.retry()
        trial.settle()
        trial.restart()
        #expect(trial.pool.list() == [])
        #expect(trial.faults == [])
        #expect(trial.pool.freeUnits == free)
    }

    /// Returns the leaf of a virtual unit after loading its path.
    private func wait(_ trial: Trial, _ disk: Int, _ unit: UInt64) -> Found<Pool<HostMemory, SimulatedLog>.LeafPlace?> {
        _ = trial.read(disk, unit * 32)
        return trial.pool.leaf(disk, unit)
    }
}
