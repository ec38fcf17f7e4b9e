import Testing

@testable import DiskPool

/// Nodes with right checksums that name each other in ways that no pool makes. Each walk along them ends.
@Suite struct HostileGraphTests {
    /// The reads after which a walk counts as endless. The pool has 900 units.
    private static let limit = 4000

    /// Writes a node to the disk, and returns its checksum.
    private func put(_ words: [UInt32], _ unit: UInt32, _ trial: Trial) -> UInt32 {
        trial.disk.replace(unit, words)
        return HostMemory.checksum(words)
    }

    /// Makes a disk whose map has three levels, each of which has one node that the level above names 1024 times.
    private func makeFan(isShared: Bool) -> (trial: Trial, disk: Int) {
        let trial = Trial(seed: 1)
        let disk = trial.makeDisk("disk", sectors: PoolLayout.coverage(height: 3))
        #expect(trial.write(1, disk, 0, count: 32) == nil)
        if isShared { #expect(trial.request(.snapshot(trial.name("s")), disk) == nil) }
        _ = trial.request(.commit, disk)
        let root = trial.pool.record(disk).root
        let middle = trial.disk.units[Int(root.unit)][0]
        let leaf = trial.disk.units[Int(middle)][0]
        var check: UInt32 = 0
        for (level, unit) in [leaf, middle, root.unit].enumerated() {
            var words = trial.disk.units[Int(unit)]
            if level > 0 { words[3] = check }
            for index in 1..<1024 { for word in 0..<4 { words[4 * index + word] = words[word] } }
            check = put(words, unit, trial)
        }
        HostileStructureTests().change(trial, record: disk) { $0[11] = check }
        trial.pool = trial.newPool()
        trial.pool.open()
        trial.settle()
        #expect(trial.pool.isMounted && trial.pool.record(disk).root.check == check)
        return (trial, disk)
    }

    private func countChecks(_ trial: Trial) -> (reads: Int, faults: [PoolFault]) {
        var reads = 0
        let check = PoolCheck(
            trial.pool, verifiesData: true,
            read: {
                reads += 1
                return reads < Self.limit ? trial.disk.unit($0) : nil
            }, checksum: { HostMemory.checksum($0) })
        return (reads, check.faults)
    }

    @Test(arguments: [false, true]) func checkOfAFanEnds(isShared: Bool) {
        let (trial, disk) = makeFan(isShared: isShared)
        let (reads, faults) = countChecks(trial)
        #expect(reads < Self.limit)
        #expect(faults.contains { $0.kind == .sharedUnit && $0.record == disk })
    }

    @Test func deletionOfAFanEnds() {
        let (trial, disk) = makeFan(isShared: false)
        let requests = trial.requests { #expect(trial.request(.delete, disk) == nil) }
        #expect(requests.count < Self.limit)
        #expect(trial.pool.counters.damaged == 1)
        let other = trial.makeDisk("other")
        #expect(trial.write(2, other, 0, count: 32) == nil && trial.read(other, 0) == 2)
    }

    /// A list of dead units that goes on in a unit that is free. A list that names its own first node gets there as
    /// well, once the deletion has freed that node.
    @Test(arguments: [false, true]) func listThatGoesOnInAFreeUnitEnds(isSnapshotDeleted: Bool) {
        let trial = Trial(seed: 2)
        let disk = trial.makeDisk("disk")
        #expect(trial.write(1, disk, 0, count: 64) == nil)
        #expect(trial.request(.snapshot(trial.name("s")), disk) == nil)
        #expect(trial.write(2, disk, 0, count: 32) == nil)
        _ = trial.request(.commit, disk)
        let (first, free): (UInt32, UInt32) = (trial.pool.record(disk).dead.unit, 800)
        var words = trial.disk.units[Int(first)]
        (words[1], words[2]) = (free, put([UInt32](repeating: 0, count: 4096), free, trial))
        let check = put(words, first, trial)
        HostileStructureTests().change(trial, record: disk) { $0[16] = check }
        trial.pool = trial.newPool()
        trial.pool.open()
        trial.settle()
        #expect(!trial.pool.isAllocated(free))
        let deleted = isSnapshotDeleted ? trial.index("s")! : disk
        #expect(trial.request(.delete, deleted) == nil)
        #expect(trial.pool.counters.damaged == 1 && trial.pool.record(deleted).state == .deleting)
    }
}
