import Foundation
import SystemImage

/// The generated files of a package: beside each `NAME.swift` with interfaces a `NAME+Generated.swift`.
struct GeneratedInterfaces {
    /// Folders with Swift files.
    let folders: [URL]

    struct File {
        var url: URL
        var text: String
        /// What is there holds something else, or nothing is there.
        var isStale: Bool
    }

    private static let suffix = "+Generated.swift"

    /// What there should be.
    func files() throws -> [File] {
        try sources().compactMap { source in
            let text = try String(contentsOf: source, encoding: .utf8)
            guard text.contains("Service") else { return nil }
            let interfaces = try InterfaceParser.interfaces(in: text, file: source.relativePath)
            guard !interfaces.isEmpty else { return nil }
            let imports = text.matches(of: /(?m)^(?:public )?import (\w+)/).map { String($0.1) }
            let generated = InterfaceGenerator(
                interfaces: interfaces, source: source.lastPathComponent, imports: imports).text
            let file = source.deletingPathExtension().path + GeneratedInterfaces.suffix
            let present = try? String(contentsOfFile: file, encoding: .utf8)
            return File(url: URL(fileURLWithPath: file), text: generated, isStale: present != generated)
        }
    }

    /// Writes what is stale.
    /// - Returns: The files that were written.
    @discardableResult
    func update() throws -> [URL] {
        let stale = try files().filter(\.isStale)
        for file in stale { try file.text.write(to: file.url, atomically: true, encoding: .utf8) }
        return stale.map(\.url)
    }

    private func sources() throws -> [URL] {
        folders.flatMap { folder -> [URL] in
            let paths = (try? FileManager.default.subpathsOfDirectory(atPath: folder.path)) ?? []
            return paths.filter { path in
                path.hasSuffix(".swift") && !path.hasSuffix(GeneratedInterfaces.suffix)
                    && !path.split(separator: "/").contains { $0.hasPrefix(".") }
            }.sorted().map { URL(fileURLWithPath: folder.appendingPathComponent($0).path) }
        }
    }

    /// Those of a component's package.
    init(package folder: URL) { folders = ["Sources", "Tests"].map { folder.appendingPathComponent($0) } }

    /// Those of this repository.
    init(workspace: Workspace) {
        folders = ["Components", "Benchmarks", "Tests/EntenteTests", "Tests/Programs", "Tests/Packages"].map {
            workspace.root.appendingPathComponent($0)
        }
    }
}
