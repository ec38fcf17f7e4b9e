import Foundation
import Testing

extension SystemTests {
    /// Components on both cores and a machine signal the console driver without end. The driver takes its share of the
    /// core and no more.
    @Suite(.serialized) struct ConsoleTests {
        /// The heartbeat, on the driver's core, misses no beat, and all of its lines arrive.
        @Test func everybodyIsHeardBesideFloods() throws {
            let system = try RunningSystem("Tests/Systems/hostile-console.yaml")
            let said = try system.wait(for: "heartbeat 200\n", on: "heartbeat", timeout: .seconds(60))
            let beats = said.matches(of: /\] heartbeat (\d+)\n/).compactMap { Int($0.1) }
            #expect(beats == Array(1...200))
            for console in ["near", "far"] {
                for _ in 0..<20 { try system.wait(for: "flood\n", on: console) }
            }
            try system.wait(for: "hostile: linefeeds round 3", on: "feeds")
        }

        /// There is at most one look in each millisecond, with two wake-ups: by the clock, and by a signal while the
        /// driver listens.
        @Test func floodsDoNotWakeTheDriverMoreOften() throws {
            let system = try RunningSystem("Tests/Systems/hostile-console.yaml")
            try system.wait(for: "heartbeat 100\n", on: "heartbeat")
            try system.type("\n", on: "serial")
            let said = try system.wait(for: " ms\n", on: "serial")
            let match = try #require(said.firstMatch(of: /serial: (\d+) looks, (\d+) wake-ups in (\d+) ms/))
            let (looks, wakeUps, time) = try (#require(Int(match.1)), #require(Int(match.2)), #require(Int(match.3)))
            #expect(looks <= time + 2)
            #expect(wakeUps <= 2 * (time + 2))
            // The driver must look at all. A host that takes the emulator off its core uses up the driver's budget
            // meanwhile.
            #expect(looks > 20)
        }

        /// Three tenths of the core are its own, and a fifth at most is the driver's. In an earlier version the two
        /// took 79 %.
        @Test func aBudgetIsNotMultipliedByCallingTheDriver() throws {
            let system = try RunningSystem("Tests/Systems/console-budget.yaml", ["--icount"])
            var shares: [Int] = []
            while shares.count < 10 {
                let said = try system.wait(for: "%\n", on: "meter")
                shares += said.matches(of: /others had (\d+) %/).compactMap { Int($0.1) }
            }
            #expect(shares.max()! <= 52, "\(shares)")
        }

        /// A key reaches its component, and the answer comes back, while all others flood the console.
        @Test func rootAnswersBesideFloods() throws {
            let system = try RunningSystem("Tests/Systems/hostile-console.yaml")
            try system.wait(for: "heartbeat 50\n", on: "heartbeat")
            try system.type("restarts\n", on: "root")
            try system.wait(for: "heartbeat: runs, died 0 times", on: "root", timeout: .seconds(10))
        }
    }
}
