@testable import DiskPool
import Foundation
import Testing

/// Flips one bit of the metadata, or of data with checksums. Whoever reads it gets an error; nobody gets wrong data, and
/// the other disks work.
@Suite struct DamageTests {
    @Test(arguments: 1..<(1 + (Int(ProcessInfo.processInfo.environment["SEEDS"] ?? "") ?? 20)))
    func noticesAFlippedBit(seed: Int) {
        let trial = CrashTrial(seed: UInt64(seed) + 7000)
        trial.run(cuts: 3)
        #expect(trial.problems.isEmpty, "\(trial.problems)")
        trial.settle()
        // The units that hold metadata, found by a walk through what the pool refers to.
        var metadata: [UInt64] = []
        for sector in UInt64(0)..<UInt64(trial.pool.buffers.units) * 32
        where trial.disk.isMetadata(sector, in: trial.pool) {
            metadata.append(sector)
        }
        let durable = trial.models
        for _ in 0..<6 {
            let sector = metadata[trial.random.below(metadata.count)]
            let word = trial.random.below(128)
            let bit = UInt32(1) << UInt32(trial.random.below(32))
            trial.disk.flip(sector, word: word, bit: bit)
            trial.models = durable
            trial.isDamageAllowed = true
            trial.reopen()
            trial.problems.removeAll {
                !$0.contains("read ") && !$0.contains("hangs") && !$0.contains("settle") || $0.hasSuffix("damaged")
            }
            if trial.pool.isMounted { trial.verify(all: true) }
            trial.problems.removeAll {
                $0.hasSuffix("is gone") || $0.hasSuffix(": damaged") || $0.hasSuffix(": noSuchDisk")
            }
            #expect(trial.problems.isEmpty, "seed \(seed) sector \(sector): \(trial.problems)")
            trial.disk.flip(sector, word: word, bit: bit)
        }
    }
}
