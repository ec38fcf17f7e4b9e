import ArgumentParser
import Foundation
import SystemImage

struct NewCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "new", abstract: "Makes a new package as a starting point.",
        subcommands: [NewComponentCommand.self])
}

struct NewComponentCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "component",
        abstract: "Makes a Swift package with a component: an interface, a server, its test and a system that runs it.",
        discussion: "Then './entente run FOLDER' builds and boots it, and './entente test FOLDER' tests it on the host."
    )

    @Argument(
        help: ArgumentHelp(
            "The name of the package and of the component: a letter, then letters, digits, '-' and '_'.",
            valueName: "name"))
    var name: String

    @Option(
        help: ArgumentHelp(
            "The folder in which the package's own folder is made. Default: the current one.", valueName: "folder"))
    var path = "."

    @Option(
        help: ArgumentHelp(
            "The folder of another component's package: the new one is a client that calls it.", valueName: "package"))
    var uses: String?

    func run() throws {
        let workspace = try Workspace.current()
        var template = try ComponentTemplate(name: name)
        let folder = URL(fileURLWithPath: path).appendingPathComponent(name).standardizedFileURL
        guard !FileManager.default.fileExists(atPath: folder.path) else {
            throw Failure(
                "\(folder.path): '\(name)' would go here, but there is something already",
                remedy: "choose another name, or another place by --path FOLDER, or remove the present contents")
        }
        if let uses {
            let other = ComponentPackage(folder: try ComponentPackage.folder(uses), workspace: workspace)
            try other.prepare()
            template.client = ClientTemplate(using: try other.offered(), from: folder, to: other.folder)
        }
        for (file, text) in template.files {
            let url = folder.appendingPathComponent(file)
            try workspace.make(url.deletingLastPathComponent())
            try text.write(to: url, atomically: true, encoding: .utf8)
        }
        try ComponentPackage(folder: folder, workspace: workspace).prepare()
        print(
            """
            made the component '\(name)' in \(folder.path)
              ./entente test \(folder.path.quotedForShell)    its tests, on the host
              ./entente run \(folder.path.quotedForShell)     the board with it; Ctrl-A X leaves
            """)
    }
}
