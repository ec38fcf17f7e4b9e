import Foundation
import SystemImage
import Testing

extension SystemTests {
    /// Kills every part of every example at random moments, and expects that it comes back each time.
    ///
    /// `ENTENTE_KILLS` is the number of kills (`./entente test --kills 1000`), and `ENTENTE_SEED` repeats the moments
    /// of an earlier run.
    @Suite(.serialized) struct KillTests {
        static let kills = TestEnvironment.number("ENTENTE_KILLS") ?? 20
        static let seed = TestEnvironment.seed
        static let examples =
            ((try? FileManager.default.contentsOfDirectory(atPath: Repository.file("examples").path)) ?? [])
            .filter { !$0.contains(".") && !dyingByThemselves.contains($0) }.sorted()
        /// The examples with parts that crash or hang on purpose.
        private static let dyingByThemselves = ["crash", "pager-hangs"]

        @Test(arguments: examples)
        func everyPartComesBack(example: String) throws {
            var random = SeededRandom(seed: Self.seed)
            var system = try KilledSystem("examples/\(example)")
            for kill in 1...max(Self.kills, 1) {
                let victim = system.victims[Int.random(in: 0..<system.victims.count, using: &random)]
                // Most kills hit the part while it starts, and some hit it later.
                let longest = Int.random(in: 0..<8, using: &random) == 0 ? 4000 : 300
                system.listen(for: .milliseconds(Int.random(in: 0...longest, using: &random)))
                do {
                    try system.kill(victim)
                } catch {
                    Issue.record("kill \(kill) of '\(example)', of '\(victim)', ENTENTE_SEED=\(Self.seed): \(error)")
                    return
                }
            }
            try system.expectEverythingRuns()
            try system.expectMachinesWork()
            print("'\(example)' survived \(Self.kills) kills, ENTENTE_SEED=\(Self.seed)")
        }
    }
}

/// A system whose parts may be killed without end, and the first line that each part prints when it comes back.
private struct KilledSystem {
    let victims: [String]
    private let system: RunningSystem
    private var firstWords: [String: String] = [:]
    private var lives: [String: Int] = [:]
    private let machines: [String]

    init(_ path: String) throws {
        system = try RunningSystem(path, restart: .endless)
        let names = system.manifest.tenants.map(\.name)
        victims = ["serial"] + names
        machines = system.manifest.machines.map(\.name)
        for name in names {
            // For a part that prints nothing at its start, the test later relies on root's list.
            guard let line = try? system.wait(for: "\n", on: name, timeout: .seconds(20)) else { continue }
            // The line is compared without its time, which differs.
            let words = line.split(separator: "] ", maxSplits: 1).last.map(String.init) ?? ""
            // Numbers are left out as well, because they may differ from life to life.
            firstWords[name] = words.prefix { !$0.isNumber }.trimmingCharacters(in: .whitespacesAndNewlines)
        }
    }

    func listen(for duration: Duration) {
        let end = ContinuousClock.now + duration
        while ContinuousClock.now < end { system.listen(for: end - .now) }
    }

    mutating func kill(_ victim: String) throws {
        for console in victims + ["root"] { try system.forget(console) }
        let life = lives[victim, default: 1] + 1
        lives[victim] = life
        try system.type("kill \(victim)\n", on: "root")
        try system.wait(for: "back: \(victim), life \(life),", on: "root", timeout: .seconds(20))
        if let words = firstWords[victim] { try system.wait(for: words, on: victim, timeout: .seconds(30)) }
    }

    /// Expects, by root's list, that only the kills ended parts, and that all of them live again.
    func expectEverythingRuns() throws {
        try system.forget("root")
        try system.type("restarts\n", on: "root")
        for victim in victims {
            try system.wait(for: "\(victim): runs, died \(lives[victim, default: 1] - 1) times", on: "root")
        }
    }

    func expectMachinesWork() throws {
        for machine in machines {
            let answer = try system.run("echo alive", on: machine, timeout: .seconds(120))
            guard answer.output == "alive\n" else {
                throw SystemFailure(description: "'\(machine)' said \(answer.output)")
            }
        }
    }
}

extension RestartDescription {
    /// The limit is never reached, because no second restart happens within `span`.
    static let endless = RestartDescription(
        limit: 1, span: TimeSpan(milliseconds: 1), backoff: TimeSpan(milliseconds: 5),
        backoffLimit: TimeSpan(milliseconds: 5))
}
