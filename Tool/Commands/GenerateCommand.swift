import ArgumentParser
import Foundation
import SystemImage

struct GenerateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "generate",
        abstract: "Writes the clients and servers of a package's interfaces: its protocols that refine 'Service'.",
        discussion: """
            'run', 'build' and 'test' do this for the packages that they build. In this repository it also writes the \
            manifest's schema and the tables of docs/manifest.md.
            """)

    @Argument(help: ArgumentHelp("The package's folder. Default: this repository.", valueName: "folder"))
    var path: String?

    @Flag(help: "Write nothing, and fail if a generated file does not match its interface.")
    var check = false

    func run() throws {
        let generated =
            try path.map { GeneratedInterfaces(package: try ComponentPackage.folder($0)) }
            ?? GeneratedInterfaces(workspace: Workspace.current())
        guard check else {
            for (what, url) in try generated.update() { print("\(what) \(url.path)") }
            return
        }
        let files = try generated.files()
        let stale = files.filter(\.isStale).map(\.url) + (try generated.orphans())
        guard stale.isEmpty else {
            throw Failure(
                "these files do not match their interfaces: " + stale.map(\.path).joined(separator: ", "),
                remedy: "run ./entente generate" + (path.map { " \($0)" } ?? ""))
        }
        print("\(files.count) generated file(s) are current")
    }
}
