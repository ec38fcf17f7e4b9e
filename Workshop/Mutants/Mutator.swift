import Foundation
import SystemImage
import Tool

/// The program that writes mutated sources (`Workshop/Mutator`). It parses Swift by the modules beside the compiler, so
/// that nothing but the program itself has to be fetched or built.
struct Mutator {
    struct Request: Codable {
        struct File: Codable {
            var path: String
            var input: String
            var output: String
        }
        struct Variant: Codable {
            var file: String
            var function: String
            var old: String
            var new: String
            var key: String
        }

        var files: [File]
        var isWriting: Bool
        var variants: [Variant]
        var wanted: [String]?
        var unwanted: [String]
    }

    private let program: URL
    private let scratch: URL

    /// Compiles the program if its sources are newer than it.
    init(workspace: Workspace, scratch: URL) throws {
        self.scratch = scratch
        program = scratch.appendingPathComponent("mutator")
        let folder = workspace.root.appendingPathComponent("Workshop/Mutator")
        let sources = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .filter { $0.pathExtension == "swift" }
        let newest = sources.compactMap(Self.date).max() ?? .distantFuture
        if let date = Self.date(program), date > newest { return }
        guard let swift = Subprocess.find("swiftc") else { throw Failure("the program 'swiftc' is not installed") }
        let modules = URL(fileURLWithPath: swift).resolvingSymlinksInPath().deletingLastPathComponent()
            .appendingPathComponent("../lib/swift/host").standardizedFileURL.path
        guard FileManager.default.fileExists(atPath: modules + "/SwiftParser.swiftmodule") else {
            throw Failure(
                "the compiler's modules for parsing Swift are not in \(modules)",
                remedy: "install a toolchain of swift.org, which has them")
        }
        let libraries = ["SwiftSyntax", "SwiftParser", "SwiftOperators"].map { "-l" + $0 }
        let arguments = ["-O", "-suppress-warnings", "-I", modules, "-L", modules] + libraries
        let paths = ["-Xlinker", "-rpath", "-Xlinker", modules, "-o", program.path]
        try Subprocess("swiftc", arguments + paths + sources.map(\.path)).run()
    }

    func make(_ request: Request) throws -> [Mutant] {
        let input = scratch.appendingPathComponent("request.json")
        let output = scratch.appendingPathComponent("mutants.json")
        try JSONEncoder().encode(request).write(to: input)
        _ = try Subprocess(program.path, [input.path, output.path]).output()
        return try JSONDecoder().decode([Mutant].self, from: try Data(contentsOf: output))
    }

    private static func date(_ url: URL) -> Date? {
        try? FileManager.default.attributesOfItem(atPath: url.path)[.modificationDate] as? Date
    }
}
