import Testing

@testable import SystemImage

/// Tests the harm that the console driver can do. It is part of the platform, and trusted at every level.
@Suite struct HarmOfTheConsoleDriverTests {
    /// A guest may wait for its PL011 for ever. The kit's console drops output that finds no room.
    @Test func theConsoleDriverStallsMachinesOnly() throws {
        func stalls(_ restOfA: String) throws -> Set<String> {
            let analysis = try HarmCase.analysis(
                """
                board: {cores: 2}
                machines: {m: {kernel: {target: BenchGuest}, memory: 64MiB, core: 1}}
                components: {a: {target: Heartbeat, core: 0\(restOfA)}, b: {target: Heartbeat, core: 1, priority: 4}}
                """)
            func name(_ tenant: Int) -> String { analysis.plan.tenants[tenant].name }
            return Set(
                analysis.findings.filter { $0.effect == .stall && $0.chain.first?.cause == .console }
                    .map { "\(name($0.victim)) by \(name($0.offender))" })
        }
        #expect(try stalls(", priority: 29") == ["m by serial"])
        // It keeps the console driver off its core, and with it the machine on another core.
        #expect(try stalls(", priority: 30") == ["m by serial", "m by a"])
    }

    /// Root obeys the command `kill`, and the driver writes root's input.
    @Test func theConsoleDriverEndsAll() throws {
        let analysis = try HarmCase.analysis(
            """
            board: {cores: 2}
            machines: {m: {kernel: {target: BenchGuest}, memory: 64MiB, core: 1}}
            components: {a: {target: Heartbeat, core: 0}}
            """)
        for victim in ["m", "a"] {
            #expect(
                analysis.sentence(victim, .end, "serial")
                    == "root obeys the commands that 'serial' passes on from the board's serial line, and 'serial', "
                    + "which is trusted as the platform is, could write one that kills '\(victim)'")
            #expect(analysis.sentence("serial", .end, victim).isEmpty)
        }
        let ends = analysis.ways(victim: 1).filter { $0.effect == .end }
        #expect(ends.map(analysis.way(of:)) == ["commands"])
    }

    @Test func aConsoleDriverDelaysComponents() throws {
        let analysis = try HarmCase.analysis(
            """
            machines: {m: {kernel: {target: BenchGuest}, memory: 64MiB}}
            components: {a: {target: Heartbeat}}
            """)
        func name(_ tenant: Int?) -> String { tenant.map { analysis.plan.tenants[$0].name } ?? "root" }
        let bounds = analysis.bounds.filter { $0.text.contains("output") }
        #expect(bounds.map { "\(name($0.victim)) by \(name($0.offender))" } == ["a by serial"])
    }

    /// The console driver is trusted, so that its findings are no dependence like the others.
    @Test func theConsoleDriverStandsApart() throws {
        let analysis = try HarmCase.analysis("components: {a: {target: Heartbeat, priority: 31, core: 0}}")
        let text = analysis.explanation(of: 1)
        #expect(text.hasPrefix("'a' (component) depends on the kernel, root and the console driver 'serial', which"))
        let parts = text.components(separatedBy: "\nA fault of the console driver could reach it, too:\n")
        #expect(parts.count == 2 && !parts[0].contains("- 'serial'"))
        for effect in HarmEffect.allCases {
            #expect(parts[0].contains("The analysis finds nobody else who can \(effect) it."))
        }
        #expect(parts.last?.contains("- change: 'serial' writes") == true)
        #expect(parts.last?.contains("- end: root obeys") == true)
        #expect(text.contains("does not foresee everything: docs/caveats.md"))
        #expect(analysis.explanation(of: 0).contains("'serial' (console driver) depends on the kernel and root, which"))
    }
}
