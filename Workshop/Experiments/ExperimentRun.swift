import Foundation
import SystemImage
import Tool

/// Collects the figures of an experiment while it runs.
final class ExperimentRun {
    let workspace: Workspace
    /// True if the figures must take little time rather than be exact.
    let isQuick: Bool
    /// The subjects that are measured. Figures of others are left out.
    let subjects: Set<Subject>
    /// The rows that this run shares with others of its session.
    let shared: SharedRows
    private(set) var figures: [Figure] = []
    /// The reasons for which parts could not be measured, by the part.
    private(set) var failures: [String: String] = [:]
    /// The software that took part in any experiment, by name.
    private(set) var software: [String: String] = [:]

    init(
        workspace: Workspace, isQuick: Bool = false, subjects: Set<Subject> = Set(Subject.measurable),
        shared: SharedRows = SharedRows()
    ) {
        (self.workspace, self.isQuick, self.subjects, self.shared) = (workspace, isQuick, subjects, shared)
    }

    /// Adds a figure, or replaces an earlier one of the same name and subject.
    func add(_ figure: Figure) {
        if let index = figures.firstIndex(where: { $0.key == figure.key }) {
            figures[index] = figure
        } else {
            figures.append(figure)
        }
    }

    /// Adds those quoted figures that this run has not measured itself.
    func complete(with quoted: [Figure]) {
        let present = Set(figures.map(\.key))
        figures += quoted.filter { !present.contains($0.key) }
    }

    /// Adds a figure of one or of several runs. The value is their median.
    ///
    /// - Parameters:
    ///   - samples: at least one value.
    ///   - software: names of `versions`, which every figure of the emulator shares.
    func add(
        _ name: String, _ subject: Subject, _ samples: [Double], unit: String = "instructions",
        _ measure: Figure.Measure = .instructions, cpu: String? = nil, software: [String] = []
    ) {
        add(
            Figure(
                name: name, subject: subject, value: Figure.median(samples), unit: unit, measure: measure,
                samples: samples.count > 1 ? samples : nil, cpu: cpu, software: software))
    }

    /// Adds rows of a benchmark that has names and units alone.
    func add(
        _ rows: [BenchRow], of subject: Subject, cpu: String? = nil, software: [String] = ["entente", "qemu"]
    ) {
        for row in rows {
            let measure: Figure.Measure =
                switch row.unit {
                case "instructions": .instructions
                case "ns", "us", "ms": .virtualTime
                case "s", "requests/s", "MiB/s": .wallTime
                default: .count
                }
            add(row.name, subject, [row.value], unit: row.unit, measure, cpu: cpu, software: software)
        }
    }

    /// Says the version of software, by the name that figures use.
    func note(version: String, of name: String) { software[name] = version }

    /// Measures one subject, if it is asked for. If that fails, the other subjects are still measured.
    func measure(_ subject: Subject, _ body: () throws -> Void) {
        guard subjects.contains(subject) else { return }
        attempt(subject.rawValue, body)
    }

    /// Performs a part of the experiment, and notes the reason if it fails.
    func attempt(_ part: String, _ body: () throws -> Void) {
        do { try body() } catch {
            Progress.say("    failed: \(error)")
            failures[part] = (failures[part].map { "\($0); " } ?? "") + "\(error)"
        }
    }
}
