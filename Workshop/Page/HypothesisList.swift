/// The hypotheses of an experiment with their outcomes, as a list of Markdown.
struct HypothesisList {
    let hypotheses: [Hypothesis]
    let result: ExperimentResult?

    var markdown: String {
        hypotheses.map { hypothesis in
            "- **\(hypothesis.claim)** Refuted if \(clause(hypothesis.refutation)) \(outcome(hypothesis))"
        }.joined(separator: "\n")
    }

    /// Returns a sentence as the rest of another one. Names keep their capital letter.
    private func clause(_ sentence: String) -> String {
        let first = sentence.prefix { $0 != " " }
        guard ["A", "An", "Any", "In", "It", "On", "One", "Requests", "Some", "The", "With"].contains(first) else { return sentence }
        return first.lowercased() + sentence.dropFirst(first.count)
    }

    private func outcome(_ hypothesis: Hypothesis) -> String {
        switch result.map(hypothesis.test) ?? .open {
        case .holds(let figures): "*Outcome: it holds (\(figures)).*"
        case .refuted(let figures): "*Outcome: refuted (\(figures)).*"
        case .open: "*Outcome: open, because a figure was not measured.*"
        }
    }
}
