import ArgumentParser
import Foundation
import SystemImage

/// The argument and the options that name the system of a command.
package struct SystemOptions: ParsableArguments {
    @Argument(
        help: ArgumentHelp(
            "The system's manifest, or a folder with a 'system.yaml'.",
            discussion: "Default: examples/debian/system.yaml",
            valueName: "system"),
        completion: .file(extensions: ["yaml"]))
    var path: String?

    @Option(help: "The CPU model of the board, which replaces the manifest's.")
    var cpu: String?

    @Option(help: "The number of cores of the board, which replaces the manifest's.")
    var cores: Int?

    @Option(help: "The memory of the board, for example 512MiB or 2GiB, which replaces the manifest's.")
    var memory: String?

    package init() {}

    package func validate() throws {
        if let cores, !BoardDescription.coreCounts.contains(cores) {
            throw ValidationError(
                "--cores is \(cores), but a board has \(BoardDescription.coreCounts.lowerBound) to \(BoardDescription.coreCounts.upperBound)"
            )
        }
        if let memory {
            guard let size = ByteSize(memory) else {
                throw ValidationError(
                    "--memory is '\(memory)', which is not a size; write a whole number with its unit, for example 512MiB or 2GiB"
                )
            }
            if let conflict = BoardDescription.conflict(ofMemory: size.bytes) {
                let unit = memory.allSatisfy(\.isNumber) ? " bytes" : ""
                throw ValidationError(
                    "--memory is \(memory)\(unit), \(conflict); write for example --memory 512MiB or 2GiB")
            }
        }
        if let cpu, !BoardDescription.cpuModels.contains(cpu) {
            throw ValidationError(
                "--cpu is '\(cpu)', which is not a known value; choose from \(BoardDescription.cpuModels.joined(separator: ", "))"
            )
        }
    }

    /// Returns the checked manifest, and prints its warnings.
    ///
    /// - Parameter isAsking: true if harm by a less critical part is an error. Without it the tool prints no warnings
    ///   either.
    package func manifest(in workspace: Workspace, askingForCriticality isAsking: Bool = true) throws -> Manifest {
        let manifest = try Manifest.load(
            path: file(in: workspace), programs: workspace.boardPrograms(),
            overriding: BoardOverrides(cpu: cpu, cores: cores, memory: memory.flatMap(ByteSize.init)?.bytes),
            askingForCriticality: isAsking, inspecting: MachineInspection(workspace: workspace).findings)
        if isAsking { for warning in manifest.warnings { Progress.warn(warning) } }
        return manifest
    }

    private func file(in workspace: Workspace) -> String {
        let path = self.path ?? workspace.root.appendingPathComponent("examples/debian/system.yaml").path
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue else {
            return path
        }
        return URL(fileURLWithPath: path).appendingPathComponent("system.yaml").relativePath
    }
}
