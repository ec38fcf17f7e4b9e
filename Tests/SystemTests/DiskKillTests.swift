import Foundation
import SystemImage
import Testing

@testable import Tool

extension SystemTests {
    /// Kills the parts behind disks at random moments while two machines write, read and verify. A machine must see a
    /// delay and no error, and nothing but its own data.
    ///
    /// `ENTENTE_DISK_KILLS` is the number of kills, and `ENTENTE_SEED` repeats the moments of an earlier run.
    @Suite(.serialized) struct DiskKillTests {
        static let kills = TestEnvironment.number("ENTENTE_DISK_KILLS") ?? 10

        /// A system of machines with disks, and the parts that are killed.
        struct Trial: CustomTestStringConvertible, Sendable {
            var manifest: String
            var victims: [String]
            var loads: [DiskLoad]
            var testDescription: String { manifest }
            var machines: [String] { Set(loads.map(\.machine)).sorted() }
        }

        private static let trials = [
            Trial(
                manifest: "Tests/Systems/disk-load.yaml",
                victims: ["block-driver", "storage", "left.disks", "right.disks"],
                loads: [
                    DiskLoad(machine: "left", device: "vda", owner: 1),
                    DiskLoad(machine: "left", device: "vdb", owner: 2),
                    DiskLoad(machine: "right", device: "vda", owner: 3),
                ]),
            // The driver serves both machines itself.
            Trial(
                manifest: "Tests/Systems/disk-load-whole.yaml",
                victims: ["block-driver", "left.disks", "right.disks"],
                loads: [
                    DiskLoad(machine: "left", device: "vda", owner: 1),
                    DiskLoad(machine: "right", device: "vda", owner: 2),
                ]),
        ]

        @Test(arguments: trials) func nothingIsLostWhenPartsDie(_ trial: Trial) throws {
            let seed = TestEnvironment.seed
            let folder = FileManager.default.temporaryDirectory.appendingPathComponent("entente-\(UUID().uuidString)")
            defer { try? FileManager.default.removeItem(at: folder) }
            var options = BootOptions()
            options.disks = folder
            let system = try RunningSystem(
                trial.manifest, options: options, restart: .endless,
                programs: Dictionary(uniqueKeysWithValues: trial.machines.map { ($0, "disk") }))
            for machine in trial.machines { _ = try system.run("true", on: machine, timeout: .seconds(180)) }
            let texts = ConsoleTexts(
                of: ["root"] + trial.machines, in: system, alarms: [": wrong ", "I/O error", "stays stopped"])
            var killed = KilledParts(texts)
            var random = SeededRandom(seed: seed)
            do {
                for load in trial.loads { try load.start(seed, texts) }
                for _ in 1...max(Self.kills, 1) {
                    let victim = trial.victims[Int.random(in: trial.victims.indices, using: &random)]
                    try texts.pass(.milliseconds(Int.random(in: 0...400, using: &random)))
                    try killed.kill(victim)
                    // Every other kill hits the parts while they recover from the one before.
                    if Bool.random(using: &random) { try killed.waitForReturn(of: victim) }
                }
                for victim in trial.victims { try killed.waitForReturn(of: victim) }
                for load in trial.loads { try load.expectProgress(texts) }
                for machine in trial.machines { try system.type("touch /tmp/stop\n", on: machine) }
                let results = try trial.loads.map { try $0.end(texts) }
                print(
                    "disks survived \(Self.kills) kills, ENTENTE_SEED=\(seed); requests: \(results.map(\.requests)), "
                        + "longest waits: \(results.map { $0.longest / 1000 }) ms")
            } catch {
                Issue.record("ENTENTE_SEED=\(seed), kills: \(killed.order.suffix(10)): \(error)")
            }
        }
    }
}

/// The parts that a test has killed, and their lives.
struct KilledParts {
    private let texts: ConsoleTexts
    private var lives: [String: Int] = [:]
    private(set) var order: [String] = []

    init(_ texts: ConsoleTexts) { self.texts = texts }

    /// Kills a part, which must live. If it has been killed before, this waits for its return.
    mutating func kill(_ part: String) throws {
        try waitForReturn(of: part)
        lives[part, default: 1] += 1
        order.append(part)
        try texts.system.type("kill \(part)\n", on: "root")
    }

    func waitForReturn(of part: String) throws {
        guard let life = lives[part] else { return }
        try texts.wait(for: "back: \(part), life \(life),", on: "root")
    }
}

/// The program `Guests/Linux/disk.c` in a machine: writes and reads that are verified.
struct DiskLoad {
    var machine: String
    var device: String
    /// The number that its blocks contain.
    var owner: Int

    private static let jobs = 4
    private static let blocks = 256

    func start(_ seed: UInt64, _ texts: ConsoleTexts) throws {
        try texts.system.type(
            "/disk /dev/\(device) \(owner) \(Self.jobs) \(Self.blocks) \(seed % 1_000_000) &\n", on: machine)
        try texts.wait(for: "disk \(owner): job", on: machine)
    }

    /// Waits until each job has done more than before.
    func expectProgress(_ texts: ConsoleTexts) throws {
        let before = results(texts)
        for job in 0..<Self.jobs {
            // The jobs report each 250 requests.
            let next = (before[job]?.requests ?? 0) + 250
            try texts.wait(for: "disk \(owner): job \(job) done \(next) ", on: machine)
        }
    }

    /// Waits for the end, and expects that each job has found all of its data.
    func end(_ texts: ConsoleTexts) throws -> (requests: Int, longest: Int) {
        try texts.wait(for: "disk \(owner): end 0\n", on: machine)
        let results = results(texts)
        guard results.count == Self.jobs else { throw SystemFailure(description: "only \(results.keys) reported") }
        return (results.values.map(\.requests).reduce(0, +), results.values.map(\.longest).max() ?? 0)
    }

    private func results(_ texts: ConsoleTexts) -> [Int: (requests: Int, longest: Int)] {
        var results: [Int: (requests: Int, longest: Int)] = [:]
        for match in texts.texts[machine, default: ""].matches(
            of: /disk ([0-9]+): job ([0-9]+) done ([0-9]+) longest ([0-9]+)\n/)
        where Int(match.1) == owner {
            guard let job = Int(match.2), let requests = Int(match.3), let longest = Int(match.4) else { continue }
            results[job] = (requests, longest)
        }
        return results
    }
}
