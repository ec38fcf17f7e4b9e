import Foundation
import Testing

extension SystemTests {
    /// A component at EL0 that calls every operation with every kind of wrong argument: the kernel goes on, and the heartbeat beside
    /// it says, bit for bit, what it says alone. Time is deterministic (`--icount`).
    @Suite(.serialized) struct HostileComponentTests {
        @Test func theHeartbeatDoesNotNotice() throws {
            let alone = try RunningSystem("Tests/Systems/quiet-component.yaml", ["--icount"])
            let expected = try alone.wait(for: "heartbeat 100\n", on: "heartbeat", timeout: .seconds(180))
            let system = try RunningSystem("Tests/Systems/hostile-component.yaml", ["--icount"])
            let said = try system.wait(for: "heartbeat 100\n", on: "heartbeat", timeout: .seconds(300))
            #expect(said == expected)
            let reports = try system.wait(for: "hostile component: round 5", on: "hostile", timeout: .seconds(300))
            #expect(reports.contains("hostile component: round 1"))
            #expect(try !system.lines(of: "kernel").contains { $0.contains("panic") })
            #expect(try !system.lines(of: "root").contains { $0.contains("fault") })
        }
    }
}
