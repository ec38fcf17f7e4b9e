import ABI
import Testing

@testable import Supervision

/// Compares random trees, deaths and restarts with a slow and simple reference.
@Suite struct SupervisionPropertyTests {
    @Test(arguments: 0..<200 as Range<UInt64>)
    func decidesLikeTheReference(seed: UInt64) {
        var random = Random(state: seed &* 0x9E37_79B9_7F4A_7C15 | 1)
        var reference = Reference()
        let (tenants, groups) = (Int.random(in: 1...8, using: &random), Int.random(in: 0...4, using: &random))
        let tree = TestTree(tenants: tenants, groups: groups)
        for number in 0..<tenants + groups {
            let part = number < tenants ? PartID.tenant(number) : .group(number - tenants)
            // Only groups with higher numbers can be parents of groups, so that there are no circles.
            let first = number < tenants ? 0 : number - tenants + 1
            let parent =
                first < groups && Bool.random(using: &random)
                ? PartID.group(Int.random(in: first..<groups, using: &random)) : nil
            let policy = RestartPolicy(
                limit: Int.random(in: 0...4, using: &random), span: UInt64.random(in: 1...400, using: &random),
                backoff: UInt64.random(in: 0...20, using: &random),
                backoffLimit: UInt64.random(in: 0...60, using: &random),
                onLimit: Int.random(in: 0..<4, using: &random) == 0 ? .stop : .escalate)
            tree.add(part, policy, parent: parent)
            reference.add(part, policy, parent)
        }
        var now: UInt64 = 0
        for _ in 0..<300 {
            now += UInt64.random(in: 0...40, using: &random)
            let tenant = Int.random(in: 0..<tenants, using: &random)
            #expect(tree.died(tenant, at: now) == reference.died(tenant, now))
            while let due = tree.due(at: now) {
                #expect(reference.due(now) == due)
                tree.started(due)
                reference.states[due] = .running
            }
            #expect(reference.due(now) == nil)
            for tenant in 0..<tenants { #expect(tree.state(ofTenant: tenant) == reference.states[tenant]) }
        }
    }
}

private struct Reference {
    var parts: [(part: PartID, policy: RestartPolicy, parent: PartID?, restarts: [UInt64])] = []
    var states: [Int: SupervisionTree.State] = [:]

    mutating func add(_ part: PartID, _ policy: RestartPolicy, _ parent: PartID?) {
        parts.append((part, policy, parent, []))
        if let tenant = part.tenant { states[tenant] = .running }
    }

    func index(_ part: PartID) -> Int { parts.firstIndex { $0.part == part }! }

    func members(of part: PartID) -> [PartID] {
        parts.filter { $0.parent == part }.flatMap { [$0.part] + members(of: $0.part) }
    }

    mutating func died(_ tenant: Int, _ now: UInt64) -> SupervisionTree.Verdict {
        guard states[tenant] == .running else { return .nothing }
        return died(.tenant(tenant), now)
    }

    mutating func died(_ part: PartID, _ now: UInt64) -> SupervisionTree.Verdict {
        let at = index(part)
        let policy = parts[at].policy
        let recent = parts[at].restarts.filter { now - $0 < policy.span }
        if recent.count < policy.limit {
            parts[at].restarts = recent + [now]
            var delay = Double(policy.backoff)
            for _ in 0..<recent.count { delay *= 2 }
            let wait = UInt64(min(delay, Double(policy.backoffLimit)))
            takeDown(part, .waiting(until: now + wait))
            return .restart(part, number: recent.count + 1, delay: wait)
        }
        if policy.onLimit == .escalate, let parent = parts[at].parent { return died(parent, now) }
        takeDown(part, .stopped)
        return policy.onLimit == .stop ? .stop(part) : .escalateToBoard(part)
    }

    mutating func takeDown(_ part: PartID, _ state: SupervisionTree.State) {
        let below = members(of: part)
        for member in below { parts[index(member)].restarts = [] }
        for tenant in (below + [part]).compactMap(\.tenant) { states[tenant] = state }
    }

    func due(_ now: UInt64) -> Int? {
        let waiting = states.compactMap { tenant, state in
            if case .waiting(let until) = state, until <= now { (until, tenant) } else { nil }
        }
        return waiting.min { $0 < $1 }?.1
    }
}

private struct Random: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state &* 0x2545_F491_4F6C_DD1D
    }
}
