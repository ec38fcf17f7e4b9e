import ArgumentParser
import Foundation
import SystemImage
import Tool

/// The options of the commands that run experiments.
struct ExperimentOptions: ParsableArguments {
    @Flag(help: "Measure less, in a few minutes. The figures of workloads are less exact.")
    var quick = false

    @Option(help: ArgumentHelp("Measure these subjects only, for example entente,native.", valueName: "list"))
    var subjects: String?

    @Option(help: ArgumentHelp("Keep the figures in this file.", valueName: "file"))
    var output: String?

    func validate() throws { _ = try chosenSubjects() }

    private func chosenSubjects() throws -> Set<Subject> {
        guard let subjects else { return Set(Subject.measurable) }
        let names = subjects.split(separator: ",").map(String.init)
        let known = Subject.measurable.map(\.rawValue)
        if let unknown = names.first(where: { !known.contains($0) }) {
            throw ValidationError("--subjects takes \(known.joined(separator: ",")), and not '\(unknown)'")
        }
        if names.isEmpty { throw ValidationError("--subjects takes \(known.joined(separator: ","))") }
        return Set(names.compactMap { Subject(rawValue: $0) })
    }

    /// Returns the file of the figures: that of `--output`, or one in the tool's folder.
    func file(in workspace: Workspace) throws -> URL {
        if let output { return URL(fileURLWithPath: output) }
        let folder = workspace.state.appendingPathComponent("bench")
        try workspace.make(folder)
        return folder.appendingPathComponent(quick ? "quick.json" : "results.json")
    }

    /// Runs experiments, and prints their tables.
    ///
    /// - Throws: `ExitCode` if any part of an experiment failed. All figures are in the file then.
    func run(_ experiments: [any Experiment], in workspace: Workspace) throws {
        let file = try file(in: workspace)
        let session = ExperimentSession(
            workspace: workspace, experiments: experiments, isQuick: quick, subjects: try chosenSubjects(), file: file)
        let results = try session.run()
        print(results.experiments.map { ResultsTable(result: $0).text }.joined(separator: "\n\n"))
        Progress.say("==> The figures are in \(file.shortPath)")
        let failures = results.experiments.reduce(0) { $0 + $1.failures.count }
        guard failures == 0 else {
            Progress.say("\(failures) parts of the experiments failed")
            throw ExitCode(1)
        }
    }
}
