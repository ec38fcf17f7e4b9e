/// A tenant or a group of them, by its number in the image's table.
public struct PartID: Equatable, Sendable {
    public static let maximumTenants = 64
    public static let maximumGroups = 32

    let index: Int

    public static func tenant(_ number: Int) -> PartID { PartID(index: number) }
    public static func group(_ number: Int) -> PartID { PartID(index: maximumTenants + number) }

    /// The number of a tenant; nil for a group.
    public var tenant: Int? { index < PartID.maximumTenants ? index : nil }
    /// The number of a group; nil for a tenant.
    public var group: Int? { index < PartID.maximumTenants ? nil : index - PartID.maximumTenants }
}
