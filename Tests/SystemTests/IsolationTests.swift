import Testing

extension SystemTests {
    /// Failures of one machine do not reach the others.
    @Suite(.serialized) struct IsolationTests {
        @Test(arguments: [1, 2])
        func aPanicStaysInItsMachine(onCores cores: Int) throws {
            let system = try RunningSystem("examples/two-machines", ["--cores", "\(cores)"])
            // Their prompts differ, because each machine has its own name.
            #expect(try system.run("hostname", on: "first", timeout: .seconds(120)).output == "first\n")
            #expect(try system.run("hostname", on: "second").output == "second\n")
            try system.type("echo c > /proc/sysrq-trigger\n", on: "first")
            try system.wait(for: "Kernel panic - not syncing: sysrq triggered crash", on: "first")
            #expect(try system.run("echo alive", on: "second").output == "alive\n")
            try system.wait(for: "heartbeat", on: "heartbeat", timeout: .seconds(5))
            try system.wait(for: "heartbeat", on: "heartbeat", timeout: .seconds(5))
        }

        @Test func aResetRestartsOneMachine() throws {
            let system = try RunningSystem("examples/two-machines")
            _ = try system.run("echo second > /tmp/mark", on: "second", timeout: .seconds(120))
            _ = try system.run("echo first > /tmp/mark", on: "first")
            try system.type("reboot -f\n", on: "first")
            try system.wait(for: "Booting Linux", on: "first")
            let mark = try system.run("cat /tmp/mark || echo none", on: "first", timeout: .seconds(120))
            #expect(mark.output.hasSuffix("none\n"))
            #expect(try system.run("cat /tmp/mark", on: "second").output == "second\n")
        }

        @Test func powerOffEndsOneMachine() throws {
            let system = try RunningSystem("examples/two-machines")
            _ = try system.run("true", on: "first", timeout: .seconds(120))
            try system.type("poweroff -f\n", on: "first")
            try system.wait(for: "Power down", on: "first")
            #expect(try system.run("echo alive", on: "second", timeout: .seconds(120)).output == "alive\n")
        }
    }
}
