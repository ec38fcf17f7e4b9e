import Testing

@testable import DiskPool

/// Flips one bit of each kind of structure. A reader gets the right contents or an error, and the other disk works.
@Suite struct DamageTests {
    enum Kind: CaseIterable {
        case superblock, superblockBefore, mapBlock, record, root, leaf, deadList, data
    }

    private struct Pair {
        var trial: Trial
        var disk: Int
        var other: Int
    }

    /// Makes a pool with two disks. The first one has checksums, a snapshot, and a list of dead units.
    private func makePair() -> Pair {
        let trial = Trial(seed: 1)
        let pair = Pair(
            trial: trial, disk: trial.makeDisk("disk", hasChecksums: true), other: trial.makeDisk("other"))
        for disk in [pair.disk, pair.other] { #expect(trial.write(1, disk, 0, count: 96) == nil) }
        #expect(trial.request(.snapshot(trial.name("s")), pair.disk) == nil)
        #expect(trial.write(2, pair.disk, 0, count: 32) == nil)
        trial.restart()
        return pair
    }

    /// Returns the unit and a word of a structure of the first disk.
    private func place(_ kind: Kind, _ pair: Pair) -> (unit: UInt32, word: Int) {
        let (trial, pool) = (pair.trial, pair.trial.pool)
        let record = pool.record(pair.disk)
        switch kind {
        case .superblock: return (UInt32(pool.generation & 1), 300)
        case .superblockBefore: return (UInt32(1 - pool.generation & 1), 300)
        case .mapBlock:
            let entry = DirectoryEntry(trial.memory, at: DirectoryEntry.offset(0))
            return (PoolLayout.mapBlock(0, slot: entry.slot), 5)
        case .record:
            let entry = DirectoryEntry(trial.memory, at: DirectoryEntry.offset(1 + pair.disk))
            let sector = PoolLayout.recordSector(pair.disk, slot: entry.slot, mapBlocks: 1)
            return (UInt32(sector / 32), Int(sector % 32) * 128 + 20)
        case .root: return (record.root.unit, 40)
        case .leaf: return (trial.disk.units[Int(record.root.unit)][0], 40)
        case .deadList: return (record.dead.unit, 9)
        case .data: return (trial.disk.units[Int(trial.disk.units[Int(record.root.unit)][0])][0], 77)
        }
    }

    @Test(arguments: Kind.allCases, [0, 13, 31]) func neverGivesAWrongAnswer(kind: Kind, bit: Int) {
        let pair = makePair()
        let trial = pair.trial
        let (unit, word) = place(kind, pair)
        trial.disk.flip(unit, word: word, bit: bit)
        trial.pool = trial.newPool()
        trial.pool.open()
        trial.settle()
        #expect(trial.pool.isMounted)
        #expect(found(kind, by: trial), "the check does not report it")
        let isLost = [.record, .root, .leaf, .data].contains(kind)
        let value = trial.read(pair.disk, 0, count: 32)
        #expect(value == (isLost ? nil : 2))
        if isLost { #expect(trial.lastControlError == .damaged) }
        // A partial write must not give the damaged rest a new checksum.
        if isLost { #expect(trial.write(5, pair.disk, 3) == .damaged) }
        // The other disk works, and everything can still be committed.
        #expect(trial.read(pair.other, 0) == 1)
        #expect(trial.write(6, pair.other, 0, count: 3) == nil)
        // The only block of the space map is damaged, so that every unit may be in use.
        let isFull = kind == .mapBlock
        #expect(trial.write(6, pair.other, 2000, count: 64) == (isFull ? .poolFull : nil))
        #expect(trial.request(.flush, pair.other) == nil)
        trial.restart()
        #expect(trial.read(pair.other, 2000) == (isFull ? 0 : 6))
        #expect(trial.read(pair.disk, 0, count: 32) == value)
    }

    private func found(_ kind: Kind, by trial: Trial) -> Bool {
        let check = PoolCheck(
            trial.pool, verifiesData: true, read: trial.disk.unit, checksum: { HostMemory.checksum($0) })
        let expected: PoolFault.Kind = [
            .superblock: .superblockCopy, .superblockBefore: .superblockCopy, .mapBlock: .mapBlock, .record: .record,
            .root: .node, .leaf: .node, .deadList: .deadList, .data: .data,
        ][kind]!
        return check.faults.contains { $0.kind == expected && !$0.text.isEmpty }
    }

    @Test func damagedListStopsOneDeletionOnly() {
        let pair = makePair()
        let (unit, word) = place(.deadList, pair)
        pair.trial.disk.flip(unit, word: word, bit: 1)
        pair.trial.restart()
        #expect(pair.trial.request(.delete, pair.trial.index("s")!) == nil)
        #expect(pair.trial.request(.delete, pair.other) == nil)
        #expect(pair.trial.index("other") == nil)
        #expect(pair.trial.read(pair.disk, 0) == 2)
    }

    @Test func damagedRecordStopsDeletions() {
        let pair = makePair()
        let (unit, word) = place(.record, pair)
        pair.trial.disk.flip(unit, word: word, bit: 1)
        pair.trial.restart()
        #expect(pair.trial.request(.delete, pair.trial.index("s")!) == .damaged)
        #expect(pair.trial.read(pair.trial.index("s")!, 0) == 1)
    }

    @Test func repairMakesTheSpaceMapAnew() {
        let pair = makePair()
        let trial = pair.trial
        let (unit, word) = place(.mapBlock, pair)
        trial.disk.flip(unit, word: word, bit: 1)
        trial.restart()
        let free = trial.pool.freeUnits
        #expect(repair(trial) > 0)
        #expect(trial.pool.freeUnits > free + 500)
        trial.restart()
        #expect(trial.faults == [])
        #expect(trial.read(pair.disk, 0) == 2 && trial.read(pair.disk, 32) == 1)
    }

    @Test func repairCorrectsCountsAndLostUnits() {
        let pair = makePair()
        let trial = pair.trial
        trial.pool.setAllocated(700, true)
        trial.pool.records[pair.disk].used += 5
        trial.pool.touch(pair.disk)
        trial.restart()
        #expect(Set(trial.faults.map(\.kind)) == [.lostUnit, .count])
        #expect(repair(trial) == 2)
        trial.restart()
        #expect(trial.faults == [])
    }

    @Test func repairFreesNothingWhileANodeIsDamaged() {
        let pair = makePair()
        let trial = pair.trial
        let free = trial.pool.freeUnits
        let (unit, word) = place(.leaf, pair)
        trial.disk.flip(unit, word: word, bit: 1)
        trial.restart()
        _ = repair(trial)
        #expect(trial.pool.freeUnits == free)
        trial.disk.flip(unit, word: word, bit: 1)
        #expect(trial.faults == [])
    }

    private func repair(_ trial: Trial) -> Int {
        let check = PoolCheck(
            trial.pool, verifiesData: true, read: trial.disk.unit, checksum: { HostMemory.checksum($0) })
        let count = trial.pool.repair(check)
        trial.settle()
        return count
    }
}
