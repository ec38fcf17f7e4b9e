import ABI
import Foundation
import Testing

@testable import SystemImage

/// Tests each way in which one tenant can harm another, in a system of its own, beside a similar case without harm.
@Suite struct HarmAnalysisTests {
    private func harm(_ manifest: String) throws -> Set<String> { try HarmCase.harm(manifest) }

    private func analysis(_ text: String) throws -> HarmAnalysis { try HarmCase.analysis(text) }

    /// The check of the console driver asks for the links to one tenant, because those to all are too many in a large
    /// system.
    @Test func theLinksToOneTenantAreThoseOfTheWholeAnalysis() throws {
        let analysis = try analysis(
            """
            board: {cores: 2}
            components:
              a: {target: Heartbeat, priority: 31}
              b: {target: Heartbeat, priority: 4, uses: {s: s, t: t}}
              s: {target: Heartbeat, priority: 6, uses: {t: t}}
              t: {target: Heartbeat, priority: 5, budget: 1ms, period: 10ms}
            machines: {m: {kernel: {target: BenchGuest}, memory: 64MiB, core: 1, priority: 4}}
            """)
        for victim in analysis.plan.tenants.indices {
            let links = analysis.links.filter { $0.victim == victim }
            #expect(!links.isEmpty && HarmAnalysis.links(to: victim, in: analysis.plan) == links)
        }
    }

    // MARK: Time

    @Test func theMoreUrgentStallsTheOther() throws {
        let found = try harm("components: {a: {target: Heartbeat, priority: 5}, b: {target: Heartbeat, priority: 4}}")
        #expect(found == ["b stall a"])
    }

    /// Root would restart dead tenants, but has only priority 30.
    @Test(arguments: [(30, 0), (31, 0), (31, 1)]) func aTenantMoreUrgentThanRootStallsAll(priority: Int, core: Int)
        throws
    {
        let found = try harm(
            """
            board: {cores: 3}
            components:
              a: {target: Heartbeat, core: \(core), priority: \(priority)}
              b: {target: Heartbeat, core: 2}
            """)
        #expect(found == (priority == 31 && core == 0 ? ["b stall a"] : []))
    }

    @Test func aWatchdogMakesADeathOfAStall() throws {
        func found(_ watchdog: Bool) throws -> Set<String> {
            try harm(
                """
                machines: {m: {kernel: {target: BenchGuest}, memory: 64MiB, priority: 4, watchdog: \(watchdog)}}
                components: {a: {target: Heartbeat, priority: 8}}
                """)
        }
        #expect(try found(false) == ["m stall a"])
        #expect(try found(true) == ["m stall a", "m end a"])
    }

    @Test func aServerWithoutABudgetNeedsItsClient() throws {
        func found(_ limit: String) throws -> Bool {
            try harm(
                "components: {c: {target: Heartbeat, priority: 4, uses: {s: s}}, s: {target: Heartbeat\(limit)}}"
            ).contains("s stall c")
        }
        #expect(try found(""))
        #expect(try !found(", budget: 1ms, period: 10ms"))
    }

    /// The capabilities for the signals of rings travel in messages.
    @Test func endsOfARingMayWaitForEachOther() throws {
        func found(_ shared: String) throws -> Set<String> {
            try harm(
                """
                board: {cores: 1}
                components:
                  c: {target: Heartbeat, priority: 20, budget: 10us, period: 100us, uses: {s: s}\(shared)}
                  s: {target: Heartbeat, priority: 25, budget: 10us, period: 100us}
                  v: {target: Heartbeat, priority: 10}
                """)
        }
        #expect(try !found("").contains("s stall c"))
        #expect(try found(", shared: 4KiB").isSuperset(of: ["s stall c", "c stall s"]))
    }

    /// `x` rings `r`, whose program may ring the urgent `u` for each ring.
    @Test func wakesArePassedOn() throws {
        let found = try harm(
            """
            board: {cores: 3}
            components:
              x: {target: Heartbeat, core: 1}
              r: {target: Heartbeat, core: 2}
              u: {target: Heartbeat, priority: 25}
              v: {target: Heartbeat, priority: 10}
            shared-memory:
              xr: {size: 4KiB, between: [x, r]}
              ru: {size: 4KiB, between: [r, u]}
            """)
        #expect(found.isSuperset(of: ["v stall u", "v stall r", "v stall x"]))
    }

    @Test func equalPrioritiesStallEachOther() throws {
        #expect(try harm("components: {a: {target: Heartbeat}, b: {target: Heartbeat}}") == ["a stall b", "b stall a"])
    }

    @Test func anotherCoreIsOutOfReach() throws {
        let found = try harm(
            "board: {cores: 2}\ncomponents: {a: {target: Heartbeat, core: 1, priority: 31}, b: {target: Heartbeat}}")
        #expect(found == [])
    }

    /// Root takes a quarter of core 0 and the console driver a fifth: 60 % of a core are too much on core 0 alone.
    @Test(arguments: [0, 1]) func budgetsThatTakeTheWholeCoreAreNone(core: Int) throws {
        let found = try harm(
            """
            board: {cores: 2}
            components:
              a: {target: Heartbeat, core: \(core), priority: 5, budget: 6ms, period: 10ms}
              b: {target: Heartbeat, core: \(core), priority: 4}
            """)
        #expect(found == (core == 0 ? ["b stall a"] : []))
    }

    /// A monitor is one more urgent than its machine.
    @Test func machinesOfTheSameCoreStallEachOther() throws {
        let machine = "{kernel: {target: BenchGuest}, memory: 64MiB"
        #expect(try harm("machines: {a: \(machine)}, b: \(machine), priority: 9}}") == ["a stall b", "b stall a"])
        #expect(try harm("machines: {a: \(machine)}, b: \(machine), priority: 10}}") == ["a stall b"])
        #expect(try harm("board: {cores: 2}\nmachines: {a: \(machine)}, b: \(machine), core: 1}}") == [])
    }

    // MARK: Calls

    @Test func aServerStallsItsClients() throws {
        let found = try harm(
            """
            components:
              client: {target: Caller, priority: 20, uses: {x: server}}
              server: {target: Heartbeat, priority: 4}
            """)
        #expect(found == ["client stall server", "client change server", "client read server", "server stall client"])
    }

    /// The bystander is more urgent than the server, but not than the server's client, whose time the server gets.
    @Test func aServerIsAsUrgentAsItsClients() throws {
        let found = try harm(
            """
            components:
              client: {target: Caller, priority: 20, uses: {x: server}}
              bystander: {target: Heartbeat, priority: 10}
              server: {target: Heartbeat, priority: 4}
            """)
        #expect(found.contains("bystander stall server"))
        // The client lends the server its time, so the bystander cannot stall it by way of the server.
        #expect(found.contains("server stall bystander") && !found.contains("client stall bystander"))
    }

    @Test func aStallOfAServerStallsItsClients() throws {
        let analysis = try analysis(
            """
            components:
              client: {target: Caller, priority: 20, uses: {x: middle}}
              middle: {target: Caller, priority: 19, uses: {y: last}}
              last: {target: Heartbeat, priority: 18}
            """)
        let finding = try #require(analysis.finding(victim: 1, offender: 3, .stall))
        #expect(finding.chain.map(\.cause) == [.call("x"), .call("y")])
        #expect(analysis.sentence(finding).contains("; 'middle' calls 'last'"))
    }

    /// `last` is more urgent than `client`, which calls it by way of `middle`, too.
    @Test func findsEachWay() throws {
        let analysis = try analysis(
            """
            components:
              client: {target: Caller, priority: 18, uses: {x: middle}}
              middle: {target: Caller, priority: 18, uses: {y: last}}
              last: {target: Heartbeat, priority: 20}
            """)
        let ways = analysis.ways(victim: 1).filter { $0.offender == 3 && $0.effect == .stall }
        #expect(ways.map(analysis.way(of:)) == ["core", "middle"])
        #expect(ways.map(\.chain.count) == [1, 2])
        #expect(ways[1].chain.map(\.cause) == [.call("x"), .call("y")])
        // The shortest of them is the finding.
        #expect(analysis.finding(victim: 1, offender: 3, .stall)?.chain == ways[0].chain)
    }

    /// The ways of a pair begin with its finding, and nobody has a way who has none.
    @Test(arguments: PlanDocumentTests.examples) func hasAWayForEachFinding(file: URL) throws {
        let analysis = HarmAnalysis(try Manifest.load(path: file.path).planWithPlaceholders())
        for victim in analysis.plan.tenants.indices {
            let ways = analysis.ways(victim: victim)
            func pairs(_ findings: [HarmFinding]) -> Set<String> { Set(findings.map { "\($0.offender) \($0.effect)" }) }
            #expect(pairs(ways) == pairs(analysis.findings(victim: victim)))
            #expect(Set(ways.map { "\($0.offender) \($0.effect) \(analysis.way(of: $0))" }).count == ways.count)
            for finding in analysis.findings(victim: victim) {
                let shortest = ways.first { $0.offender == finding.offender && $0.effect == finding.effect }
                #expect(shortest?.chain.count == finding.chain.count)
            }
        }
    }

    // MARK: Paging

    @Test func aPagerHasItsClientInItsHand() throws {
        let manifest = Repository.root.appendingPathComponent("examples/pager-hangs/system.yaml")
        let analysis = HarmAnalysis(try Manifest.load(path: manifest.path).planWithPlaceholders())
        func index(_ name: String) -> Int { analysis.plan.tenants.firstIndex { $0.name == name } ?? -1 }
        for effect in [HarmEffect.stall, .end, .change] {
            #expect(analysis.finding(victim: index("reader"), offender: index("bad-pager"), effect) != nil)
            #expect(analysis.finding(victim: index("reader"), offender: index("good-pager"), effect) == nil)
        }
        #expect(analysis.finding(victim: index("heartbeat"), offender: index("bad-pager"), .end) == nil)
    }

    // MARK: Memory

    @Test func sharedMemoryIsChangedAndReadByBothEnds() throws {
        let found = try harm(
            """
            board: {cores: 3}
            components: {a: {target: Heartbeat}, b: {target: Heartbeat, core: 1}, c: {target: Heartbeat, core: 2}}
            shared-memory: {m: {size: 4KiB, between: [a, b]}}
            """)
        #expect(found == ["a stall b", "a change b", "a read b", "b stall a", "b change a", "b read a"])
    }

    @Test func ringsAreSharedByClientAndServer() throws {
        let found = try harm(
            """
            components:
              client: {target: Caller, priority: 20, uses: {x: server}, shared: 4KiB}
              server: {target: Heartbeat, priority: 4}
            """)
        #expect(found.isSuperset(of: ["server change client", "server read client", "client change server"]))
    }

    /// They map the same constants and the same clock, and neither can write them.
    @Test func sameProgramsShareNothing() throws {
        let found = try harm(
            "board: {cores: 2}\nmachines: {a: {kernel: {target: BenchGuest}, memory: 64MiB}, b: {kernel: {target: BenchGuest}, memory: 64MiB, core: 1}}"
        )
        #expect(found == [])
    }

    @Test func anEventPeerMayBeWaitedFor() throws {
        let found = try harm(
            "board: {cores: 2}\nmachines: {a: {kernel: {target: BenchGuest}, memory: 64MiB, event-peer: b}, b: {kernel: {target: BenchGuest}, memory: 64MiB, core: 1}}"
        )
        #expect(found == ["b stall a"])
    }

    /// Without an IOMMU a device accesses all memory.
    @Test func aDriverCanDoEverything() throws {
        let found = try harm(
            "board: {cores: 2}\ncomponents: {a: {target: Heartbeat, devices: {rtc: pl031}}, b: {target: Heartbeat, core: 1}}"
        )
        #expect(found == ["b stall a", "b end a", "b change a", "b read a"])
    }

    // MARK: Supervision

    @Test(arguments: ["escalate", "stop"]) func aGroupRestartsAsAWhole(onLimit: String) throws {
        let found = try harm(
            """
            board: {cores: 2}
            components:
              a: {target: Heartbeat, restart: {on-limit: \(onLimit)}}
              b: {target: Heartbeat, core: 1, restart: {on-limit: stop}}
            groups: {g: {members: [a, b]}}
            """)
        #expect(found == (onLimit == "stop" ? [] : ["b end a"]))
    }

    /// A group's own limit bounds what reaches the group around it.
    @Test(arguments: ["escalate", "stop"]) func aGroupEscalatesToTheNext(onLimit: String) throws {
        let found = try harm(
            """
            board: {cores: 3}
            components:
              a: {target: Heartbeat}
              b: {target: Heartbeat, core: 1}
              c: {target: Heartbeat, core: 2}
            groups:
              inner: {members: [a, b], restart: {on-limit: \(onLimit)}}
              outer: {members: [inner, c]}
            """)
        #expect(found.contains("b end a") && found.contains("a end b") && found.contains("a end c"))
        #expect(found.contains("c end a") == (onLimit == "escalate"))
    }

    /// The deaths of a part count for the group around it, and those of the group for the next one.
    @Test(arguments: ["reset", "power-off"]) func limitsOfGroupsBetweenCount(action: String) throws {
        let analysis = try analysis(
            """
            board: {cores: 3, on-failure: \(action)}
            components:
              a: {target: Heartbeat}
              b: {target: Heartbeat, core: 1}
              c: {target: Heartbeat, core: 2}
              d: {target: Heartbeat, core: 2, restart: {on-limit: stop}}
            groups:
              inner: {members: [a, b]}
              outer: {members: [inner, c]}
            """)
        let board = action == "reset" ? "the board resets" : "the board turns itself off"
        let often = "more often than their limits allow"
        #expect(
            [("b", "a"), ("c", "a"), ("d", "a")].map { analysis.sentence($0, .end, $1) } == [
                "group 'inner' restarts with 'b' when 'a' has died more often than its limit allows",
                "group 'outer' restarts with 'c' when 'a' and group 'inner' have died \(often)",
                "\(board) when 'a', group 'inner' and group 'outer' have died \(often)",
            ])
    }

    @Test(arguments: ["continue", "reset", "power-off"]) func theBoardMayEndEverything(action: String) throws {
        let found = try harm(
            "board: {cores: 2, on-failure: \(action)}\ncomponents: {a: {target: Heartbeat}, b: {target: Heartbeat, core: 1}}"
        )
        #expect(found == (action == "continue" ? [] : ["a end b", "b end a"]))
    }

    // MARK: Sentences

    @Test(arguments: PlanDocumentTests.examples) func explainsEveryTenant(file: URL) throws {
        let analysis = HarmAnalysis(try Manifest.load(path: file.path).planWithPlaceholders())
        for tenant in analysis.plan.tenants.indices {
            let text = analysis.explanation(of: tenant)
            #expect(
                text.contains("It can be changed by:")
                    || text.contains("The analysis finds nobody else who can change it."))
            #expect(!text.contains("''") && !text.contains("Optional"))
        }
    }

    /// The document names each pair in each of annex D's topics.
    @Test func reportsEveryPair() throws {
        let file = Repository.root.appendingPathComponent("examples/two-machines/system.yaml")
        let manifest = try Manifest.load(path: file.path)
        let analysis = HarmAnalysis(try manifest.planWithPlaceholders())
        let seen = FaultInjection(
            offender: "first", fault: "killed", observations: [.init(victim: "second", effect: nil)], commit: "abc",
            plan: "this")
        let html = HarmReport(
            analysis: analysis, manifest: manifest,
            evidence: HarmEvidence(versions: [("Tool", "1 < 2")], injections: [seen], plan: "this", commit: "abc")
        ).html
        for topic in ["Timing and execution", "Memory", "Exchange of information"] {
            #expect(html.contains("<h2>\(topic)</h2>"))
        }
        #expect(html.components(separatedBy: "<td>second</td><td>first</td>").count == 4)
        // A victim that went on is no evidence about memory.
        #expect(html.components(separatedBy: "killed: went on").count == 2)
        #expect(html.contains("1 &lt; 2"))
        #expect(html.contains("free from interference"))
        #expect(!html.contains("Left out"))
    }

    @Test(arguments: PlanDocumentTests.examples) func drawsEveryTenant(file: URL) throws {
        let manifest = try Manifest.load(path: file.path)
        let analysis = HarmAnalysis(try manifest.planWithPlaceholders())
        var graph = SystemGraph(analysis, of: manifest)
        let dot = graph.dot()
        for tenant in analysis.plan.tenants { #expect(dot.contains("label=\"\(tenant.name)")) }
        #expect(!dot.contains("class=offence"))
    }

    @Test func marksOffendingPaths() throws {
        let file = Repository.manifests.appendingPathComponent("criticality-chain.yaml")
        let manifest = try Manifest.load(path: file.path, askingForCriticality: false)
        var graph = SystemGraph(HarmAnalysis(try manifest.planWithPlaceholders()), of: manifest)
        #expect(graph.dot().components(separatedBy: "class=offence").count > 2)
    }
}
