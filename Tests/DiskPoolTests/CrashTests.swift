import Foundation
import Testing

@testable import DiskPool

/// Power cuts and deaths of the engine at random moments.
///
/// `ENTENTE_CRASHES` in the environment is the number of cuts of each kind; without it some thousands run.
@Suite struct CrashTests {
    private static let cutsOfSeed = 25
    private static let seeds: Range<Int> = {
        let environment = ProcessInfo.processInfo.environment
        if let seed = environment["ENTENTE_CRASH_SEED"].flatMap({ Int($0) }) { return seed..<seed + 1 }
        let crashes = environment["ENTENTE_CRASHES"].flatMap { Int($0) } ?? 2000
        return 0..<max(crashes / cutsOfSeed, 1)
    }()

    /// After a power cut the check is clean, everything flushed is there, and no sector has contents that were never
    /// written to it.
    @Test(arguments: seeds) func powerCuts(seed: Int) {
        let trial = Trial(seed: UInt64(seed))
        for cut in 0..<Self.cutsOfSeed {
            trial.work()
            trial.pump()
            trial.disk.cut(&trial.random, trial.memory)
            trial.isOpen = true
            trial.reopen()
            trial.verify()
            guard trial.problems.isEmpty else {
                Issue.record("seed \(seed), cut \(cut): \(trial.problems.prefix(5))")
                return
            }
        }
        trial.finish(seed)
    }

    /// If the engine dies and the device does not, every acknowledged write is there without a flush.
    @Test(arguments: seeds) func deaths(seed: Int) {
        let trial = Trial(seed: UInt64(seed) + 1_000_000, logEntries: seed % 3 == 0 ? 128 : 1024)
        for cut in 0..<Self.cutsOfSeed {
            trial.work()
            trial.die()
            guard trial.problems.isEmpty else {
                Issue.record("seed \(seed), death \(cut): \(trial.problems.prefix(5))")
                return
            }
        }
        trial.finish(seed)
    }
}

extension Trial {
    /// Ends a life of the engine. The device finishes what it has accepted, and a new life begins.
    func die() {
        if random.oneIn(2) { pump() }
        while !disk.pending.isEmpty {
            let pending = disk.pending.remove(at: random.below(disk.pending.count))
            _ = disk.perform(pending, memory)
        }
        for flight in flights.values where flight.operation == .write || flight.operation == .discard {
            for index in flight.indices { models[flight.name]?.doubt(index) }
        }
        // The engine's own memory is lost.
        for word in 0..<memory.size / 4 { memory.words[word] = 0xDEAD_0000 }
        reopen()
        verify()
    }

    /// Waits for the end of everything, and checks the pool a last time.
    func finish(_ seed: Int) {
        settle()
        perform(.commit)
        check(verifiesData: true)
        if !problems.isEmpty { Issue.record("seed \(seed), at the end: \(problems.prefix(5))") }
    }
}
