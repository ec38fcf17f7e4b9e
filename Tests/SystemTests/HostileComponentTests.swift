import Foundation
import Testing

extension SystemTests {
    /// A component at EL0 calls every operation with every kind of wrong argument. The kernel goes on, and the
    /// heartbeat beside it prints exactly the lines that it prints alone. Time is deterministic (`--icount`).
    @Suite(.serialized) struct HostileComponentTests {
        @Test func theHeartbeatDoesNotNotice() throws {
            let alone = try beats(of: try RunningSystem("Tests/Systems/quiet-component.yaml", ["--icount"]))
            let system = try RunningSystem("Tests/Systems/hostile-component.yaml", ["--icount"])
            let beside = try beats(of: system)
            #expect(beside.map(\.text) == alone.map(\.text))
            #expect(beside.count >= 100)
            // The lines are not late either, because an operation of the kernel is short.
            for (late, usual) in zip(beside, alone) { #expect(abs(late.seconds - usual.seconds) < 0.0001, "\(late)") }
            try system.wait(for: "hostile component: round 500", on: "hostile", timeout: .seconds(120))
            #expect(try !system.lines(of: "kernel").contains { $0.contains("panic") })
            #expect(try !system.lines(of: "root").contains { $0.contains("fault") })
        }

        private func beats(of system: RunningSystem) throws -> [Beat] {
            let said = try system.wait(for: "heartbeat 100\n", on: "heartbeat", timeout: .seconds(300))
            return said.split(separator: "\n").map { Beat(line: String($0)) }
        }

        /// A line of a console, with the time that the driver puts before it.
        private struct Beat {
            var seconds: Double
            var text: String

            init(line: String) {
                let parts = line.wholeMatch(of: /\[ *([0-9.]+)\] (.*)/)
                seconds = parts.flatMap { Double($0.1) } ?? .nan
                text = parts.map { String($0.2) } ?? line
            }
        }
    }
}
