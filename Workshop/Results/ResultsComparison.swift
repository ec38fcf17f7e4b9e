import Foundation

/// The figures of two runs that differ, and those that only one of them has.
struct ResultsComparison {
    struct Change: Equatable {
        var experiment: String
        var key: Figure.Key
        var unit: String
        var old: Double?
        var new: Double?

        /// The new value by the old one, or nil if one is missing or the old one is 0.
        var ratio: Double? {
            guard let old, let new, old != 0 else { return nil }
            return new / old
        }
    }

    private(set) var changes: [Change] = []
    private(set) var unchanged = 0

    /// - Parameter threshold: the least relative difference that counts as one.
    init(_ old: BenchResults, _ new: BenchResults, threshold: Double = 0.02) {
        // An experiment that was not run again has not changed.
        for result in new.experiments {
            guard let former = old[result.name] else { continue }
            let values = Dictionary(former.figures.map { ($0.key, $0) }) { $1 }
            for figure in result.figures {
                let before = values[figure.key]
                if let before, Self.areAlike(before.value, figure.value, threshold) {
                    unchanged += 1
                } else {
                    changes.append(
                        Change(
                            experiment: result.name, key: figure.key, unit: figure.unit, old: before?.value,
                            new: figure.value))
                }
            }
            let present = Set(result.figures.map(\.key))
            for figure in former.figures where !present.contains(figure.key) {
                changes.append(
                    Change(experiment: result.name, key: figure.key, unit: figure.unit, old: figure.value, new: nil))
            }
        }
    }

    private static func areAlike(_ old: Double, _ new: Double, _ threshold: Double) -> Bool {
        old == new || abs(new - old) <= threshold * abs(old)
    }

    var text: String {
        let lines = changes.map { change in
            let values = [change.old, change.new].map { $0.map(Figure.text) ?? "none" }
            let ratio = change.ratio.map { String(format: " (%+.1f %%)", ($0 - 1) * 100) } ?? ""
            return "\(change.experiment) \(change.key.name) \(change.key.subject.rawValue): "
                + "\(values[0]) → \(values[1]) \(change.unit)\(ratio)"
        }
        return (lines + ["\(changes.count) figures differ, \(unchanged) do not"]).joined(separator: "\n")
    }
}
