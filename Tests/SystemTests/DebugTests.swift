import Foundation
import Testing

extension SystemTests {
    /// Machines debug themselves on one core. Two run a program that knows the expected events and their places, and
    /// Linux runs the requests of a debugger.
    @Suite(.serialized) struct DebugTests {
        @Test func machinesStepBreakAndWatch() throws {
            let system = try RunningSystem("Tests/Systems/debug.yaml", ["--cpu", "max"], programs: ["debian": "debug"])
            for machine in ["left", "right"] {
                let said = try system.wait(for: "hostile: debug round 5", on: machine, timeout: .seconds(120))
                #expect(!said.contains("debug: wrong"), "\(said)")
                // The bare board reports the same.
                #expect(said.contains("debug: version, breakpoints, watchpoints, context 9 5 3 1"))
                #expect(said.contains("debug: steps 4 8 12 16 20 28 32 36 40 44"))
                #expect(said.contains("debug: DBGDIDR 890687488"))
            }
            let (status, output) = try system.run("/debug", on: "debian", timeout: .seconds(120))
            #expect(output == "debug: steps 2000\ndebug: breakpoint 100\ndebug: watchpoint 100\ndebug: steps 2000\n")
            #expect(status == 0)
            for machine in ["left", "right"] {
                try system.forget(machine)
                let said = try system.wait(for: "hostile: debug round", on: machine)
                #expect(!said.contains("debug: wrong"), "\(said)")
            }
            try system.wait(for: "heartbeat", on: "heartbeat", timeout: .seconds(5))
        }
    }
}
