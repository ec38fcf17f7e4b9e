import Testing

@testable import SystemImage

/// Tests delays that have a bound: the report of each, and the watchdog that makes an end of a long one.
@Suite struct HarmOfDelaysTests {
    @Test func aBudgetBoundsTheDelay() throws {
        let text =
            "components: {a: {target: Heartbeat, priority: 5, budget: 1ms, period: 10ms}, b: {target: Heartbeat, priority: 4}}"
        #expect(try HarmCase.harm(text) == [])
        #expect(try HarmCase.analysis(text).bounds.contains { $0.victim == 2 && $0.offender == 1 })
    }

    /// The guest chooses the time of its watchdog, and a second counts as long.
    @Test(arguments: [("9s", "10s", true), ("600ms", "10s", true), ("400ms", "10s", false), ("9ms", "10ms", false)])
    func aWatchdogMakesADeathOfALongDelay(budget: String, period: String, harms: Bool) throws {
        func found(_ watchdog: Bool) throws -> Set<String> {
            try HarmCase.harm(
                """
                board: {cores: 2}
                machines: {m: {kernel: {target: BenchGuest}, memory: 64MiB, core: 1, priority: 4, watchdog: \(watchdog)}}
                components: {a: {target: Heartbeat, core: 1, priority: 8, budget: \(budget), period: \(period)}}
                """)
        }
        #expect(try found(true) == (harms ? ["m end a"] : []))
        #expect(try found(false) == [])
    }

    /// Each budget alone is short, and both together make one long delay.
    @Test func budgetsAddUpToALongDelay() throws {
        let analysis = try HarmCase.analysis(
            """
            board: {cores: 2}
            machines: {m: {kernel: {target: BenchGuest}, memory: 64MiB, core: 1, priority: 4, watchdog: true}}
            components:
              a: {target: Heartbeat, core: 1, priority: 8, budget: 300ms, period: 10s}
              b: {target: Heartbeat, core: 1, priority: 8, budget: 300ms, period: 10s}
            """)
        for name in ["a", "b"] {
            #expect(
                analysis.sentence("m", .end, name)
                    == "the budgets of '\(name)' and of all else that is as urgent as 'm' on core 1 can delay it for 1s "
                    + "or longer, and then the watchdog of 'm' ends it")
        }
    }

    /// The stalled end has no watchdog, but the machine that waits for it has one.
    @Test func aDelayOfAPeerReachesTheWatchdog() throws {
        func found(_ budget: String) throws -> Bool {
            try HarmCase.harm(
                """
                board: {cores: 2}
                machines: {m: {kernel: {target: BenchGuest}, memory: 64MiB, watchdog: true}}
                components:
                  peer: {target: Heartbeat, core: 1, priority: 4}
                  a: {target: Heartbeat, core: 1, priority: 8, budget: \(budget), period: 10s}
                shared-memory: {r: {size: 4KiB, between: [m, peer]}}
                """
            ).contains("m end a")
        }
        #expect(try found("9s"))
        #expect(try !found("100ms"))
    }

    /// A server without a budget has only its caller's time while it serves.
    @Test(arguments: [
        ("budget: 1ms, period: 10ms", "", true), ("budget: 1ms, period: 10ms", ", budget: 1ms, period: 10ms", false),
        ("priority: 4", "", false),
    ])
    func aServerWaitsForItsCallersNextPeriod(caller: String, server: String, waits: Bool) throws {
        let bounds = try HarmCase.analysis(
            "components: {c: {target: Heartbeat, uses: {s: s}, \(caller)}, s: {target: Heartbeat, priority: 20\(server)}}"
        ).bounds.filter { $0.text.hasPrefix("may use up") }
        // Tenant 1 is the caller.
        #expect(bounds.map(\.victim) == (waits ? [2] : []) && bounds.allSatisfy { $0.offender == 1 })
        #expect(bounds.allSatisfy { $0.text.contains("at most 9ms for the next period") })
    }
}
