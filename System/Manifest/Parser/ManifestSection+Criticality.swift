import Yams

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
