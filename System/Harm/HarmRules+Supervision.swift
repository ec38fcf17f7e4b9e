import ABI

// Links through root: it obeys commands, a death restarts a whole group, and the board may reset.
extension HarmRules {
    /// Adds that the writer of root's console can end everybody, because root obeys the command `kill`.
    mutating func addCommands() {
        for (index, edge) in plan.edges.enumerated() {
            guard edge.feature == .console, case .map(let console, let space, _, _, _, let rights, _) = edge.action,
                plan.nodes[console].owner == .system, rights.contains(.write), let writer = owner(space)
            else { continue }
            for victim in plan.tenants.indices { add(.end, of: victim, by: writer, .commands, [index]) }
        }
    }

    mutating func addSupervision() {
        for offender in plan.tenants.indices { addEscalation(of: offender) }
    }

    /// Follows a death beyond the limit up the supervision tree.
    private mutating func addEscalation(of offender: Int) {
        let edges = plan.edges.indices.filter { index in
            if case .stopped(let context, _, _) = plan.edges[index].action { owner(context) == offender } else { false }
        }
        var restart = plan.tenants[offender].restart
        var parent = plan.tenants[offender].parent
        while restart.onLimit == .escalate {
            guard let group = parent else {
                guard plan.onFailure != .goOn else { return }
                for victim in plan.tenants.indices {
                    add(.end, of: victim, by: offender, .board(plan.onFailure), edges)
                }
                return
            }
            for victim in members(of: group) {
                add(.end, of: victim, by: offender, .group(plan.groups[group].name), edges)
            }
            restart = plan.groups[group].restart
            parent = plan.groups.firstIndex { $0.members.contains(plan.groups[group].name) }
        }
    }

    /// Returns the tenants of a group and of the groups inside it.
    func members(of group: Int) -> [Int] {
        plan.tenants.indices.filter { tenant in
            var parent = plan.tenants[tenant].parent
            while let current = parent {
                if current == group { return true }
                parent = plan.groups.firstIndex { $0.members.contains(plan.groups[current].name) }
            }
            return false
        }
    }
}
