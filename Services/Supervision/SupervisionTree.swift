import ABI

/// Who supervises whom, and what is to be done when a tenant dies. It decides; the supervisor acts.
///
/// Leaves are tenants, inner nodes are groups, the top is the board. A group has a policy like a tenant: a member that
/// exhausts its limit is a death of its group, which then restarts as a whole.
public struct SupervisionTree: ~Copyable {
    private struct Part {
        var policy = RestartPolicy(limit: 0, window: 0, backoff: 0, backoffLimit: 0, onLimit: .stop)
        var history = RestartHistory()
        /// The index of a group; nil: the board.
        var parent: Int?
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

    /// Tenants, and behind them groups.
    private var parts: FixedTable<Part>
    private let tenantCount: Int

    /// How much memory the tree takes.
    public static func size(tenants: Int, groups: Int) -> Int { FixedTable<Part>.size(tenants + groups) }

    /// - Parameter address: of so much memory, as `FixedTable` wants it.
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

    /// Adds a tenant, which runs, or a group. A parent may be added after its members.
    public mutating func add(_ part: PartID, _ policy: RestartPolicy, parent: PartID?) {
        let index = index(part)
        parts[index].policy = policy
        parts[index].parent = parent.map { self.index($0) }
        parts[index].state = part.tenant == nil ? .absent : .running
    }

    public func policy(of part: PartID) -> RestartPolicy { parts[index(part)].policy }

    public func state(ofTenant tenant: Int) -> State { parts[tenant].state }

    /// Whether a part is `ancestor` or lies below it.
    public func lies(_ part: PartID, in ancestor: PartID) -> Bool { lies(index(part), below: index(ancestor)) }

    private func lies(_ index: Int, below ancestor: Int) -> Bool {
        var current: Int? = index
        // The tool lets no circle through; a limit costs nothing.
        for _ in 0...PartID.maximumGroups {
            guard let here = current else { return false }
            if here == ancestor { return true }
            current = parts[here].parent
        }
        return false
    }

    // MARK: Deaths

    /// A tenant has died.
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

    /// Everything in the part is down; what lies below it begins with no history when it starts again. What had been
    /// given up inside a group is given another chance with it.
    private mutating func take(down part: Int, _ state: State) {
        for index in 0..<parts.count where lies(index, below: part) {
            if index != part { parts[index].history = RestartHistory() }
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
        for tenant in 0..<tenantCount {
            guard case .waiting(let deadline) = parts[tenant].state else { continue }
            if let best, best.deadline <= deadline { continue }
            best = (tenant, deadline)
        }
        return best
    }

    /// The tenant runs again.
    public mutating func started(_ tenant: Int) { parts[tenant].state = .running }
}
