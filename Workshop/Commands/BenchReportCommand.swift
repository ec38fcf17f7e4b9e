import ArgumentParser
import Foundation
import SystemImage
import Tool

struct BenchReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Makes the page of the debate out of results: Markdown, one HTML file, and the plots.",
        discussion: """
            The texts stand in Benchmarks/debate. Without --output the files go to docs/, where those of the committed \
            results are. --check writes nothing, and fails if the files there are not those of the results.
            """)

    @Argument(help: ArgumentHelp("The file of 'bench run' or 'bench debate'.", valueName: "results"))
    var results: String

    @Option(help: ArgumentHelp("Write the page to this folder.", valueName: "folder"))
    var output: String?

    @Flag(help: "Compare the files with the results instead of writing them.")
    var check = false

    func run() throws {
        let workspace = try Workspace.current()
        let page = try DebatePage(of: BenchResults(file: URL(fileURLWithPath: results)), workspace: workspace)
        let folder = output.map { URL(fileURLWithPath: $0) } ?? workspace.root.appendingPathComponent("docs")
        let files = PageFiles(folder: folder)
        guard check else {
            try files.write(page, workspace: workspace)
            return Progress.say("==> The page is \(folder.appendingPathComponent("debate.html").shortPath)")
        }
        let stale = try files.stale(page)
        guard stale.isEmpty else {
            throw Failure(
                "\(stale.joined(separator: " and ")) in \(folder.shortPath) have other figures than the results",
                remedy: "make them anew by 'bench report'")
        }
    }
}
