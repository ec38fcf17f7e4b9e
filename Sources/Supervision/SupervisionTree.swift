import ABI

/// Who supervises whom, and what is to be done when a tenant dies. It decides; the supervisor acts.
///
/// Leaves are tenants, inner nodes are groups, the top is the board. A group has a policy like a tenant: a member that
/// exhausts its limit is a death of its group, which then restarts as a whole.
public struct SupervisionTree {
    private struct Part {
        var policy = RestartPolicy(limit: 0, window: 0, backoff: 0, backoffLimit: 0, onLimit: .stop)
        var history = RestartHistory()
        /// nil: the board.
        var parent: PartID?
        /// Of a tenant.
        var state = State.absent
    }

    public enum State: Equatable {
        case absent
        case running
        /// Dead, and to be restarted at that time.
        case waiting(until: UInt64)
        /// Dead for good.
        case stopped
    }

    /// What follows from a death.
    public enum Verdict: Equatable {
        /// It was no news: the tenant was not running.
        case nothing
        /// All tenants of the part are down now, and start again `delay` ticks from now.
        case restart(PartID, number: Int, delay: UInt64)
        /// All tenants of the part are down, and stay so.
        case stop(PartID)
        /// As `stop`; and the part was at the top, so it is the board's turn.
        case escalateToBoard(PartID)
    }

    private var parts = InlineArray<96, Part>(repeating: Part())

    public init() {}

    // MARK: The tree

    /// Adds a tenant, which runs, or a group. A parent may be added after its members.
    public mutating func add(_ part: PartID, _ policy: RestartPolicy, parent: PartID?) {
        parts[part.index].policy = policy
        parts[part.index].parent = parent
        parts[part.index].state = part.tenant == nil ? .absent : .running
    }

    public func policy(of part: PartID) -> RestartPolicy { parts[part.index].policy }

    public func state(ofTenant tenant: Int) -> State { parts[tenant].state }

    /// Whether a part is `ancestor` or lies below it.
    public func lies(_ part: PartID, in ancestor: PartID) -> Bool {
        var current: PartID? = part
        // The tool lets no circle through; a limit costs nothing.
        for _ in 0...PartID.maximumGroups {
            guard let here = current else { return false }
            if here == ancestor { return true }
            current = parts[here.index].parent
        }
        return false
    }

    // MARK: Deaths

    /// A tenant has died.
    public mutating func died(_ tenant: Int, at now: UInt64) -> Verdict {
        guard parts[tenant].state == .running else { return .nothing }
        var part = PartID.tenant(tenant)
        for _ in 0...PartID.maximumGroups {
            let policy = parts[part.index].policy
            if case .restart(let number, let delay) = parts[part.index].history.death(at: now, policy) {
                take(down: part, .waiting(until: now &+ delay))
                return .restart(part, number: number, delay: delay)
            }
            guard policy.onLimit == .escalate else {
                take(down: part, .stopped)
                return .stop(part)
            }
            guard let parent = parts[part.index].parent else { break }
            part = parent
        }
        take(down: part, .stopped)
        return .escalateToBoard(part)
    }

    /// Everything in the part is down; what lies below it begins with no history when it starts again. What had been
    /// given up inside a group is given another chance with it.
    private mutating func take(down part: PartID, _ state: State) {
        for index in 0..<parts.count {
            let other = PartID(index: index)
            guard lies(other, in: part) else { continue }
            if other != part { parts[index].history = RestartHistory() }
            if parts[index].state != .absent { parts[index].state = state }
        }
    }

    // MARK: Restarts

    /// A tenant whose time has come: that with the earliest, and of several the first.
    public func due(at now: UInt64) -> Int? {
        guard let (tenant, deadline) = earliest, deadline <= now else { return nil }
        return tenant
    }

    /// When the next restart is due.
    public var nextDeadline: UInt64? { earliest?.deadline }

    private var earliest: (tenant: Int, deadline: UInt64)? {
        var best: (tenant: Int, deadline: UInt64)?
        for tenant in 0..<PartID.maximumTenants {
            guard case .waiting(let deadline) = parts[tenant].state else { continue }
            if let best, best.deadline <= deadline { continue }
            best = (tenant, deadline)
        }
        return best
    }

    /// The tenant runs again.
    public mutating func started(_ tenant: Int) { parts[tenant].state = .running }
}
