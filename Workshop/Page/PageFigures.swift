import SystemImage

/// Finds the figures that a text names. A name without an experiment in front belongs to the text's own.
struct PageFigures {
    let results: BenchResults
    /// The experiment of the text, or an empty name for the page itself.
    let experiment: String

    /// Returns the figure `NAME` or `EXPERIMENT/NAME` of a subject, or nil if it was not measured.
    ///
    /// - Throws: a `Failure` if there is no such subject.
    func figure(_ name: String, _ subject: String) throws -> Figure? {
        guard let subject = Subject(rawValue: subject) else {
            throw Failure(
                "the text '\(experiment)' names the unknown subject '\(subject)'",
                remedy: "take one out of \(Subject.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        let (owner, own) = split(name)
        return results[owner]?[own, subject]
    }

    /// Returns the figures whose names begin with a prefix, in their order, and the experiment that has them.
    func figures(_ prefix: String) -> (figures: [Figure], experiment: String) {
        let (owner, own) = split(prefix)
        return (results[owner]?.figures.filter { $0.name.hasPrefix(own) } ?? [], owner)
    }

    /// Returns the figures of several prefixes, and the versions of the software of their experiments. Experiments with
    /// the same day and the same Entente had the same software.
    func found(_ prefixes: [String]) -> (figures: [Figure], software: [String: String]) {
        let parts = prefixes.map(figures)
        let own = parts.compactMap { results[$0.experiment] }
        let like = results.experiments.filter { other in
            own.contains { $0.date == other.date && $0.software["entente"] == other.software["entente"] }
        }
        let software = (like + own).reduce(into: [:]) { $0.merge($1.software) { $1 } }
        return (parts.flatMap(\.figures), software)
    }

    private func split(_ name: String) -> (experiment: String, name: String) {
        let parts = name.split(separator: "/", maxSplits: 1).map(String.init)
        return parts.count == 2 ? (parts[0], parts[1]) : (experiment, name)
    }

    /// Returns the text in the place of a directive within a line.
    func inline(_ words: [String]) throws -> String {
        switch (words.first, words.count) {
        case ("value", 3):
            return try figure(words[1], words[2]).map {
                Figure.text($0.value) + ($0.origin == .quoted ? " *q*" : "")
            } ?? Self.missing
        case ("spread", 3):
            guard let spread = try figure(words[1], words[2])?.spread else { return Self.missing }
            return "\(Figure.text(spread.lowerBound)) to \(Figure.text(spread.upperBound))"
        case ("ratio", 5):
            guard let left = try figure(words[1], words[2]), let right = try figure(words[3], words[4]),
                right.value != 0
            else { return Self.missing }
            return Figure.text(left.value / right.value)
        default:
            throw Failure(
                "the text '\(experiment)' has the unknown directive '\(words.joined(separator: " "))'",
                remedy: "see Benchmarks/debate/README.md")
        }
    }

    static let missing = "(not measured)"
}
