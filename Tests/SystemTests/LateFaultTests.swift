import SystemImage
import Testing
import Tool

extension SystemTests {
    /// Components fault at the worst moment for their supervisor. The supervisor still learns of it, reports it, and
    /// restarts them on its own time.
    @Suite(.serialized) struct LateFaultTests {
        /// The budget is 10 ms of 10 s, and nothing of it is left for a report.
        @Test func aFaultAtTheEndOfABudgetIsReportedAtOnce() throws {
            let delay = try delayOfReport("late-fault-budget")
            // The announcement comes a period and a budget before the fault.
            #expect(delay < 10.2, "the report came \(delay) s after the announcement")
        }

        /// A component of priority 1 never runs again, because one of priority 10 spins.
        @Test func aFaultBelowASpinningTenantIsReportedAtOnce() throws {
            let delay = try delayOfReport("late-fault-priority")
            // The spinner takes the core for 100 ms, 5 ms after the announcement.
            #expect(delay < 0.05, "the report came \(delay) s after the announcement")
        }

        /// Either the stop succeeds and the supervisor learns of it, or the stop fails.
        @Test func noComponentStopsItselfUnheard() throws {
            let system = try RunningSystem("Tests/Systems/own-stop.yaml")
            try system.wait(for: "late: stopping itself answers 5", on: "late")
            try system.wait(for: "heartbeat 3", on: "heartbeat")
        }

        /// Twelve components die as often as they can. The least urgent one keeps the time that root's budget and the
        /// console driver leave.
        @Test func restartsWithoutEndLeaveTheCoreToOthers() throws {
            let endless = RestartDescription(
                limit: 1, span: TimeSpan(milliseconds: 1), backoff: TimeSpan(milliseconds: 1),
                backoffLimit: TimeSpan(milliseconds: 1))
            let system = try RunningSystem("Tests/Systems/busy-root.yaml", options: .deterministic, restart: endless)
            try system.wait(for: "meter: ", on: "meter", timeout: .seconds(120))
            for _ in 0..<2 {
                let line = try system.wait(for: " %", on: "meter", timeout: .seconds(120))
                let share = try #require(Int(line.filter(\.isNumber)))
                #expect(share >= 65, "\(share) % of the core are left")
            }
            #expect(try system.lines(of: "root").contains { $0.contains("back: ") })
        }

        /// Returns the time between the last announcement of a fault and root's report of it.
        private func delayOfReport(_ name: String) throws -> Double {
            let system = try RunningSystem("Tests/Systems/\(name).yaml", options: .deterministic)
            try system.wait(for: "fault: late trap", on: "root", timeout: .seconds(240))
            try system.wait(for: "restart: late, 1 of 1", on: "root")
            let report = try #require(try system.lines(of: "root").last { $0.contains("fault: late trap") })
            // The component is back by now, and may have printed more.
            let announcements = try system.lines(of: "late").filter { $0.contains("late: attempt") }.compactMap(seconds)
            let end = try #require(seconds(report))
            return end - (try #require(announcements.last { $0 < end }))
        }

        /// Returns the time at the beginning of a line: `[    1.234567] `.
        private func seconds(_ line: String) -> Double? {
            line.split(separator: "]").first.flatMap { Double($0.filter { $0.isNumber || $0 == "." }) }
        }
    }
}
