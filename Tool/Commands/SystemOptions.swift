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
    package var path: String?

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
        if let cpu, !BoardDescription.cpuNames.contains(cpu) {
            throw ValidationError(
                "--cpu is '\(cpu)', which is not a known value; choose from \(BoardDescription.cpuNames.joined(separator: ", "))"
            )
        }
    }

    /// Returns the checked manifest, and prints its warnings.
    ///
    /// - Parameter isAsking: true if harm by a less critical part is an error. Without it the tool prints no warnings
    ///   either.
    package func manifest(in workspace: Workspace, askingForCriticality isAsking: Bool = true) throws -> Manifest {
        try workspace.manifest(
            at: path ?? workspace.root.appendingPathComponent("examples/debian/system.yaml").path,
            overriding: BoardOverrides(cpu: cpu, cores: cores, memory: memory.flatMap(ByteSize.init)?.bytes),
            askingForCriticality: isAsking)
    }
}

extension Workspace {
    /// Reads and checks a manifest, or the one in a folder, against the programs and guests that there are. Says its
    /// warnings.
    ///
    /// - Parameter isAsking: true if harm by a less critical part is an error. If false, the tool prints no warnings
    ///   either.
    package func manifest(
        at path: String, overriding overrides: BoardOverrides = BoardOverrides(),
        askingForCriticality isAsking: Bool = true
    ) throws -> Manifest {
        var file = path
        var isFolder: ObjCBool = false
        if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue {
            file = URL(fileURLWithPath: path).appendingPathComponent("system.yaml").relativePath
        }
        let manifest = try Manifest.load(
            path: file, programs: boardPrograms(), overriding: overrides, askingForCriticality: isAsking,
            inspecting: MachineInspection(workspace: self).findings)
        if isAsking { for warning in manifest.warnings { Progress.warn(warning) } }
        return manifest
    }
}
