import ABI

/// The tree of supervision, which decides on each death of a tenant. The supervisor acts on its decisions.
///
/// Leaves are tenants, inner nodes are groups, and the board is the top. A group has a policy like a tenant. If a
/// member exhausts its limit, that counts as a death of its group, which then restarts as a whole.
public struct SupervisionTree: ~Copyable {
    private struct Part {
        var policy = RestartPolicy(limit: 0, span: 0, backoff: 0, backoffLimit: 0, onLimit: .stop)
        var history = RestartHistory()
        /// The index of a group, or nil for the board.
        var parent: Int?
        /// The state of a tenant.
        var state = State.absent
    }

    public enum State: Equatable {
        case absent
        case running
        /// The tenant is dead, and restarts at that time.
        case waiting(until: UInt64)
        /// The tenant is dead and does not restart.
        case stopped
    }

    /// The consequence of a death.
    public enum Verdict: Equatable {
        /// There is nothing to do, because the tenant was not running.
        case nothing
        /// All tenants of the part are now down, and start again `delay` ticks from now.
        case restart(PartID, number: Int, delay: UInt64)
        /// All tenants of the part are down, and do not restart.
        case stop(PartID)
        /// The same as `stop`. The part was at the top, so the board acts as well.
        case escalateToBoard(PartID)
    }

    /// The tenants, and behind them the groups.
    private var parts: FixedTable<Part>
    private let tenantCount: Int

    /// Returns the size in bytes of the tree's memory.
    public static func size(tenants: Int, groups: Int) -> Int { FixedTable<Part>.size(tenants + groups) }

    /// Makes a tree without parts.
    ///
    /// - Parameter address: memory of `size(tenants:groups:)` bytes, under the conditions of `FixedTable`.
    public init(at address: UInt, tenants: Int, groups: Int) {
        parts = FixedTable(at: address, count: tenants + groups, repeating: Part())
        tenantCount = tenants
    }

    private func index(_ part: PartID) -> Int {
        switch part {
        case .tenant(let number): number
        case .group(let number): tenantCount + number
        }
    }

    private func part(at index: Int) -> PartID { index < tenantCount ? .tenant(index) : .group(index - tenantCount) }

    // MARK: The tree

    /// Adds a running tenant, or a group. The caller may add a parent after its members.
    public mutating func add(_ part: PartID, _ policy: RestartPolicy, parent: PartID?) {
        let index = index(part)
        parts[index].policy = policy
        parts[index].parent = parent.map { self.index($0) }
        parts[index].state = part.tenant == nil ? .absent : .running
    }

    public func policy(of part: PartID) -> RestartPolicy { parts[index(part)].policy }

    public func state(ofTenant tenant: Int) -> State { parts[tenant].state }

    /// Returns true if a part is `ancestor` or lies below it.
    public func lies(_ part: PartID, in ancestor: PartID) -> Bool { lies(index(part), below: index(ancestor)) }

    private func lies(_ index: Int, below ancestor: Int) -> Bool {
        var current: Int? = index
        // The host tool refuses circles of groups. The bound protects against one all the same.
        for _ in 0...PartID.maximumGroups {
            guard let here = current else { return false }
            if here == ancestor { return true }
            current = parts[here].parent
        }
        return false
    }

    // MARK: Deaths

    /// Decides on the death of a tenant.
    public mutating func died(_ tenant: Int, at now: UInt64) -> Verdict {
        guard parts[tenant].state == .running else { return .nothing }
        var index = tenant
        for _ in 0...PartID.maximumGroups {
            let policy = parts[index].policy
            if case .restart(let number, let delay) = parts[index].history.death(at: now, policy) {
                take(down: index, .waiting(until: now &+ delay))
                return .restart(part(at: index), number: number, delay: delay)
            }
            guard policy.onLimit == .escalate else {
                take(down: index, .stopped)
                return .stop(part(at: index))
            }
            guard let parent = parts[index].parent else { break }
            index = parent
        }
        take(down: index, .stopped)
        return .escalateToBoard(part(at: index))
    }

    /// Marks all tenants of a part as down. The parts below it lose their history, so that they begin without
    /// restarts when the part starts again. A tenant that had stopped for good then starts again, too.
    private mutating func take(down part: Int, _ state: State) {
        for index in 0..<parts.count where lies(index, below: part) {
            if index != part { parts[index].history = RestartHistory() }
            if parts[index].state != .absent { parts[index].state = state }
        }
    }

    // MARK: Restarts

    /// Returns the tenant with the earliest restart that is due; the first one if there are several.
    public func due(at now: UInt64) -> Int? {
        guard let (tenant, deadline) = earliest, deadline <= now else { return nil }
        return tenant
    }

    /// The time of the next restart, or nil if none is due.
    public var nextDeadline: UInt64? { earliest?.deadline }

    private var earliest: (tenant: Int, deadline: UInt64)? {
        var best: (tenant: Int, deadline: UInt64)?
        for tenant in 0..<tenantCount {
            guard case .waiting(let deadline) = parts[tenant].state else { continue }
            if let best, best.deadline <= deadline { continue }
            best = (tenant, deadline)
        }
        return best
    }

    /// Notes that the tenant runs again.
    public mutating func started(_ tenant: Int) { parts[tenant].state = .running }
}
