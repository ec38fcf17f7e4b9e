import Yams

/// A tenant of the manifest, with the places at which checks across tenants point.
struct TenantDeclaration {
    var tenant: TenantDescription
    var mark: Mark?
    var after: [Node]
    var eventPeerMark: Mark?
    var restartMark: Mark?
    /// The places of the names of the connections' servers.
    var usesMarks: [String: Mark] = [:]
    var pagedMark: Mark?
    var priorityMark: Mark?
    /// The place of each key's value.
    var marks: [String: Mark] = [:]
    var disks: [DiskDeclaration] = []
    var criticality = CriticalityDeclaration()

    var name: String { tenant.name }
    var isMachine: Bool { tenant.machine != nil }
    var title: String { "\(isMachine ? "machine" : "component") '\(name)'" }
    var position: (Int, Int) { (mark?.line ?? 0, mark?.column ?? 0) }
}

/// A group of the manifest, with the places at which checks point.
struct GroupDeclaration {
    var group: GroupDescription
    var mark: Mark?
    /// The place of the limit, or the nearest place if there is none.
    var restartMark: Mark?
    var members: [Node]
    var criticality = CriticalityDeclaration()

    var title: String { "group '\(group.name)'" }
}
