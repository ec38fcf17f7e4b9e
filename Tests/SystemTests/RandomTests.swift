import SystemImage
import Testing

@testable import Tool

extension SystemTests {
    /// The random numbers of machines.
    @Suite(.serialized) struct RandomTests {
        /// No start of a machine gets the numbers of another one, after a reset, in the monitor's second life, or in
        /// the other machine. The second processor model has a generator, and its board no seed.
        @Test(arguments: [("cortex-a57", true), ("max", false)])
        func eachStartHasItsOwnNumbers(cpu: String, hasSeed: Bool) throws {
            var options = BootOptions()
            if !hasSeed { options.extraArguments = ["-M", "dtb-randomness=off"] }
            let system = try RunningSystem(
                "Tests/Systems/random.yaml", board: BoardOverrides(cpu: cpu), options: options)
            var numbers: Set<String> = []
            func readStart(of machine: String) throws {
                let line = try system.wait(for: "refused\r", on: machine)
                let pattern = /seed ([0-9a-f]{64}) version 65536 numbers ([0-9a-f]{48}) short 0 0 [01] refused/
                let found = try #require(line.firstMatch(of: pattern))
                #expect(numbers.insert(String(found.1)).inserted && numbers.insert(String(found.2)).inserted)
            }
            for _ in 0..<3 { for machine in ["one", "two"] { try readStart(of: machine) } }
            try system.type("kill one\n", on: "root")
            try system.wait(for: "back: one, life 2", on: "root")
            for _ in 0..<2 { try readStart(of: "one") }
            #expect(numbers.count == 16)
        }

        /// Without any source, root says so, and a machine is not told that numbers were random.
        @Test func aBoardWithoutASourceSaysSo() throws {
            var options = BootOptions()
            options.extraArguments = ["-M", "dtb-randomness=off"]
            let system = try RunningSystem("Tests/Systems/random.yaml", options: options)
            try system.wait(for: "without a source of random bits", on: "root")
            let line = try system.wait(for: "refused\r", on: "one")
            #expect(line.contains("version 65536 numbers none short 0 0 0 "))
        }
    }
}
