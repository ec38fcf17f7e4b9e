import ArgumentParser
import Foundation

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Checks a system's manifest and says everything that is wrong with it.")

    @OptionGroup var system: SystemOptions

    func run() throws {
        let manifest = try system.manifest(in: Workspace.current())
        print("\(manifest.file.relativePath): system '\(manifest.name)': "
            + "\(manifest.machines.count) machine(s), \(manifest.components.count) component(s); no errors"
            + (manifest.warnings.isEmpty ? "" : ", \(manifest.warnings.count) warning(s)"))
    }
}
