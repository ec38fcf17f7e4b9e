import ArgumentParser
import Foundation
import SystemImage
import Tool

struct BenchDebateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "debate",
        abstract: "Measures every claim of the debate, and writes the answer as a page.",
        discussion: """
            Are virtual-machine monitors microkernels done right? The experiments measure Entente, the same Debian \
            kernel on the bare board, KVM and Xen on the same emulated board, one after the other. The whole takes up \
            to two hours on two cores, --quick at most five minutes. The page stands beside the figures, or in docs if \
            those are Benchmarks/debate/results.json.
            """)

    @OptionGroup var options: ExperimentOptions

    func run() throws {
        let workspace = try Workspace.current()
        var failure: (any Error)?
        do { try options.run(ExperimentList.debate, in: workspace) } catch { failure = error }
        // The page shows what was measured before a failure.
        let file = try options.file(in: workspace)
        let committed = workspace.root.appendingPathComponent("Benchmarks/debate/results.json")
        let isCommitted = file.standardizedFileURL.path == committed.standardizedFileURL.path
        let folder = isCommitted ? workspace.root.appendingPathComponent("docs") : file.deletingLastPathComponent()
        let page = try DebatePage(of: BenchResults(file: file), workspace: workspace)
        try PageFiles(folder: folder).write(page, workspace: workspace)
        Progress.say("==> The page is \(folder.appendingPathComponent("debate.html").shortPath)")
        if let failure { throw failure }
    }
}
