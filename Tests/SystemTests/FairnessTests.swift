import Foundation
import Testing

@testable import Tool
@testable import Workshop

// Hostile tenants attack the time of others, in whole systems, and get no more than their share. Virtual time follows
// the instructions (`--icount`), so that the results do not depend on the host's speed.

extension SystemTests {
    /// A server has the priority of its most urgent caller, also while it serves another one.
    @Suite(.serialized) struct InversionTests {
        @Test func theUrgentClientWaitsForOneRequestOnly() throws {
            let system = try RunningSystem("Tests/Systems/fairness-inversion.yaml", ["--icount"])
            try system.wait(for: "urgent: answers 60 longest", on: "urgent")
            let said = try system.wait(for: " us\n", on: "urgent")
            let longest = try #require(said.firstMatch(of: /([0-9]+) us/).flatMap { Int($0.1) })
            // The wait covers the rest of the slow client's request of 2 ms, and its own of 0.1 ms. The spinner's turns
            // take 40 ms.
            #expect(longest < 2500)
            // The server was serving the slow client at least once.
            #expect(longest > 200)
            try expectEveryBeat(of: system, count: 20)
        }
    }

    /// A client cannot turn its server's time into its own by aborting its calls.
    @Suite(.serialized) struct LaunderingTests {
        @Test(arguments: [1, 2, 16])
        func clientsUseTheirBudgetsOnly(count: Int) throws {
            let system = try RunningSystem("Tests/Systems/fairness-launderers-\(count).yaml", ["--icount"])
            for number in 1...count {
                try system.wait(for: "launderer: aborted 100", on: "client\(number)", timeout: .seconds(20))
            }
            try system.forget("share")
            // The time of the first line began earlier.
            for turn in 0..<3 {
                let line = try system.wait(for: "permille", on: "share", timeout: .seconds(20))
                let share = try #require(line.firstMatch(of: /share: ([0-9]+) permille/).flatMap { Int($0.1) })
                // Each client may take 1 %; 2 % remain for the heartbeat, the lines, and the ends of budgets.
                if turn > 0 { #expect(share >= 980 - 10 * count) }
            }
            try expectEveryBeat(of: system, count: 10)
        }
    }

    /// Tenants of other cores cannot interrupt a core without limit.
    @Suite(.serialized) struct InterruptFloodTests {
        /// All other cores together may send 16 in each millisecond, and twice that within one, because each sender's
        /// millisecond begins at a time of its own. The core's own timer and the serial port come on top.
        private let bound: UInt64 = 2 * 16 + 8

        @Test(arguments: [("interrupts", ["flood1", "flood2", "flood3"]), ("monitor", ["hostile"]), ("doorbell", [])])
        func theControlLoopMissesNothing(attack: String, attackers: [String]) throws {
            try withEntries { records in
                let system = try RunningSystem("Tests/Systems/fairness-\(attack).yaml", ["--icount"])
                let said = try system.wait(for: "realtime: end", on: "control", timeout: .seconds(120))
                #expect(said.contains("realtime: periods 200 missed 0 "))
                try expectEveryBeat(of: system, count: 10, tolerance: 0.001)
                for attacker in attackers { try system.wait(for: "flood: round 1000", on: attacker) }
                if attack == "doorbell" { try system.wait(for: "hostile: bell round 1", on: "hostile") }
                let core = try records().cores[0]
                #expect(core.interrupts >= 200)
                #expect(core.mostInterrupts <= bound, "\(core)")
            }
        }
    }
}

/// Expects the first `count` lines of the heartbeat, one every 20 ms.
///
/// - Parameter tolerance: the seconds that a beat may be late. With several cores, time also passes in the others'
///   turns.
private func expectEveryBeat(of system: RunningSystem, count: Int, tolerance: Double = 0.0002) throws {
    let said = try system.wait(for: "heartbeat \(count)\n", on: "heartbeat")
    let beats = said.matches(of: /\[ *([0-9.]+)\] heartbeat ([0-9]+)/)
    #expect(beats.compactMap { Int($0.2) } == Array(1...count))
    let times = beats.compactMap { Double($0.1) }
    for (index, time) in times.enumerated() {
        #expect(abs(time - times[0] - 0.020 * Double(index)) < tolerance, "beat \(index + 1)")
    }
}

/// Lets the emulator count entries into the kernel while `body` runs. `body` can ask for the present counts.
private func withEntries(_ body: (() throws -> EntryRecords) throws -> Void) throws {
    let manager = FileManager.default
    let folder = Workspace(root: Repository.root).state.appendingPathComponent("entries-\(UUID().uuidString)")
    // If all tests are counted, the outer counter gets these entries as well.
    let outer = ProcessInfo.processInfo.environment[EntryCounter.variable]
    setenv(EntryCounter.variable, folder.path, 1)
    defer {
        if let outer {
            setenv(EntryCounter.variable, outer, 1)
            try? manager.createDirectory(atPath: outer, withIntermediateDirectories: true)
            for name in (try? manager.contentsOfDirectory(atPath: folder.path)) ?? [] {
                let target = URL(fileURLWithPath: outer).appendingPathComponent(name)
                try? manager.moveItem(at: folder.appendingPathComponent(name), to: target)
            }
        } else {
            unsetenv(EntryCounter.variable)
        }
        try? manager.removeItem(at: folder)
    }
    try body { try EntryRecords(folder: folder) }
}
