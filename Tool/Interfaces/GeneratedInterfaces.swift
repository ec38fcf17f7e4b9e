import Foundation
import SystemImage

/// The generated files of a package: for each `NAME.swift` with interfaces a `NAME+Generated.swift` beside it. In this
/// repository they also include the manifest's schema and the tables of its document.
package struct GeneratedInterfaces {
    /// The folders with Swift files.
    package let folders: [URL]
    /// The root of this repository, or nil for another package.
    private let repository: URL?

    package struct File {
        package var url: URL
        package var text: String
        /// True if the file has other contents, or is missing.
        package var isStale: Bool
    }

    private static let suffix = "+Generated.swift"

    /// Returns the files that should exist, with their contents.
    package func files() throws -> [File] { try interfaceFiles() + (repository.map(Self.manifestFiles) ?? []) }

    private func interfaceFiles() throws -> [File] {
        try sources().compactMap { source in
            guard let text = try? String(contentsOf: source, encoding: .utf8) else {
                throw Failure(
                    "\(source.relativePath) cannot be read as UTF-8 text",
                    remedy: "save it as UTF-8, or make it readable")
            }
            guard text.contains("Service") else { return nil }
            let interfaces = try InterfaceParser.interfaces(in: text, file: source.relativePath)
            guard !interfaces.isEmpty else { return nil }
            let imports = GeneratedInterfaces.imports(of: text)
            let generated = InterfaceGenerator(
                interfaces: interfaces, source: source.lastPathComponent, imports: imports
            ).text
            let file = source.deletingPathExtension().path + GeneratedInterfaces.suffix
            let present = try? String(contentsOfFile: file, encoding: .utf8)
            return File(url: URL(fileURLWithPath: file), text: generated, isStale: present != generated)
        }
    }

    /// Returns the interfaces that the sources declare.
    func interfaces() throws -> [(file: URL, interface: Interface)] {
        try sources().flatMap { source in
            let text = try String(contentsOf: source, encoding: .utf8)
            guard text.contains("Service") else { return [(file: URL, interface: Interface)]() }
            return try InterfaceParser.interfaces(in: text, file: source.relativePath).map { (source, $0) }
        }
    }

    /// Returns the modules that a file imports in any form.
    static func imports(of text: String) -> [String] {
        text.matches(
            of:
                /(?m)^(?:@\w+ +)*(?:(?:public|package|internal|fileprivate|private) +)?import +(?:(?:struct|class|enum|protocol|typealias|func|let|var) +)?(\w+)/
        ).map { String($0.1) }
    }

    /// Returns the files that are made from the description of the manifest's keys.
    private static func manifestFiles(in root: URL) throws -> [File] {
        let schema = root.appendingPathComponent("Schemas/manifest.schema.json")
        let document = root.appendingPathComponent("docs/manifest.md")
        let present = try String(contentsOf: document, encoding: .utf8)
        let updated = try ManifestTables.updated(present)
        let isStale = (try? String(contentsOf: schema, encoding: .utf8)) != ManifestSchema.text
        return [
            File(url: schema, text: ManifestSchema.text, isStale: isStale),
            File(url: document, text: updated, isStale: present != updated),
        ]
    }

    /// Returns the generated files whose interface is gone or has moved to another file. Their clients would be
    /// declared twice.
    package func orphans() throws -> [URL] {
        let current = Set(try files().map(\.url.path))
        return swiftFiles { $0.hasSuffix(GeneratedInterfaces.suffix) }.filter { url in
            !current.contains(url.path)
                && (try? String(contentsOf: url, encoding: .utf8))?.hasPrefix(InterfaceGenerator.firstWords) == true
        }
    }

    /// Writes the stale files, and removes files whose interface is gone.
    ///
    /// - Returns: the files that changed, each with the change.
    @discardableResult
    package func update() throws -> [(what: String, url: URL)] {
        let stale = try files().filter(\.isStale)
        for file in stale { try file.text.write(to: file.url, atomically: true, encoding: .utf8) }
        let orphans = try orphans()
        for url in orphans { try FileManager.default.removeItem(at: url) }
        return stale.map { ("wrote", $0.url) } + orphans.map { ("removed", $0) }
    }

    private func sources() throws -> [URL] { swiftFiles { !$0.hasSuffix(GeneratedInterfaces.suffix) } }

    private func swiftFiles(_ isWanted: (String) -> Bool) -> [URL] {
        folders.flatMap { folder -> [URL] in
            let paths = (try? FileManager.default.subpathsOfDirectory(atPath: folder.path)) ?? []
            return paths.filter { path in
                path.hasSuffix(".swift") && isWanted(path) && !path.split(separator: "/").contains { $0.hasPrefix(".") }
            }.sorted().map { URL(fileURLWithPath: folder.appendingPathComponent($0).path) }
        }
    }

    /// Finds the files of a component's package.
    package init(package folder: URL) {
        folders = ["Sources", "Tests"].map { folder.appendingPathComponent($0) }
        repository = nil
    }

    /// Finds the files of this repository.
    package init(workspace: Workspace) {
        repository = workspace.root
        folders = ["Components", "Benchmarks", "Tests/EntenteTests", "Tests/Programs", "Tests/Packages"].map {
            workspace.root.appendingPathComponent($0)
        }
    }
}
