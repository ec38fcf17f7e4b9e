import TestSupport
import Testing

@testable import DiskPool

/// Flips bits at many places of each kind of structure. No answer is wrong, nothing hangs, and what does not depend on
/// the structure goes on.
///
/// The places are the words of each field, and words that a seed chooses. `ENTENTE_TEST_SEED` is the seed.
@Suite struct DamageSweepTests {
    enum Kind: CaseIterable {
        case superblock, bothSuperblocks, mapBlock, record, root, node, leaf, deadList, data

        /// The words whose meanings differ, beside those that the seed chooses.
        var words: [Int] {
            switch self {
            case .superblock, .bothSuperblocks: Array(0..<20) + [63, 64, 65, 66, 67, 4095]
            case .record: Array(0..<24) + [32, 47, 48, 63, 64, 127]
            case .mapBlock, .data: [0, 1, 2047, 4095]
            case .root, .node, .leaf: [0, 1, 2, 3, 4, 5, 6, 7, 4092, 4093, 4094, 4095]
            case .deadList: Array(0..<12) + [4094, 4095]
            }
        }

        var limit: Int { self == .record ? 128 : 4096 }
    }

    /// A pool whose last two generations have the same contents.
    ///
    /// The first disk has checksums, a map of three levels, a snapshot and a list of dead units. The second one shares
    /// nothing with it.
    private struct Subject {
        let trial = Trial(seed: 1, slots: 64)
        let disk: Int
        let other: Int
        let units: [[UInt32]]
        private let generation: UInt64
        private let record: DiskRecord
        private let recordSector: UInt64
        private let block: UInt32

        init() {
            disk = trial.makeDisk("disk", sectors: 1 << 26, hasChecksums: true)
            other = trial.makeDisk("other")
            for disk in [disk, other] { #expect(trial.write(1, disk, 0, count: 96) == nil) }
            #expect(trial.request(.snapshot(trial.name("s")), disk) == nil)
            #expect(trial.write(2, disk, 0, count: 32) == nil)
            for _ in 0..<2 { #expect(trial.request(.limit(quota: 0, reserved: 0), other) == nil) }
            trial.restart()
            (generation, record) = (trial.pool.generation, trial.pool.record(disk))
            let entry = DirectoryEntry(trial.memory, at: DirectoryEntry.offset(1 + disk))
            recordSector = PoolLayout.recordSector(disk, slot: entry.slot, mapBlocks: 1)
            block = PoolLayout.mapBlock(0, slot: DirectoryEntry(trial.memory, at: DirectoryEntry.offset(0)).slot)
            units = trial.disk.units
        }

        private func child(_ unit: UInt32) -> UInt32 { units[Int(unit)][0] }

        func flip(_ kind: Kind, word: Int, bit: Int) {
            let newest = UInt32(generation & 1)
            let node = child(record.root.unit)
            let places: [(unit: UInt32, word: Int)] =
                switch kind {
                case .superblock: [(newest, word)]
                case .bothSuperblocks: [(newest, word), (newest + 2, word)]
                case .mapBlock: [(block, word)]
                case .record: [(UInt32(recordSector / 32), Int(recordSector % 32) * 128 + word)]
                case .root: [(record.root.unit, word)]
                case .node: [(node, word)]
                case .leaf: [(child(node), word)]
                case .deadList: [(record.dead.unit, word)]
                case .data: [(child(child(node)), word)]
                }
            for place in places { trial.disk.flip(place.unit, word: place.word, bit: bit) }
        }
    }

    @Test(arguments: Kind.allCases) func neverGivesAWrongAnswer(kind: Kind) {
        let subject = Subject()
        var random = Random(UInt64(TestLength.number("ENTENTE_TEST_SEED") ?? 1))
        var words = kind.words
        for _ in 0..<TestLength.count(short: 60, long: 1000) { words.append(random.below(kind.limit)) }
        for word in words {
            let bit = random.below(32)
            subject.trial.disk.restore(subject.units)
            subject.flip(kind, word: word, bit: bit)
            #expect(problem(subject, kind) == nil, "word \(word), bit \(bit)")
        }
    }

    /// Returns what is wrong after a flip.
    private func problem(_ subject: Subject, _ kind: Kind) -> String? {
        let (trial, disk, other) = (subject.trial, subject.disk, subject.other)
        trial.pool = trial.newPool()
        trial.pool.open()
        trial.settle()
        guard trial.pool.isMounted else {
            // A flipped bit in both copies may look like the work of another version of the program.
            return kind == .bothSuperblocks ? nil : "does not open: \(String(describing: trial.pool.mountFailure))"
        }
        let isLost = [.record, .root, .node, .leaf, .data].contains(kind)
        let first = trial.read(disk, 0, count: 32)
        if first != (isLost ? nil : 2) { return "the disk reads \(String(describing: first))" }
        if isLost, trial.lastControlError != .damaged { return "another error: \(trial.lastControlError!)" }
        if isLost || kind == .mapBlock, trial.pool.counters.damaged == 0 { return "no report" }
        // The snapshot has nodes and data of its own.
        let snapshot = trial.index("s").flatMap { trial.read($0, 0, count: 32) }
        if snapshot != 1 { return "the snapshot reads \(String(describing: snapshot))" }
        if trial.read(other, 0, count: 32) != 1 { return "the other disk does not read" }
        let isFull = kind == .mapBlock
        if trial.write(6, other, 0, count: 3) != nil { return "the other disk does not write" }
        if trial.write(6, other, 2000, count: 64) != (isFull ? .poolFull : nil) {
            return "the other disk does not grow"
        }
        if trial.request(.flush, other) != nil { return "no flush" }
        // The answers of the deletion and the write depend on the structure. They must not harm the rest.
        _ = trial.write(7, disk, 640, count: 32)
        let isDeleted = trial.request(.delete, trial.index("s")!) == nil
        trial.restart()
        if !trial.pool.isMounted { return "does not open again" }
        if trial.read(other, 2000) != (isFull ? 0 : 6) || trial.read(other, 0) != 6 {
            return "the other disk is changed"
        }
        if trial.read(disk, 0, count: 32) != first { return "the disk is changed" }
        if !isDeleted, trial.read(trial.index("s")!, 0, count: 32) != 1 { return "the snapshot is changed" }
        return nil
    }
}
