import ArgumentParser
import Foundation
import SystemImage

struct DocsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "docs", abstract: "Makes the reference of the component kit, by DocC.",
        discussion: """
            The pages are static: any web server shows them, such as 'python3 -m http.server --directory FOLDER'.
            """)

    @Option(
        help: ArgumentHelp(
            "The folder for the pages. Default: reference, beside the tool's other output.", valueName: "folder"))
    var output: String?

    /// The modules with a reference. Each has a page in `docs/reference` that groups its symbols.
    private static let modules = ["Entente", "EntenteTesting"]

    func run() throws {
        let workspace = try Workspace.current()
        let output = output.map { URL(fileURLWithPath: $0) } ?? workspace.state.appendingPathComponent("reference")
        let scratch = workspace.build.appendingPathComponent("reference")
        let graphs = try Progress.step("Reading the symbols of the kit") { try symbolGraphs(workspace, scratch) }
        let archives = try DocsCommand.modules.map { module in
            try Progress.step("Writing the pages of \(module)") { try archive(of: module, graphs, workspace, scratch) }
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

    /// Writes the compiler's descriptions of the modules.
    ///
    /// - Returns: the folder of the descriptions.
    private func symbolGraphs(_ workspace: Workspace, _ scratch: URL) throws -> URL {
        let kit = workspace.package.appendingPathComponent("Kit")
        try Subprocess(
            "swift",
            ["package", "--package-path", kit.path, "--scratch-path", scratch.path, "dump-symbol-graph"]
                + ["--minimum-access-level", "public", "--skip-synthesized-members"]
        ).run()
        let files = FileManager.default.enumerator(at: scratch, includingPropertiesForKeys: nil)?.compactMap {
            $0 as? URL
        }
        guard let found = files?.first(where: { $0.lastPathComponent == "Entente.symbols.json" }) else {
            throw Failure("the compiler left no description of the module Entente in \(scratch.path)")
        }
        return found.deletingLastPathComponent()
    }

    private func archive(of module: String, _ graphs: URL, _ workspace: Workspace, _ scratch: URL) throws -> URL {
        // DocC makes one archive from all descriptions in a folder.
        let own = scratch.appendingPathComponent("\(module)-symbols")
        try? FileManager.default.removeItem(at: own)
        try workspace.make(own)
        for name in try FileManager.default.contentsOfDirectory(atPath: graphs.path)
        where name.hasPrefix(module + ".") || name.hasPrefix(module + "@") {
            try FileManager.default.copyItem(
                at: graphs.appendingPathComponent(name), to: own.appendingPathComponent(name))
        }
        let archive = scratch.appendingPathComponent("\(module).doccarchive")
        try? FileManager.default.removeItem(at: archive)
        try Subprocess(
            "docc",
            ["convert", workspace.root.appendingPathComponent("docs/reference/\(module).docc").path]
                + ["--additional-symbol-graph-dir", own.path, "--output-path", archive.path]
                + ["--fallback-display-name", module, "--fallback-bundle-identifier", "entente.\(module)"]
                + ["--transform-for-static-hosting"]
        ).run()
        return archive
    }
}
