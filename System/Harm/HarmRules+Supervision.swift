import ABI

// Links through deaths that cause others: a group restarts as a whole, and the board may reset.
extension HarmRules {
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
