import Foundation
import SystemImage
import Tool

/// The page of the debate: the texts in `Benchmarks/debate` with the figures of a run in them.
struct DebatePage {
    let workspace: Workspace
    let results: BenchResults
    private(set) var plots: [Plot] = []
    private(set) var markdown = ""

    /// Puts the figures into the texts.
    ///
    /// - Throws: a `Failure` if a text names a subject, an experiment or a directive that does not exist.
    init(of results: BenchResults, workspace: Workspace) throws {
        (self.results, self.workspace) = (results, workspace)
        let text = try filled(Self.frame, of: nil)
        markdown = ProseWrap.wrapped(text) + "\n"
    }

    /// The name of the text around the experiments.
    private static let frame = "page"

    private func text(_ name: String) throws -> String {
        let file = workspace.root.appendingPathComponent("Benchmarks/debate/\(name).md")
        guard let text = try? String(contentsOf: file, encoding: .utf8) else {
            throw Failure("the text \(file.shortPath) is missing", remedy: "restore it from the repository")
        }
        return text
    }

    private mutating func filled(_ name: String, of experiment: (any Experiment)?) throws -> String {
        let page = PageText(try text(name))
        let figures = PageFigures(results: results, experiment: experiment?.name ?? "")
        return try page.parts.map { part in
            switch part {
            case .markdown(let lines):
                return try PageText.filling(lines) { $0 == ["run"] ? about : try figures.inline($0) }
            case .directive(let words):
                return try block(words, figures, labels: page.labels, experiment: experiment)
            }
        }.joined(separator: "\n\n").replacing(/\n{3,}/, with: "\n\n")
    }

    /// Returns the text in the place of a directive on a line of its own.
    private mutating func block(
        _ words: [String], _ figures: PageFigures, labels: PageLabels, experiment: (any Experiment)?
    ) throws -> String {
        let arguments = Array(words.dropFirst())
        switch words[0] {
        case "table":
            let (found, software) = figures.found(arguments)
            return PageTable(figures: found, labels: labels, software: software).markdown
        case "grid":
            let (found, software) = figures.found(arguments)
            return PageGrid(
                figures: found, columns: .beginnings(arguments), labels: labels, software: software
            ).markdown
        case "sizes":
            let (found, software) = figures.found(arguments)
            return PageGrid(figures: found, columns: .numbers, labels: labels, software: software).markdown
        case "matrix": return try matrix(arguments, figures, labels)
        case "hypotheses":
            return HypothesisList(
                hypotheses: experiment?.hypotheses ?? [], result: experiment.flatMap { results[$0.name] }
            ).markdown
        case "dots", "lines": return try plot(words, figures, labels)
        case "experiments":
            return try ExperimentList.debate.map { try section($0) }.joined(separator: "\n\n")
        case "contents": return contents
        case "sources": return sources
        case "failures": return failures
        case "refuted": return refuted
        default:
            throw Failure(
                "the text '\(figures.experiment)' has the unknown directive '\(words[0])'",
                remedy: "see Benchmarks/debate/README.md")
        }
    }

    /// `{{matrix SUBJECT VALUES PREDICTIONS LIMIT}}`.
    private func matrix(_ words: [String], _ figures: PageFigures, _ labels: PageLabels) throws -> String {
        guard words.count == 4, let subject = Subject(rawValue: words[0]), let limit = Double(words[3]) else {
            throw Failure(
                "the text '\(figures.experiment)' has a matrix without a subject, two prefixes or a limit",
                remedy: "write {{matrix SUBJECT VALUES PREDICTIONS LIMIT}}")
        }
        return PageMatrix(
            subject, of: figures.figures("").figures, values: words[1], predictions: words[2], limit: limit,
            labels: labels
        ).markdown
    }

    /// `{{dots IDENTIFIER PREFIX… : TITLE}}`, or `lines` with `: TITLE : TITLE OF THE HORIZONTAL AXIS`.
    private mutating func plot(_ words: [String], _ figures: PageFigures, _ labels: PageLabels) throws -> String {
        guard let kind = Plot.Kind(rawValue: words[0]), let colon = words.firstIndex(of: ":"), colon > 2 else {
            throw Failure(
                "the text '\(figures.experiment)' has a plot without names or title",
                remedy: "write {{\(words[0]) IDENTIFIER PREFIX… : TITLE}}")
        }
        let found = words[2..<colon].flatMap { figures.figures($0).figures }
        guard !found.isEmpty else { return "*This plot's figures have not been measured yet.*" }
        let titles = words[(colon + 1)...].split(separator: ":", maxSplits: 1).map { $0.joined(separator: " ") }
        let plot = Plot(
            kind: kind, identifier: "debate-\(words[1])", title: titles.first ?? "",
            horizontal: titles.count > 1 ? titles[1] : "", figures: found, labels: labels)
        plots.append(plot)
        return "![\(plot.title)](pictures/\(plot.identifier).svg)"
    }

    private mutating func section(_ experiment: any Experiment) throws -> String {
        let number = experiment.number.map { "\($0). " } ?? ""
        let head = "## \(number)\(experiment.title.prefix(1).uppercased())\(experiment.title.dropFirst())"
        // The sections of an experiment's text lie below its own head.
        let text = try filled(experiment.name, of: experiment).split(
            separator: "\n", omittingEmptySubsequences: false
        ).map { $0.hasPrefix("## ") ? "#\($0)" : String($0) }.joined(separator: "\n")
        return "\(head)\n\n\(text)"
    }
}

extension DebatePage {
    private var contents: String {
        ExperimentList.debate.map { experiment in
            let state = results[experiment.name] == nil ? " (not measured yet)" : ""
            return "\(experiment.number ?? 0). \(experiment.title) (`\(experiment.command)`)\(state)"
        }.joined(separator: "\n")
    }

    /// The configurations and methods of the quoted figures, each once.
    private var sources: String {
        var sources: [String: Set<String>] = [:]
        for figure in results.experiments.flatMap(\.figures) {
            guard let source = figure.source else { continue }
            sources[figure.subject.title, default: []].insert(source)
        }
        return sources.sorted { $0.key < $1.key }.flatMap { subject, texts in
            texts.sorted().map { "- \(subject): \($0)." }
        }.joined(separator: "\n")
    }

    /// The hypotheses of all experiments that the figures have refuted.
    private var refuted: String {
        let found = ExperimentList.debate.flatMap { experiment in
            experiment.hypotheses.compactMap { hypothesis -> String? in
                guard let result = results[experiment.name],
                    case .refuted(let figures) = hypothesis.test(result)
                else { return nil }
                return "- Experiment \(experiment.number ?? 0): \(hypothesis.claim) *(\(figures))*"
            }
        }
        return found.isEmpty ? "None was refuted." : found.joined(separator: "\n")
    }

    /// Says when the figures were measured, and in which form.
    private var about: String {
        let dates = Set(results.experiments.map(\.date)).sorted().joined(separator: " and ")
        let minutes = (results.experiments.reduce(0) { $0 + $1.seconds } / 60).rounded()
        return "The figures of this page were measured on \(dates) in the \(results.form.rawValue) form of the "
            + "experiments, which took \(Figure.text(minutes)) minutes in all on a host with "
            + "\(results.hostCores) cores."
    }

    private var failures: String {
        let lines = results.experiments.flatMap { result in
            result.failures.sorted { $0.key < $1.key }.map { "- `\(result.name)`, \($0.key): \($0.value)" }
        }
        let missing = ExperimentList.debate.filter { results[$0.name] == nil }.map { "- `\($0.name)` was not run." }
        let open = ExperimentList.debate.flatMap { experiment in
            results[experiment.name].map { result in
                experiment.hypotheses.filter { $0.test(result) == .open }.map {
                    "- `\(experiment.name)`: a figure is missing for the hypothesis \"\($0.claim)\""
                }
            } ?? []
        }
        let all = missing + lines + open
        return all.isEmpty ? "No part of an experiment failed." : all.joined(separator: "\n")
    }
}
