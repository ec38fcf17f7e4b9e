import ABI
import Testing

@testable import Supervision

/// Tests policies, the times within which restarts count, and trees at their limits.
@Suite struct SupervisionEdgeTests {
    private func policy(
        limit: Int = 0, span: UInt64 = 1000, backoff: UInt64 = 10, backoffLimit: UInt64 = 100,
        _ onLimit: OnLimit = .escalate
    ) -> RestartPolicy {
        RestartPolicy(limit: limit, span: span, backoff: backoff, backoffLimit: backoffLimit, onLimit: onLimit)
    }

    // MARK: Policies

    @Test(arguments: [(-1, 0), (0, 0), (1, 1), (15, 15), (16, 16), (17, 16), (.max, 16), (.min, 0)])
    func limitsAreThoseOfTheHistory(asked: Int, limit: Int) {
        #expect(policy(limit: asked).limit == limit)
    }

    @Test func anImagesTimesAreMilliseconds() {
        func policy(_ limit: UInt64, _ onLimit: UInt64) -> RestartPolicy {
            // SAFETY: a record is six numbers, in this order (SupervisionRecord).
            let record = unsafe unsafeBitCast(
                (limit, 7, 3, 5, onLimit, 0) as (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64),
                to: SupervisionRecord.self)
            return RestartPolicy(record, ticksPerMillisecond: 1000)
        }
        #expect(policy(4, 1) == self.policy(limit: 4, span: 7000, backoff: 3000, backoffLimit: 5000, .stop))
        #expect(policy(16, 0) == self.policy(limit: 16, span: 7000, backoff: 3000, backoffLimit: 5000, .escalate))
        #expect(policy(4, 2).onLimit == .escalate)
        #expect(policy(.max, 0).limit == 16 && policy(1 << 16 | 2, 0).limit == 2)
    }

    /// Tests the delays of the restarts within one span, and thus their sum.
    @Test(
        arguments: [
            (10, 9, [9, 9, 9]), (10, 10, [10, 10, 10]), (10, 19, [10, 19, 19]), (10, 20, [10, 20, 20]),
            (10, 21, [10, 20, 21]),
            (10, 40, [10, 20, 40, 40]), (10, 41, [10, 20, 40, 41, 41]), (10, 39, [10, 20, 39, 39]), (0, 40, [0, 0, 0]),
            (10, 0, [0, 0]), (1, 1, [1, 1]), (1, 2, [1, 2, 2]), (1, 3, [1, 2, 3, 3]),
        ] as [(UInt64, UInt64, [UInt64])])
    func delaysDoubleUpToTheLimit(backoff: UInt64, limit: UInt64, delays: [UInt64]) {
        let policy = policy(limit: 16, backoff: backoff, backoffLimit: limit)
        #expect(delays.indices.map { policy.delay(afterRestarts: $0) } == delays)
        #expect(policy.delay(afterRestarts: -1) == delays[0])
        #expect(policy.delay(afterRestarts: 16) == delays.last)
    }

    /// The delay doubles up to the last restart that may lie within `span`, and in the tree as well.
    @Test func eachOfSixteenRestartsWaitsTwiceAsLong() {
        let policy = policy(limit: 16, backoff: 1, backoffLimit: .max)
        let tree = TestTree(tenants: 1, groups: 0)
        tree.add(.tenant(0), policy, parent: nil)
        for earlier in 0..<16 {
            #expect(policy.delay(afterRestarts: earlier) == 1 << UInt64(earlier))
            #expect(tree.died(0, at: 5) == .restart(.tenant(0), number: earlier + 1, delay: 1 << UInt64(earlier)))
            #expect(tree.state(ofTenant: 0) == .waiting(until: 5 + 1 << UInt64(earlier)))
            tree.started(0)
        }
        #expect(policy.delay(afterRestarts: 16) == 1 << 16 && tree.died(0, at: 5) == .escalateToBoard(.tenant(0)))
    }

    // MARK: Times within which restarts count

    @Test func aRestartCountsUntilItsSpanIsOver() {
        for (time, outcome) in [
            (1099, RestartHistory.Outcome.exhausted), (1100, .restart(number: 2, delay: 20)),
            (1101, .restart(number: 2, delay: 20)), (1199, .restart(number: 2, delay: 20)),
            (1200, .restart(number: 1, delay: 10)),
        ] {
            var history = RestartHistory()
            _ = history.death(at: 100, policy(limit: 2))
            _ = history.death(at: 200, policy(limit: 2))
            #expect(history.death(at: UInt64(time), policy(limit: 2)) == outcome, "at \(time)")
        }
    }

    /// The times that remain keep their order and their values.
    @Test func forgottenRestartsMakeRoom() {
        var history = RestartHistory()
        let policy = policy(limit: 4, backoff: 0)
        var answers: [Int] = []
        for time in [0, 300, 600, 900, 1000, 1299, 1300, 1600, 1900, 1999, 2000] as [UInt64] {
            let outcome = history.death(at: time, policy)
            if case .restart(let number, _) = outcome { answers.append(number) } else { answers.append(0) }
        }
        #expect(answers == [1, 2, 3, 4, 4, 0, 4, 4, 4, 0, 4])
    }

    /// A death beyond the limit is no restart, so it does not extend the wait for the next one.
    @Test func aDeathBeyondTheLimitIsNotRemembered() {
        var history = RestartHistory()
        #expect(history.death(at: 0, policy(limit: 1)) == .restart(number: 1, delay: 10))
        #expect(history.death(at: 999, policy(limit: 1)) == .exhausted)
        #expect(history.death(at: 1000, policy(limit: 1)) == .restart(number: 1, delay: 10))
    }

    @Test func theHistoryHoldsSixteen() {
        var history = RestartHistory()
        let policy = policy(limit: 16, span: 16, backoff: 0)
        for time in 0..<16 as Range<UInt64> {
            #expect(history.death(at: time, policy) == .restart(number: Int(time) + 1, delay: 0))
        }
        #expect(history.death(at: 15, policy) == .exhausted)
        for time in 16..<40 as Range<UInt64> {
            #expect(history.death(at: time, policy) == .restart(number: 16, delay: 0))
        }
    }

    // MARK: Trees

    /// In the longest chain a tenant lies in 32 groups, of which the last decides.
    @Test func theDeepestTreeEscalatesToItsTop() {
        let tree = TestTree(tenants: 2, groups: PartID.maximumGroups)
        let last = PartID.maximumGroups - 1
        tree.add(.tenant(0), policy(), parent: .group(0))
        for group in 0..<last { tree.add(.group(group), policy(), parent: .group(group + 1)) }
        tree.add(.group(last), policy(limit: 1), parent: nil)
        tree.add(.tenant(1), policy(), parent: nil)
        #expect(tree.lies(.tenant(0), in: .group(last)) && tree.lies(.group(0), in: .group(last)))
        #expect(!tree.lies(.group(last), in: .group(0)) && !tree.lies(.tenant(1), in: .group(last)))
        #expect(tree.died(0, at: 5) == .restart(.group(last), number: 1, delay: 10))
        #expect(tree.state(ofTenant: 0) == .waiting(until: 15) && tree.state(ofTenant: 1) == .running)
        tree.started(0)
        #expect(tree.died(0, at: 20) == .escalateToBoard(.group(last)))
        #expect(tree.state(ofTenant: 0) == .stopped && tree.state(ofTenant: 1) == .running)
        #expect(tree.died(0, at: 21) == .nothing, "it is stopped")
    }

    @Test func aTenantAtTheTopEscalatesToTheBoard() {
        let tree = TestTree(tenants: 2, groups: 0)
        tree.add(.tenant(0), policy(), parent: nil)
        tree.add(.tenant(1), policy(.stop), parent: nil)
        #expect(tree.died(0, at: 0) == .escalateToBoard(.tenant(0)))
        #expect(tree.died(1, at: 0) == .stop(.tenant(1)))
        #expect(tree.state(ofTenant: 0) == .stopped && tree.state(ofTenant: 1) == .stopped)
    }

    /// A group that has reached its limit and may stop takes down its members and no other part.
    @Test func aGroupThatStopsStopsItsMembers() {
        let tree = TestTree(tenants: 3, groups: 2)
        tree.add(.tenant(0), policy(), parent: .group(0))
        tree.add(.tenant(1), policy(), parent: .group(0))
        tree.add(.tenant(2), policy(), parent: .group(1))
        tree.add(.group(0), policy(.stop), parent: .group(1))
        tree.add(.group(1), policy(limit: 1), parent: nil)
        #expect(tree.died(0, at: 0) == .stop(.group(0)))
        #expect(tree.state(ofTenant: 0) == .stopped && tree.state(ofTenant: 1) == .stopped)
        #expect(tree.state(ofTenant: 2) == .running)
    }

    /// The group itself remembers its restarts; its members do not.
    @Test func onlyTheGroupRemembersItsRestart() {
        let tree = TestTree(tenants: 2, groups: 1)
        tree.add(.tenant(0), policy(limit: 1), parent: .group(0))
        tree.add(.tenant(1), policy(limit: 1), parent: .group(0))
        tree.add(.group(0), policy(limit: 2), parent: nil)
        func startAll() { (0..<2).forEach { tree.started($0) } }
        #expect(tree.died(1, at: 0) == .restart(.tenant(1), number: 1, delay: 10))
        #expect(tree.died(0, at: 0) == .restart(.tenant(0), number: 1, delay: 10))
        startAll()
        #expect(tree.died(0, at: 1) == .restart(.group(0), number: 1, delay: 10))
        startAll()
        #expect(tree.died(1, at: 2) == .restart(.tenant(1), number: 1, delay: 10))
        startAll()
        #expect(tree.died(1, at: 3) == .restart(.group(0), number: 2, delay: 20))
        startAll()
        _ = tree.died(1, at: 4)
        startAll()
        #expect(tree.died(1, at: 5) == .escalateToBoard(.group(0)))
    }

    @Test func theEarliestIsDueAndOfSeveralTheFirst() {
        let tree = TestTree(tenants: 4, groups: 0)
        for (tenant, backoff) in [30, 20, 20, 10].enumerated() {
            tree.add(.tenant(tenant), policy(limit: 1, backoff: UInt64(backoff)), parent: nil)
        }
        #expect(tree.nextDeadline == nil && tree.due(at: .max) == nil)
        for tenant in 0..<3 { _ = tree.died(tenant, at: 100) }
        #expect(tree.nextDeadline == 120 && tree.due(at: 119) == nil && tree.due(at: 120) == 1)
        _ = tree.died(3, at: 111)
        #expect(tree.nextDeadline == 120 && tree.due(at: 200) == 1)
        tree.started(1)
        #expect(tree.due(at: 120) == 2)
        tree.started(2)
        #expect(tree.nextDeadline == 121 && tree.due(at: 121) == 3)
        tree.started(3)
        #expect(tree.nextDeadline == 130 && tree.due(at: 129) == nil)
        tree.started(0)
        #expect(tree.nextDeadline == nil)
    }

    @Test func eachPartHasItsOwnPlaceInTheTable() {
        let tree = TestTree(tenants: 3, groups: 2)
        let parts: [PartID] = [.tenant(0), .tenant(1), .tenant(2), .group(0), .group(1)]
        for (number, part) in parts.enumerated() { tree.add(part, policy(limit: number), parent: nil) }
        #expect(parts.map { tree.policy(of: $0).limit } == [0, 1, 2, 3, 4])
        #expect(parts.map(\.tenant) == [0, 1, 2, nil, nil] && parts.map(\.group) == [nil, nil, nil, 0, 1])
        #expect(FixedTable<UInt64>.size(0) == 8 && FixedTable<UInt64>.size(1) == 8 && FixedTable<UInt64>.size(9) == 72)
    }

    // MARK: The command line

    private func typed(_ bytes: some Sequence<UInt8>) -> CommandLine {
        var line = CommandLine()
        for byte in bytes { _ = line.accept(byte) }
        return line
    }

    private func killed(_ text: String) -> String? {
        guard case .kill(let name) = typed(text.utf8).command else { return nil }
        return String(decoding: (0..<32).map { name[$0] }.prefix { $0 != 0 }, as: UTF8.self)
    }

    @Test func onlyPrintableBytesAreAdded() {
        for byte in 0...255 as ClosedRange<UInt8> {
            var line = typed("x".utf8)
            let edit: CommandLine.Edit =
                switch byte {
                case 0x0A, 0x0D: .ended
                case 0x08, 0x7F: .removed
                case 0x20...0x7E: .added
                default: .none
                }
            #expect(line.accept(byte) == edit, "\(byte)")
        }
    }

    @Test func commandsAreCompared() {
        for text in ["hel", "helpp", "Help", "help x", "restarts x", "kil x", "killl x", "x", "kill a b"] {
            if case .unknown = typed(text.utf8).command {} else { Issue.record("'\(text)' was understood") }
        }
        if case .help = typed("help".utf8).command {} else { Issue.record("help") }
        #expect(killed("kill a") == "a" && killed("kill " + String(repeating: "n", count: 32))?.count == 32)
    }

    @Test func removedCharactersAreNoPartOfTheCommand() {
        #expect(killed("kill abc\u{8}\u{7F}d") == "ad")
        var line = typed("help".utf8)
        line.clear()
        if case .nothing = line.command {} else { Issue.record("a line that was cleared holds something") }
        _ = line.accept(0x78)
        if case .unknown = line.command {} else { Issue.record("the line before is still there") }
    }

    @Test func aLineHoldsItsCapacity() {
        let text = "kill " + String(repeating: " ", count: CommandLine.capacity - 6) + "z"
        #expect(text.utf8.count == CommandLine.capacity && killed(text) == "z" && killed(text + "y") == "z")
    }
}
