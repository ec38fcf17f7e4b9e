import Yams

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

/// A `CriticalityDescription` with the places at which checks point.
struct CriticalityDeclaration {
    var description = CriticalityDescription()
    var mark: Mark?
    /// The place of each accepted harm.
    var acceptedMarks: [Mark?] = []
}

extension ManifestSection {
    /// Reads the keys `criticality` and `accept`.
    func criticality() -> CriticalityDeclaration {
        var declaration = CriticalityDeclaration()
        declaration.mark = has("criticality") ? node("criticality")?.mark : mark
        if has("criticality") {
            declaration.description.level = Criticality(name: choice("criticality"))
        }
        for node in list("accept", of: "mappings") {
            guard let accepted = accepted(node) else { continue }
            declaration.description.accepted.append(accepted)
            declaration.acceptedMarks.append(node.mark)
        }
        return declaration
    }

    private func accepted(_ node: Node) -> AcceptedHarm? {
        let section = ManifestSection(
            node, title: "'accept' of \(title)", at: node.mark, part: ManifestPart.accept, source: source)
        guard section.isMapping else { return nil }
        guard section.has("from"), section.has("effect"), section.has("because") else {
            if !section.hasUnknownKeys {
                source.report(
                    at: node.mark, "\(section.title) needs 'from', 'effect' and 'because'",
                    remedy: "write '{from: NAME, effect: stall, because: \"…\"}'")
            }
            return nil
        }
        let effect = section.choice("effect")
        guard let offender = section.text("from"), let reason = section.text("because") else { return nil }
        if !reason.contains(where: { !$0.isWhitespace }) {
            section.report(
                at: "because", "'because' of \(section.title) is empty", remedy: "write why the harm is acceptable")
        }
        let way = section.has("through") ? section.text("through") : nil
        return HarmEffect(rawValue: effect).map {
            AcceptedHarm(offender: offender, effect: $0, way: way, reason: reason)
        }
    }
}

extension HarmEffect {
    /// The effects that a manifest's levels rule out. Reading is not among them, because it fails no safety function.
    static let checked: [HarmEffect] = [.stall, .end, .change]
}
