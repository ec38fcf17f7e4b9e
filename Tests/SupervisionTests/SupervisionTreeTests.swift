import ABI
import Testing

@testable import Supervision

@Suite struct SupervisionTreeTests {
    /// A policy of two restarts in 1000 ticks, and then escalation.
    private func policy(_ onLimit: OnLimit = .escalate, limit: Int = 2) -> RestartPolicy {
        RestartPolicy(limit: limit, span: 1000, backoff: 10, backoffLimit: 100, onLimit: onLimit)
    }

    /// A tree with tenants 0 and 1 in group 0, which lies in group 1 beside tenant 2. Tenant 3 is at the top.
    private func tree(innerLimit: Int = 1) -> TestTree {
        let tree = TestTree(tenants: 8, groups: 4)
        tree.add(.tenant(0), policy(), parent: .group(0))
        tree.add(.tenant(1), policy(), parent: .group(0))
        tree.add(.tenant(2), policy(.stop), parent: .group(1))
        tree.add(.tenant(3), policy(), parent: nil)
        tree.add(.group(0), policy(limit: innerLimit), parent: .group(1))
        tree.add(.group(1), policy(limit: 1), parent: nil)
        return tree
    }

    private func exhaust(_ tenant: Int, _ tree: TestTree, at now: UInt64) -> SupervisionTree.Verdict {
        for _ in 0..<2 {
            #expect(tree.died(tenant, at: now) != .nothing)
            tree.started(tenant)
        }
        return tree.died(tenant, at: now)
    }

    @Test func aDeadTenantStartsAgainWhenItsTimeHasCome() {
        let tree = tree()
        #expect(tree.died(3, at: 500) == .restart(.tenant(3), number: 1, delay: 10))
        #expect(tree.nextDeadline == 510 && tree.due(at: 509) == nil && tree.due(at: 510) == 3)
        tree.started(3)
        #expect(tree.nextDeadline == nil && tree.state(ofTenant: 3) == .running)
        #expect(tree.died(3, at: 600) == .restart(.tenant(3), number: 2, delay: 20))
    }

    @Test func aDeathOfTheDeadIsNoNews() {
        let tree = tree()
        _ = tree.died(3, at: 0)
        #expect(tree.died(3, at: 1) == .nothing)
        #expect(tree.died(7, at: 1) == .nothing, "nor of who does not exist")
    }

    @Test func escalationRestartsTheGroup() {
        let tree = tree()
        #expect(exhaust(0, tree, at: 0) == .restart(.group(0), number: 1, delay: 10))
        #expect(tree.state(ofTenant: 0) == .waiting(until: 10) && tree.state(ofTenant: 1) == .waiting(until: 10))
        #expect(tree.state(ofTenant: 2) == .running && tree.state(ofTenant: 3) == .running)
        #expect(tree.due(at: 10) == 0)
        tree.started(0)
        #expect(tree.due(at: 10) == 1)
        tree.started(1)
        #expect(tree.died(0, at: 20) == .restart(.tenant(0), number: 1, delay: 10), "members begin anew")
    }

    @Test func aGroupEscalatesToItsParentAndThatToTheBoard() {
        let tree = tree(innerLimit: 0)
        #expect(exhaust(1, tree, at: 0) == .restart(.group(1), number: 1, delay: 10))
        #expect((0...2).allSatisfy { tree.state(ofTenant: $0) == .waiting(until: 10) })
        for tenant in 0...2 { tree.started(tenant) }
        #expect(exhaust(0, tree, at: 20) == .escalateToBoard(.group(1)))
        #expect((0...2).allSatisfy { tree.state(ofTenant: $0) == .stopped })
        #expect(tree.state(ofTenant: 3) == .running && tree.nextDeadline == nil)
    }

    @Test func aTenantThatMayStopStaysStoppedUntilItsGroupRestarts() {
        let tree = tree(innerLimit: 0)
        #expect(exhaust(2, tree, at: 0) == .stop(.tenant(2)))
        #expect(tree.state(ofTenant: 2) == .stopped && tree.state(ofTenant: 0) == .running)
        _ = exhaust(0, tree, at: 5)
        #expect(tree.state(ofTenant: 2) == .waiting(until: 15))
    }

    @Test func aGroupTakesOverARestartThatWaits() {
        let tree = tree()
        _ = tree.died(1, at: 0)
        #expect(exhaust(0, tree, at: 5) == .restart(.group(0), number: 1, delay: 10))
        #expect(tree.state(ofTenant: 1) == .waiting(until: 15))
    }

    @Test func membershipIsTransitive() {
        let tree = tree()
        #expect(tree.lies(.tenant(0), in: .group(1)) && tree.lies(.group(0), in: .group(1)))
        #expect(!tree.lies(.tenant(2), in: .group(0)) && !tree.lies(.tenant(3), in: .group(1)))
        #expect(tree.lies(.tenant(3), in: .tenant(3)))
    }

    @Test func aCircleEnds() {
        let tree = TestTree(tenants: 8, groups: 4)
        tree.add(.tenant(0), policy(limit: 0), parent: .group(0))
        tree.add(.group(0), policy(limit: 0), parent: .group(1))
        tree.add(.group(1), policy(limit: 0), parent: .group(0))
        #expect(tree.died(0, at: 0) != .nothing)
        #expect(tree.state(ofTenant: 0) == .stopped)
    }
}

/// A tree in memory of its own. It can be copied, as expectations demand.
final class TestTree {
    private var tree: SupervisionTree
    private let memory: UnsafeMutableRawPointer

    init(tenants: Int, groups: Int) {
        memory = .allocate(byteCount: SupervisionTree.size(tenants: tenants, groups: groups), alignment: 16)
        tree = SupervisionTree(at: UInt(bitPattern: memory), tenants: tenants, groups: groups)
    }

    deinit { memory.deallocate() }

    func add(_ part: PartID, _ policy: RestartPolicy, parent: PartID?) { tree.add(part, policy, parent: parent) }
    func policy(of part: PartID) -> RestartPolicy { tree.policy(of: part) }
    func died(_ tenant: Int, at now: UInt64) -> SupervisionTree.Verdict { tree.died(tenant, at: now) }
    func started(_ tenant: Int) { tree.started(tenant) }
    func due(at now: UInt64) -> Int? { tree.due(at: now) }
    var nextDeadline: UInt64? { tree.nextDeadline }
    func state(ofTenant tenant: Int) -> SupervisionTree.State { tree.state(ofTenant: tenant) }
    func lies(_ part: PartID, in ancestor: PartID) -> Bool { tree.lies(part, in: ancestor) }
}
