/// A grade of the harm that the failure of a part does to people, as an automotive safety integrity level of ISO
/// 26262.
///
/// `QM` is for parts without a safety requirement. The names are those of ISO 26262 because the report speaks of
/// freedom from interference in its terms. Numbers would not say in which direction they count.
public enum Criticality: Int, CaseIterable, Comparable, Sendable {
    case qm, a, b, c, d

    public var name: String { self == .qm ? "QM" : "\(self)".uppercased() }

    public init?(name: String) {
        guard let level = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = level
    }

    public static func < (left: Criticality, right: Criticality) -> Bool { left.rawValue < right.rawValue }
}

/// A harm that the author of a manifest accepts, with the reason.
public struct AcceptedHarm: Sendable, Equatable {
    /// The name of a machine, a component or a group.
    public var offender: String
    public var effect: HarmEffect
    /// The next part on the chain, or the word of the only link; nil if every chain is accepted.
    public var way: String?
    public var reason: String
}

/// The keys `criticality` and `accept` of a machine, a component or a group.
public struct CriticalityDescription: Sendable, Equatable {
    /// The level of the part, or nil if it takes the level of its group, or `QM` without one.
    public var level: Criticality?
    public var accepted: [AcceptedHarm] = []

    public init() {}
}
