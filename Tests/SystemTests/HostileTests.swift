import Foundation
import SystemImage
import Testing
import Tool

extension SystemTests {
    /// A machine attacks the system. The machine beside it keeps answering, and the kernel keeps running.
    @Suite(.serialized) struct HostileTests {
        @Test(arguments: ["garbage", "unmapped", "storm", "spin", "hypercalls", "registers", "devices", "linefeeds"])
        func theMachineBesideKeepsAnswering(scenario: String) throws {
            let system = try RunningSystem("Tests/Systems/hostile-\(scenario).yaml")
            #expect(try system.run("echo before", on: "debian", timeout: .seconds(180)).output == "before\n")
            try system.wait(for: "hostile: \(scenario) round 3", on: "hostile", timeout: .seconds(120))
            #expect(try system.run("echo $((6 * 7))", on: "debian").output == "42\n")
            try system.wait(for: "heartbeat", on: "heartbeat", timeout: .seconds(5))
        }

        /// Two machines on a core write different patterns into every register that keeps them, and look for each
        /// other's.
        @Test(arguments: ["max", "cortex-a57", "neoverse-n1"])
        func noRegisterKeepsWhatAnotherMachineWrote(cpu: String) throws {
            let system = try RunningSystem("Tests/Systems/hostile-traces.yaml", board: BoardOverrides(cpu: cpu))
            for machine in ["left", "right"] {
                let said = try system.wait(for: "hostile: traces round 5", on: machine, timeout: .seconds(180))
                #expect(said.contains("hostile: traces kept"))
                #expect(!said.contains("traces leak"))
            }
        }

        @Test func aStormLosesNoInterrupt() throws {
            let system = try RunningSystem("Tests/Systems/hostile-storm.yaml")
            let said = try system.wait(for: "hostile: storm round 5", on: "hostile", timeout: .seconds(180))
            #expect(said.contains("lost 0,"))
            #expect(!said.contains(/lost [1-9]/))
        }

        /// The monitor clears 256 MiB for each reset, on the machine's time, and not without end. The guest asks for no
        /// more resets if it finds RAM that was not cleared.
        @Test func aMachineThatResetsForEverTakesNoMoreThanItsShare() throws {
            let system = try RunningSystem("Tests/Systems/hostile-reset.yaml", options: .deterministic)
            for _ in 0..<8 {
                #expect(try nextShare(of: system).percent >= 40)
            }
            try system.wait(for: "machine hostile restarts in 400 ms", on: "hostile")
        }

        /// A thread of a monitor that holds the interrupt controller's lock is off its core for half a second. If
        /// another thread waited actively for the lock, it would take that time from the other core's less urgent
        /// machine, while its own machine sleeps.
        @Test func aMonitorDoesNotSpinForAThreadThatIsOffItsCore() throws {
            let system = try RunningSystem("Tests/Systems/hostile-contention.yaml")
            try system.wait(for: "contention round 1", on: "hostile", timeout: .seconds(60))
            var longest = 0
            for _ in 0..<48 { longest = max(longest, try nextShare(of: system).longestAbsence) }
            #expect(longest < 300_000, "\(longest) us")
            // The machine goes on.
            try system.forget("hostile")
            try system.wait(for: "contention round", on: "hostile", timeout: .seconds(10))
        }

        /// Returns the next line of `ShareGuest`.
        private func nextShare(of system: RunningSystem) throws -> (percent: Int, longestAbsence: Int) {
            let said = try system.wait(for: " us", on: "share")
            let match = try #require(said.firstMatch(of: /share: (\d+) percent, longest absence (\d+) us/))
            return (try #require(Int(match.1)), try #require(Int(match.2)))
        }
    }
}
