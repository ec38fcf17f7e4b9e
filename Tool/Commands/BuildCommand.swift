import ArgumentParser
import Foundation

struct BuildCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "build", abstract: "Builds the image of a system, which the board boots, and prints its path.")

    @OptionGroup var system: SystemOptions

    @Option(name: .shortAndLong, help: "Copy the image to this file.")
    var output: String?

    func run() throws {
        let workspace = try Workspace.current()
        let built = try SystemBuilder(workspace: workspace, manifest: system.manifest(in: workspace)).build()
        guard let output else { return print(built.image.path) }
        try Data(contentsOf: built.image).write(to: URL(fileURLWithPath: output))
        print(output)
    }
}
