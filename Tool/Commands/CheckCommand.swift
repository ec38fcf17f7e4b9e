import ArgumentParser
import Foundation
import SystemImage

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Checks a system's manifest and reports every fault in it.",
        discussion:
            "With --explain, --graph or --report it also shows which parts can harm which others: docs/manifest.md, \"Criticality\"."
    )

    @OptionGroup var system: SystemOptions

    @Option(help: ArgumentHelp("Explain on which parts this machine or component depends, and how.", valueName: "name"))
    var explain: String?

    @Option(
        help: ArgumentHelp("Draw the system into this file, by graphviz.", valueName: "file.svg"), completion: .file()
    )
    var graph: String?

    @Option(
        help: ArgumentHelp(
            "Build the system, and write who can harm whom as a document, in the terms of ISO 26262-6, annex D.",
            valueName: "file.html"),
        completion: .file())
    var report: String?

    func run() throws {
        let workspace = try Workspace.current()
        if explain != nil || graph != nil || report != nil { try analyse(workspace) }
        let manifest = try system.manifest(in: workspace)
        if explain == nil {
            _ = try manifest.planWithPlaceholders()
            print(
                "\(manifest.file.relativePath): system '\(manifest.name)': "
                    + "\(manifest.machines.count) machine(s), \(manifest.components.count { !$0.isAdded }) component(s)"
                    + (manifest.disks.isUsed
                        ? ", \(manifest.disks.clients.reduce(0) { $0 + $1.disks.count }) disk(s)" : "")
                    + "; no errors"
                    + (manifest.warnings.isEmpty ? "" : ", \(manifest.warnings.count) warning(s)"))
        }
    }

    /// Shows the analysis, also if it is an error, because the picture and the sentences help to remove the cause.
    private func analyse(_ workspace: Workspace) throws {
        let manifest = try system.manifest(in: workspace, askingForCriticality: false)
        let analysis = HarmAnalysis(try manifest.planWithPlaceholders())
        if let explain {
            guard let victim = analysis.plan.tenants.firstIndex(where: { $0.name == explain }) else {
                let names = analysis.plan.tenants.map(\.name)
                throw Failure(
                    "no part of '\(manifest.name)' has the name '\(explain)'",
                    remedy: "name one of \(names.joined(separator: ", "))")
            }
            print(analysis.explanation(of: victim), terminator: "")
        }
        if let graph { try draw(analysis, manifest, to: URL(fileURLWithPath: graph)) }
        if let report {
            let document = HarmReport(
                analysis: analysis, manifest: manifest, evidence: try HarmEvidence(workspace, manifest, analysis.plan))
            try Data(document.html.utf8).writeWhole(to: URL(fileURLWithPath: report))
        }
    }

    private func draw(_ analysis: HarmAnalysis, _ manifest: Manifest, to file: URL) throws {
        var graph = SystemGraph(analysis, of: manifest)
        let source = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).dot")
        defer { try? FileManager.default.removeItem(at: source) }
        try Data(graph.dot().utf8).write(to: source)
        guard ProgramSearch.has("dot") else {
            throw Failure(
                "the program 'dot' of graphviz, which draws the picture, is not installed",
                remedy: "apt-get install --no-install-recommends graphviz")
        }
        let svg = try Subprocess("dot", ["-Tsvg", source.path]).text()
        try Data((SystemGraph.adapted(svg: svg) + "\n").utf8).writeWhole(to: file)
    }
}

/// Searches for programs that only some commands need.
enum ProgramSearch {
    static func has(_ program: String) -> Bool {
        (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").contains {
            FileManager.default.isExecutableFile(atPath: "\($0)/\(program)")
        }
    }
}
