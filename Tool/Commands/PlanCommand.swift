import ArgumentParser
import Foundation
import SystemImage

/// Prints the objects, memory and capabilities of a system, as the host computes them (`./entente plan`).
struct PlanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Prints a system's plan: its objects and memory, with the capabilities and mappings of each tenant.",
        discussion: """
            Without --built nothing is built or downloaded: programs and guests are stand-ins of a fixed size, so that \
            the plan changes with the manifest only. docs/manifest.md describes the text and the JSON.
            """)

    @OptionGroup var system: SystemOptions

    @Flag(help: "Print JSON instead of text.")
    var json = false

    @Flag(help: "Build the programs and get the guests first, so that sizes and addresses are those of the image.")
    var built = false

    @Option(
        help: ArgumentHelp(
            "Print the difference from the plan of another manifest, or from a file that this command has written.",
            valueName: "other"),
        completion: .file())
    var against: String?

    func validate() throws {
        if json, against != nil { throw ValidationError("--json and --against exclude each other; leave one out") }
    }

    func run() throws {
        let workspace = try Workspace.current()
        let document = try document(of: system, workspace)
        if let against {
            let difference = try difference(from: against, to: document, workspace)
            print(difference.isEmpty ? "the plans are the same\n" : "\(difference)", terminator: "")
        } else if json {
            try StandardStreams.write(document.json())
        } else {
            print(document, terminator: "")
        }
    }

    private func document(of system: SystemOptions, _ workspace: Workspace) throws -> PlanDocument {
        let manifest = try system.manifest(in: workspace)
        if built {
            return PlanDocument(
                try SystemBuilder(workspace: workspace, manifest: manifest).plan(), system: manifest.name)
        }
        return PlanDocument(try manifest.planWithPlaceholders(), system: manifest.name)
    }

    private func difference(
        from other: String, to document: PlanDocument, _ workspace: Workspace
    ) throws -> PlanDifference {
        let file = URL(fileURLWithPath: other)
        var isFolder: ObjCBool = false
        _ = FileManager.default.fileExists(atPath: other, isDirectory: &isFolder)
        if isFolder.boolValue || ["yaml", "yml"].contains(file.pathExtension) {
            var options = system
            options.path = other
            return PlanDifference(from: try self.document(of: options, workspace), to: document)
        }
        return try savedDifference(from: file, to: document)
    }

    private func savedDifference(from file: URL, to document: PlanDocument) throws -> PlanDifference {
        let data = try Data(contentsOf: file)
        do {
            if data.first == UInt8(ascii: "{") {
                let other = try PlanDocument(json: data)
                return PlanDifference(from: other, to: document)
            }
            return try PlanDifference(fromText: String(decoding: data, as: UTF8.self), to: document)
        } catch {
            guard let error = error as? Failure else { throw error }
            throw Failure("\(file.relativePath): \(error.problem)", remedy: error.remedy)
        }
    }
}
