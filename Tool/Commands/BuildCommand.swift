import ArgumentParser
import Foundation

struct BuildCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "build", abstract: "Builds the image of a system, which the board boots, and prints its path.")

    @OptionGroup var system: SystemOptions

    @Option(name: .shortAndLong, help: "Copy the image to this file.")
    var output: String?

    @Flag(
        help: ArgumentHelp(
            "Give the machines the same random seeds each time, so that the same sources make the same image.",
            discussion: """
                Each start of a machine mixes random bits of the board into its seeds. On a board without random bits \
                the random numbers of such machines can be guessed.
                """))
    var fixedSeed = false

    func run() throws {
        let workspace = try Workspace.current()
        var builder = SystemBuilder(workspace: workspace, manifest: try system.manifest(in: workspace))
        if fixedSeed { builder.seed = .fixed }
        let built = try builder.build()
        guard let output else { return print(built.image.path) }
        try Data(contentsOf: built.image).write(to: URL(fileURLWithPath: output))
        print(output)
    }
}
