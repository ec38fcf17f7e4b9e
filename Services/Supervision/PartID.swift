/// A tenant or a group, by its number in the image's table.
public enum PartID: Equatable, Sendable {
    case tenant(Int)
    case group(Int)

    public static let maximumGroups = 32

    /// The number of a tenant, or nil for a group.
    public var tenant: Int? { if case .tenant(let number) = self { number } else { nil } }
    /// The number of a group, or nil for a tenant.
    public var group: Int? { if case .group(let number) = self { number } else { nil } }
}
