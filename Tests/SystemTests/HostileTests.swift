import Foundation
import Testing

extension SystemTests {
    /// A machine that does its worst: the one beside it keeps answering, and the kernel keeps running.
    @Suite(.serialized) struct HostileTests {
        @Test(arguments: ["garbage", "unmapped", "storm", "spin", "hypercalls", "registers", "devices"])
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
            let system = try RunningSystem("Tests/Systems/hostile-traces.yaml", ["--cpu", cpu])
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
    }
}
