import ArgumentParser
import Foundation
import SystemImage

struct DocsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "docs", abstract: "Makes the reference of the component kit, with DocC.",
        discussion: """
            The pages are static: any web server shows them, such as 'python3 -m http.server --directory FOLDER'.
            """)

    @Option(
        help: ArgumentHelp(
            "The folder for the pages. Default: reference, beside the tool's other output.", valueName: "folder"))
    var output: String?

    func run() throws {
        let workspace = try Workspace.current()
        let output = output.map { URL(fileURLWithPath: $0) } ?? workspace.state.appendingPathComponent("reference")
        let reference = KitReference(workspace: workspace)
        try Progress.step("Reading the symbols of the kit") { try reference.describeModules() }
        let archives = try KitReference.modules.map { module in
            try Progress.step("Writing the pages of \(module)") { try reference.archive(of: module) }
        }
        try? FileManager.default.removeItem(at: output)
        try workspace.make(output.deletingLastPathComponent())
        try Subprocess(
            "docc",
            ["merge"] + archives.map(\.path)
                + ["--synthesized-landing-page-name", "Entente", "--synthesized-landing-page-kind", "Component kit"]
                + ["--output-path", output.path]
        ).run()
        print(
            """
            the reference is in \(output.path)
              python3 -m http.server --directory \(output.path.quotedForShell)    then open http://localhost:8000/documentation
            """)
    }
}
