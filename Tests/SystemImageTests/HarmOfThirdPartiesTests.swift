import Testing

@testable import SystemImage

/// Tests harm that passes through a tenant between victim and offender: somebody ends it, takes its time or wakes it.
@Suite struct HarmOfThirdPartiesTests {
    /// Two ends that a third one can end with its group, beside the two that it cannot.
    private func pair(_ parts: String, of first: String) -> String {
        """
        board: {cores: 3}
        components:
        \(parts)
          mate: {target: Heartbeat, core: 2}
        groups: {pair: {members: [\(first), mate], restart: {on-limit: stop}}}
        """
    }

    // MARK: Ends

    /// The elements of a ring are lost if one end dies before the other has taken them.
    @Test(arguments: ["producer", "consumer"]) func anEndOfARingLosesDataIfTheOtherDies(member: String) throws {
        let text = pair(
            """
              producer: {target: Heartbeat, priority: 12, uses: {c: consumer}, shared: 16KiB}
              consumer: {target: Heartbeat, priority: 12}
            """, of: member)
        let other = member == "producer" ? "consumer" : "producer"
        #expect(try HarmCase.harm(text).contains("\(other) change mate"))
        #expect(
            try !HarmCase.harm(text.replacing("[\(member), mate]", with: "[mate]")).contains("\(other) change mate"))
        let sentence = try HarmCase.analysis(text).sentence(other, .change, "mate")
        #expect(sentence.hasPrefix("if '\(member)' dies, the ") && sentence.contains("group 'pair' restarts"))
    }

    @Test func sharedMemoryIsLeftIncompleteByADeath() throws {
        let parts = "  a: {target: Heartbeat}\n  b: {target: Heartbeat, core: 1}"
        let memory = "\nshared-memory: {m: {size: 4KiB, between: [a, b]}}"
        #expect(try HarmCase.harm(pair(parts, of: "a") + memory).contains("b change mate"))
        #expect(try !HarmCase.harm(pair(parts, of: "a")).contains("b change mate"))
    }

    @Test func leasedMemoryIsLeftIncompleteByADeath() throws {
        let text = pair(
            """
              client: {target: Heartbeat, priority: 12, uses: {s: server}}
              server: {target: Heartbeat, priority: 14}
            """, of: "server")
        let found = try HarmCase.harm(text)
        #expect(found.isSuperset(of: ["client change mate", "client stall mate"]))
        #expect(!found.contains("client read mate"))
    }

    /// A watchdog makes a death of a stall, and the death loses data.
    @Test(arguments: [true, false]) func aStallLosesDataThroughAWatchdog(watchdog: Bool) throws {
        let found = try HarmCase.harm(
            """
            board: {cores: 2}
            machines: {m: {kernel: {target: BenchGuest}, memory: 64MiB, priority: 4, watchdog: \(watchdog)}}
            components:
              urgent: {target: Heartbeat, priority: 8}
              peer: {target: Heartbeat, core: 1}
            shared-memory: {r: {size: 4KiB, between: [m, peer]}}
            """)
        #expect(found.contains("peer change urgent") == watchdog)
    }

    /// A reset ends the peer as well, which is worse than the loss of its data.
    @Test func aResetLosesNothingMore() throws {
        let found = try HarmCase.harm(
            """
            board: {cores: 3, on-failure: reset}
            components:
              a: {target: Heartbeat}
              b: {target: Heartbeat, core: 1}
              c: {target: Heartbeat, core: 2}
            shared-memory: {m: {size: 4KiB, between: [a, b]}}
            """)
        #expect(found.contains("b end c") && !found.contains("b change c"))
    }

    @Test(arguments: [true, false]) func anEndOfACallerLeavesAnOrphan(isLimited: Bool) throws {
        let budget = isLimited ? ", budget: 1ms, period: 10ms" : ""
        let text = pair(
            """
              client: {target: Heartbeat, priority: 12, uses: {s: server}}
              server: {target: Heartbeat, priority: 16\(budget)}
            """, of: "client")
        #expect(try HarmCase.harm(text).contains("server stall mate") == !isLimited)
    }

    /// An event may abort the caller's call.
    @Test(arguments: [true, false]) func anAbortedCallLeavesAnOrphan(rings: Bool) throws {
        let text = """
            board: {cores: 2}
            components:
              client: {target: Heartbeat, priority: 12, uses: {s: server}}
              server: {target: Heartbeat, priority: 16}
              ringer: {target: Heartbeat, core: 1}
              far: {target: Heartbeat, core: 1}
            shared-memory: {m: {size: 4KiB, between: [ringer, \(rings ? "client" : "far")]}}
            """
        #expect(try HarmCase.harm(text).contains("server stall ringer") == rings)
    }

    /// The interface of a connection may pass signals, in both directions, and the plan does not show it.
    @Test(arguments: ["peer", "client", ""]) func signalsInMessagesMayAbortACall(user: String) throws {
        func uses(_ name: String) -> String {
            let others =
                (name == "client" ? ["s: server"] : [])
                + (name == user ? ["p: \(name == "peer" ? "client" : "peer")"] : [])
            return others.isEmpty ? "" : ", uses: {\(others.joined(separator: ", "))}"
        }
        let analysis = try HarmCase.analysis(
            """
            components:
              client: {target: Heartbeat, priority: 12\(uses("client"))}
              server: {target: Heartbeat, priority: 20}
              peer: {target: Heartbeat, priority: 10\(uses("peer"))}
            """)
        func ways(_ victim: Int) -> [String] {
            analysis.ways(victim: victim).filter { $0.offender == 3 && $0.effect == .stall }.map(analysis.sentence)
                .filter { $0.contains("aborts") }
        }
        #expect(ways(2).count == (user.isEmpty ? 0 : 1))
        #expect(ways(2).allSatisfy { $0.hasSuffix("by which 'peer' aborts calls of 'client'") })
        // The abort itself stalls nobody.
        #expect(ways(1) == [])
    }

    /// A call brings time for what an orphan has left, so that another client does not stand still.
    @Test func anOrphanIsServedForTheNextCaller() throws {
        let found = try HarmCase.harm(
            """
            components:
              other: {target: Heartbeat, priority: 18, uses: {s: server}}
              client: {target: Heartbeat, priority: 12, uses: {s: server}}
              server: {target: Heartbeat, priority: 4}
            """)
        #expect(found.contains("server stall client") && !found.contains("other stall client"))
    }

    /// A fault is a call to the pager.
    @Test(arguments: [true, false]) func aPagerMayBeLeftByItsClient(isLimited: Bool) throws {
        let found = try HarmCase.harm(
            """
            components:
              pager: {target: Pager, memory: 32KiB, priority: 20\(isLimited ? ", budget: 1ms, period: 10ms" : "")}
              reader: {target: PageReader, arguments: [1, 0, 1], priority: 4, paged: {by: pager, file: system.yaml}}
            """)
        #expect(found.contains("pager stall reader") == !isLimited)
    }

    // MARK: Time

    @Test(arguments: [(["10ms"], true), (["5ms", "5ms"], true), (["5ms", "4ms"], false)])
    func budgetsMayLeaveRootNothing(budgets: [String], harms: Bool) throws {
        func found(priority: Int) throws -> Set<String> {
            let urgent = budgets.enumerated().map {
                "  u\($0): {target: Heartbeat, priority: \(priority), budget: \($1), period: 10ms}\n"
            }
            return try HarmCase.harm(
                "board: {cores: 2}\ncomponents:\n" + urgent.joined() + "  v: {target: Heartbeat, core: 1}")
        }
        for number in budgets.indices { #expect(try found(priority: 31).contains("v stall u\(number)") == harms) }
        // Root and those of its priority take turns.
        #expect(try !found(priority: 30).contains("v stall u0"))
    }

    @Test(arguments: ["", ", budget: 10ms, period: 10ms", ", budget: 9ms, period: 10ms"])
    func wakersOfATenantThatKeepsRootOffCount(budget: String) throws {
        let analysis = try HarmCase.analysis(
            """
            board: {cores: 3}
            components:
              urgent: {target: Heartbeat, priority: 31\(budget)}
              ringer: {target: Heartbeat, core: 1}
              victim: {target: Heartbeat, core: 2}
            shared-memory: {r: {size: 4KiB, between: [urgent, ringer]}}
            """)
        let sentence = analysis.sentence("victim", .stall, "ringer")
        if budget.contains("9ms") { return #expect(sentence.isEmpty) }
        #expect(sentence.hasPrefix("'ringer' can wake 'urgent' without end"))
        #expect(sentence.contains("so that 'victim' is not restarted"))
    }

    /// A tenant that somebody wakes without end uses all of its budget.
    @Test(arguments: [4, 6]) func wakersOfBudgetsCount(milliseconds: Int) throws {
        let found = try HarmCase.harm(
            """
            board: {cores: 2}
            components:
              a: {target: Heartbeat, priority: 5, budget: \(milliseconds)ms, period: 10ms}
              b: {target: Heartbeat, priority: 4}
              ringer: {target: Heartbeat, core: 1}
            shared-memory: {r: {size: 4KiB, between: [a, ringer]}}
            """)
        #expect(found.contains("b stall ringer") == (milliseconds == 6))
    }

    /// An interface without rings may pass capabilities for signals, and the plan does not show it.
    @Test func endsOfAConnectionMayWakeEachOther() throws {
        func found(_ uses: String) throws -> Bool {
            try HarmCase.harm(
                """
                components:
                  client: {target: Heartbeat, priority: 4\(uses)}
                  server: {target: Heartbeat, priority: 25}
                  victim: {target: Heartbeat, priority: 10}
                """
            ).contains("victim stall client")
        }
        #expect(try found(", uses: {s: server}"))
        #expect(try !found(""))
    }

    /// The urgent one is woken by one that waits for the answers of a server on its own core.
    @Test func aServerMayCauseRings() throws {
        let found = try HarmCase.harm(
            """
            board: {cores: 3}
            components:
              urgent: {target: Heartbeat, priority: 25}
              victim: {target: Heartbeat, priority: 10}
              ringer: {target: Heartbeat, core: 1, uses: {s: server}}
              server: {target: Heartbeat, core: 1}
            shared-memory: {r: {size: 4KiB, between: [urgent, ringer]}}
            """)
        #expect(found.contains("victim stall server"))
    }

    /// A server has only its caller's time for a call, even if the server itself is more urgent.
    @Test(arguments: ["", ", budget: 1ms, period: 10ms"]) func aServerIsNotMoreUrgentThanItsCaller(budget: String)
        throws
    {
        func analysis(_ priority: Int) throws -> HarmAnalysis {
            try HarmCase.analysis(
                """
                components:
                  client: {target: Heartbeat, priority: 4, uses: {s: server}}
                  server: {target: Heartbeat, priority: 10\(budget)}
                  middle: {target: Heartbeat, priority: \(priority)}
                """)
        }
        let sentence = try analysis(8).sentence("server", .stall, "middle")
        #expect(sentence.contains("and 'client', on whose time 'server' serves it, has 4"))
        #expect(try analysis(3).sentence("server", .stall, "middle").isEmpty)
    }

    // MARK: Sentences

    @Test func theWatchdogIsInItsSentence() throws {
        let analysis = try HarmCase.analysis(
            """
            machines: {m: {kernel: {target: BenchGuest}, memory: 64MiB, priority: 4, watchdog: true}}
            components: {a: {target: Heartbeat, priority: 8}}
            """)
        #expect(analysis.sentence("m", .end, "a").hasSuffix(", and then the watchdog of 'm' ends it"))
        #expect(!analysis.sentence("m", .stall, "a").contains("watchdog"))
    }

    @Test func eachEffectHasItsSentence() throws {
        let manifest = Repository.root.appendingPathComponent("examples/pager-hangs/system.yaml")
        let analysis = HarmAnalysis(try Manifest.load(path: manifest.path).planWithPlaceholders())
        let read = analysis.sentence("reader", .read, "bad-pager")
        #expect(read == "'bad-pager' has a capability to 'reader/space', by which it can read 'reader'")
        let driver = try HarmCase.analysis(
            "board: {cores: 2}\ncomponents: {a: {target: Heartbeat, devices: {rtc: pl031}}, b: {target: Heartbeat, core: 1}}"
        )
        let sentences = HarmEffect.allCases.map { driver.sentence("b", $0, "a") }
        #expect(Set(sentences).count == 4 && !sentences.contains(""))
        #expect(driver.sentence("b", .read, "a").hasSuffix("a device may read all memory"))
    }
}
