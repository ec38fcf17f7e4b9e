import TestSupport
import Testing

@testable import DiskPool

/// Power cuts and deaths of the engine at random moments.
///
/// `ENTENTE_CRASHES` in the environment is the number of cuts of each kind. Without it some thousands run.
/// `ENTENTE_TEST_SEED` is the first seed.
@Suite struct CrashTests {
    private static let cutsOfSeed = 25
    private static let seeds: Range<Int> = {
        let first = TestLength.number("ENTENTE_TEST_SEED") ?? 0
        let crashes = TestLength.number("ENTENTE_CRASHES") ?? 2500
        return first..<first + max(crashes / cutsOfSeed, 1)
    }()

    /// After a power cut the check is clean, everything flushed is there, and no sector has contents that were never
    /// written to it.
    @Test(arguments: seeds) func powerCuts(seed: Int) {
        let trial = Trial(seed: UInt64(seed))
        for cut in 0..<Self.cutsOfSeed {
            trial.work()
            trial.cutPower()
            guard trial.problems.isEmpty else {
                Issue.record("seed \(seed), cut \(cut): \(trial.problems.prefix(5))")
                return
            }
        }
        trial.finish(seed)
    }

    /// If the engine dies and the device does not, every acknowledged write is there without a flush. A power cut may
    /// follow.
    @Test(arguments: seeds) func deaths(seed: Int) {
        let trial = Trial(seed: UInt64(seed) + 1_000_000, logEntries: seed % 3 == 0 ? 128 : 1024)
        for cut in 0..<Self.cutsOfSeed {
            trial.work()
            if trial.random.oneIn(4) { trial.cutPower() } else { trial.die() }
            guard trial.problems.isEmpty else {
                Issue.record("seed \(seed), death \(cut): \(trial.problems.prefix(5))")
                return
            }
        }
        trial.finish(seed)
    }

    /// A device that fails now and then, also while it serves a commit or a deletion. Requests may fail, and after the
    /// device works again everything is as if it had never failed.
    @Test(arguments: seeds) func failingDevices(seed: Int) {
        let trial = Trial(seed: UInt64(seed) + 2_000_000, logEntries: seed % 2 == 0 ? 0 : 1024)
        trial.expected.insert(.device)
        for cut in 0..<Self.cutsOfSeed {
            trial.beginToFail()
            trial.work()
            trial.disk.fails = nil
            switch trial.random.below(4) {
            case 0: trial.cutPower()
            case 1 where trial.log.capacity > 0: trial.die()
            default: trial.recover()
            }
            guard trial.problems.isEmpty else {
                Issue.record("seed \(seed), failure \(cut): \(trial.problems.prefix(5))")
                return
            }
        }
        trial.finish(seed)
    }
}

extension Trial {
    /// Lets the device fail some requests of one or of all kinds.
    func beginToFail() {
        let choices: [[DeviceRequest.Kind]] = [[.read], [.read], [.flush], [.read, .write, .flush]]
        let kinds = choices[random.below(choices.count)]
        let rarity = [4, 16, 64][random.below(3)]
        var failures = Random(UInt64(random.below(1 << 30)))
        disk.fails = { kinds.contains($0.kind) && failures.oneIn(rarity) }
    }

    /// Lets the pool try again what the device has failed, and checks everything.
    func recover() {
        settle()
        // Work that was under way may have failed before.
        for _ in 0..<2 {
            pool.retry()
            settle()
        }
        if pool.hasTrouble { problems.append("still in trouble") }
        settleControl()
        perform(.commit)
        check()
        verify()
    }

    /// Cuts the power, and begins a new life of the engine.
    func cutPower() {
        pump()
        disk.cut(&random, memory)
        log.clear()
        isOpen = true
        reopen()
        verify()
    }

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
