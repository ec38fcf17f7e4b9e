import Foundation
import SystemImage
import Tool

/// A piece of the debate that one command measures, or a benchmark of Entente alone.
///
/// An experiment adds its figures to a run one by one, so that those before a failure are kept. The texts about an
/// experiment of the debate are in `Benchmarks/debate/NAME.md`.
protocol Experiment: Sendable {
    /// The name in commands and files.
    var name: String { get }
    /// The number in the debate, or nil for a benchmark that is no part of it.
    var number: Int? { get }
    /// One line for the list.
    var title: String { get }
    /// The usual time on two cores, in seconds. The quick form is left out of a quick debate if its time is 0.
    var seconds: (quick: Double, whole: Double) { get }
    /// The statements that the figures can refute.
    var hypotheses: [Hypothesis] { get }

    func measure(_ run: ExperimentRun) throws
}

extension Experiment {
    var number: Int? { nil }
    var hypotheses: [Hypothesis] { [] }
    var command: String { "./entente bench run \(name)" }
}

/// A statement that was written down before the measurement, and that a figure can refute.
struct Hypothesis: Sendable {
    enum Verdict: Equatable {
        case holds(String)
        case refuted(String)
        /// A figure that the test needs is missing.
        case open
    }

    /// The statement, as a sentence.
    var claim: String
    /// The observation that refutes it: a clause for "Refuted if …", with a full stop.
    var refutation: String
    /// Returns the verdict on the figures of the experiment.
    var test: @Sendable (ExperimentResult) -> Verdict

    /// A hypothesis about the ratio of two figures.
    ///
    /// - Parameters:
    ///   - left: name and subject of the figure above the line.
    ///   - right: those of the figure below it.
    ///   - limit: the greatest ratio with which the claim holds.
    static func ratio(
        _ claim: String, refutedIf refutation: String, _ left: (String, Subject), over right: (String, Subject),
        atMost limit: Double
    ) -> Hypothesis {
        Hypothesis(claim: claim, refutation: refutation) { result in
            guard let above = result[left.0, left.1], let below = result[right.0, right.1], below.value != 0 else {
                return .open
            }
            let ratio = above.value / below.value
            let text =
                "\(Figure.text(above.value)) / \(Figure.text(below.value)) = \(ratio < 0.1 ? Figure.text(ratio) : String(format: "%.3f", ratio)), "
                + "limit \(Figure.text(limit))"
            return ratio <= limit ? .holds(text) : .refuted(text)
        }
    }
}
