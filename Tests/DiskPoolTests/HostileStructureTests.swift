import TestSupport
import Testing

@testable import DiskPool

/// Structures with right checksums and impossible contents. They end in errors, never in a trap, a hang, or an access
/// outside of the pool.
@Suite struct HostileStructureTests {
    private static let extremes: [UInt32] =
        TestLength.isLong ? [0, 1, 2, 899, 900, 0x7FFF_FFFF, 0x8000_0000, .max - 1, .max] : [2, 900, .max]

    private struct Pair {
        let trial: Trial
        let disk: Int
        let other: Int
    }

    private func makePair(hasChecksums: Bool = false) -> Pair {
        let trial = Trial(seed: 1)
        let pair = Pair(
            trial: trial, disk: trial.makeDisk("disk", hasChecksums: hasChecksums), other: trial.makeDisk("other"))
        for disk in [pair.disk, pair.other] { #expect(trial.write(1, disk, 0, count: 96) == nil) }
        _ = trial.request(.commit, pair.disk)
        return pair
    }

    /// An entry of a map that names a fixed structure, or a unit behind the pool's end, where others may have data.
    @Test(arguments: [0, 3, 4, 5, 6, 8, 900, 1000, UInt32.max], [false, true])
    func entryNamesAnImpossibleUnit(unit: UInt32, hasChecksums: Bool) {
        let pair = makePair(hasChecksums: hasChecksums)
        let trial = pair.trial
        let first = trial.pool.buffers.firstUnit
        #expect(first == 8 && trial.read(pair.disk, 32) == 1)
        guard case .value(let place?) = trial.pool.leaf(pair.disk, 1) else {
            Issue.record("no leaf")
            return
        }
        trial.pool.setEntry(place.slot, place.index, MapEntry(unit: unit, birth: 1, valid: ~0, check: 5))
        let isPossible = unit == 0 || unit == 8
        let requests = trial.requests {
            if !isPossible {
                #expect(trial.request(.read, pair.disk, 32, count: 32) == .damaged)
                #expect(trial.request(.read, pair.disk, 33, count: 3) == .damaged)
                #expect(trial.write(2, pair.disk, 32, count: 32) == .damaged)
                #expect(trial.write(2, pair.disk, 33, count: 3) == .damaged)
            }
            #expect(trial.request(.discard, pair.disk, 32, count: 32) == nil)
            #expect(trial.read(pair.disk, 32) == 0)
            #expect(trial.request(.commit, pair.disk) == nil && trial.request(.delete, pair.disk) == nil)
        }
        for unit in 0..<first { #expect(trial.pool.isAllocated(unit)) }
        #expect(requests.allSatisfy { $0.sector + UInt64($0.count) <= 900 * 32 })
        #expect(trial.read(pair.other, 32) == 1)
    }

    /// Each word of a record, with right checksums.
    @Test(arguments: extremes) func recordHasExtremeNumbers(value: UInt32) {
        for word in 0..<32 {
            let pair = makePair()
            let trial = pair.trial
            #expect(trial.request(.snapshot(trial.name("s")), pair.disk) == nil)
            #expect(trial.write(2, pair.disk, 0, count: 32) == nil)
            _ = trial.request(.commit, pair.disk)
            let record = [pair.disk, trial.index("s")!][word % 2]
            change(trial, record: record) { $0[word] = value }
            exercise(trial)
        }
    }

    /// Records that name each other as the snapshot before.
    @Test(arguments: [(0, 1), (1, 0), (1, 1), (0, 0)]) func recordsFollowThemselves(previous: (Int, Int)) {
        let pair = makePair()
        let trial = pair.trial
        #expect(trial.request(.snapshot(trial.name("s")), pair.disk) == nil)
        #expect(trial.request(.snapshot(trial.name("t")), pair.disk) == nil)
        _ = trial.request(.commit, pair.disk)
        let records = [trial.index("s")!, trial.index("t")!]
        change(trial, record: records[0]) { $0[14] = UInt32(records[previous.0] + 1) }
        change(trial, record: records[1]) { $0[14] = UInt32(records[previous.1] + 1) }
        exercise(trial)
    }

    /// Each word of all copies of the superblock, with right checksums.
    @Test(arguments: extremes) func superblockHasExtremeNumbers(value: UInt32) {
        for word in Array(4..<20) + Array(64..<72) where word != Superblock.Word.check {
            let trial = makePair().trial
            for unit in 0..<UInt32(4) {
                var words = trial.disk.units[Int(unit)]
                words[word] = value
                trial.disk.replace(unit, words)
                seal(trial, unit)
            }
            exercise(trial)
        }
    }

    func seal(_ trial: Trial, _ unit: UInt32) {
        var words = trial.disk.units[Int(unit)]
        words[Superblock.Word.check] = 0
        words[Superblock.Word.check] = HostMemory.checksum(words)
        trial.disk.replace(unit, words)
    }

    /// Changes a record on the disk, and the checksums that cover it.
    func change(_ trial: Trial, record: Int, _ body: (inout [UInt32]) -> Void) {
        let place = DirectoryEntry.offset(1 + record)
        let slot = DirectoryEntry(trial.memory, at: place).slot
        let sector = Int(PoolLayout.recordSector(record, slot: slot, mapBlocks: 1))
        let first = sector % 32 * 128
        var unit = trial.disk.units[sector / 32]
        var words = Array(unit[first..<first + 128])
        body(&words)
        unit.replaceSubrange(first..<first + 128, with: words)
        trial.disk.replace(UInt32(sector / 32), unit)
        for copy in [UInt32(trial.pool.generation & 1), UInt32(trial.pool.generation & 1) + 2] {
            var superblock = trial.disk.units[Int(copy)]
            superblock[place / 4] = HostMemory.checksum(words)
            trial.disk.replace(copy, superblock)
            seal(trial, copy)
        }
    }

    /// Opens the pool, and does something of each kind with each disk.
    private func exercise(_ trial: Trial) {
        trial.pool = trial.newPool()
        trial.pool.open()
        trial.settle()
        #expect(trial.pool.isMounted != (trial.pool.mountFailure != nil))
        guard trial.pool.isMounted else { return }
        for disk in 0..<trial.pool.recordCount where !trial.pool.record(disk).isFree {
            _ = trial.pool.description(of: disk)
            for sector in [0, 40, 35168] as [UInt64] {
                _ = trial.request(.read, disk, sector, count: 32)
                _ = trial.write(3, disk, sector, count: 3)
                _ = trial.request(.discard, disk, sector, count: 32)
            }
            _ = trial.request(.limit(quota: .max, reserved: .max), disk)
            _ = trial.request(.limit(quota: 0, reserved: 1), disk)
            _ = trial.request(.clone(DiskOptions(name: trial.name("c\(disk)"), sectors: 0)), disk)
            _ = trial.request(.snapshot(trial.name("n\(disk)")), disk)
            _ = trial.request(.grow(1 << 25), disk)
        }
        _ = trial.faults
        for disk in (0..<trial.pool.recordCount).reversed() { _ = trial.request(.delete, disk) }
        #expect(trial.problems == [])
    }
}
