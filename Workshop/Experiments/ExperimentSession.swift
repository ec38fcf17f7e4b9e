import Foundation
import SystemImage
import Tool

/// Runs experiments one after the other, and keeps their figures in a file.
///
/// The file is written after each experiment, so that a later one that fails or hangs costs nothing. An experiment
/// replaces its own figures of an earlier run in that file, and leaves those of others.
struct ExperimentSession {
    let workspace: Workspace
    let experiments: [any Experiment]
    var isQuick = false
    var subjects = Set(Subject.measurable)
    let file: URL

    /// - Returns: the results of this run, without those that the file had before.
    func run() throws -> BenchResults {
        var kept = try keptResults()
        let quoted = try QuotedFigures(of: workspace)
        let shared = SharedRows()
        var results = BenchResults(form: form, hostCores: ProcessInfo.processInfo.activeProcessorCount)
        var schedule = ExperimentSchedule(experiments.map(expectedSeconds))
        for (index, experiment) in experiments.enumerated() {
            Progress.say(
                "==> Experiment \(index + 1) of \(experiments.count): \(experiment.name)"
                    + " (\(schedule.remaining(from: index)) left)")
            let run = ExperimentRun(
                workspace: workspace, isQuick: isQuick, subjects: subjects, shared: shared)
            let start = ContinuousClock.now
            run.attempt("experiment") { try experiment.measure(run) }
            run.complete(with: quoted.figures(for: experiment.name))
            let seconds = (ContinuousClock.now - start).inSeconds
            schedule.note(seconds, of: index)
            let result = ExperimentResult(
                name: experiment.name, command: experiment.command + (isQuick ? " --quick" : ""), date: Self.today,
                software: SoftwareVersions.all(in: workspace).merging(run.software) { $1 },
                seconds: (seconds * 10).rounded() / 10, figures: run.figures, failures: run.failures)
            results.add(result)
            kept.add(result)
            kept.hostCores = results.hostCores
            try kept.write(to: file)
        }
        return results
    }

    private var form: BenchResults.Form { isQuick ? .quick : .whole }

    private func expectedSeconds(_ experiment: any Experiment) -> Double {
        isQuick ? experiment.seconds.quick : experiment.seconds.whole
    }

    /// The results in the file. Those of the other form are not mixed with new ones.
    private func keptResults() throws -> BenchResults {
        let none = BenchResults(form: form, hostCores: 1)
        guard FileManager.default.fileExists(atPath: file.path) else { return none }
        let former = try BenchResults(file: file)
        return former.form == form ? former : none
    }

    private static var today: String {
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.dateFormat = "yyyy-MM-dd"
        return format.string(from: Date())
    }
}

/// The time that experiments are expected to take, corrected by the time that the first ones took.
struct ExperimentSchedule {
    private let expected: [Double]
    private var took: [Double] = []

    init(_ expected: [Double]) { self.expected = expected }

    /// Notes the seconds that an experiment took. Experiments end in their order.
    mutating func note(_ seconds: Double, of index: Int) { took.append(seconds) }

    /// The expected seconds of the experiments from `index` on. A host that was twice as slow so far stays so.
    func seconds(from index: Int) -> Double {
        let planned = expected.prefix(took.count).reduce(0, +)
        let factor = planned > 0 ? took.reduce(0, +) / planned : 1
        return expected.dropFirst(index).reduce(0, +) * min(max(factor, 0.25), 4)
    }

    func remaining(from index: Int) -> String {
        let seconds = seconds(from: index)
        return seconds < 90 ? "about \(Int(seconds.rounded())) s" : "about \(Int((seconds / 60).rounded())) min"
    }
}
