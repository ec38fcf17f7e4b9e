import Foundation
import SystemImage

/// Makes the reference of the component kit from its comments and from the articles in `docs/reference`, with DocC.
///
/// The compiler describes the modules without making code of them, which takes a third of a build's time.
package struct KitReference {
    /// Each has an article, `docs/reference/NAME.docc/NAME.md`, that groups its symbols.
    package static let modules = ["Entente", "EntenteTesting"]
    /// The modules of the kit, as folders of `Kit`; each imports none but those before it.
    private static let sources = ["ABI", "SharedAccess"] + modules

    private let workspace: Workspace
    private var scratch: URL { workspace.build.appendingPathComponent("reference") }

    package init(workspace: Workspace) { self.workspace = workspace }

    /// Reads the symbols of the kit's modules; the other functions need them.
    package func describeModules() throws {
        try? FileManager.default.removeItem(at: scratch)
        for module in Self.sources {
            try workspace.make(symbols(of: module))
            let kit = workspace.root.appendingPathComponent("Kit/\(module)")
            let files = try FileManager.default.subpathsOfDirectory(atPath: kit.path).filter { $0.hasSuffix(".swift") }
            _ = try Subprocess(
                "swiftc",
                ["-emit-module", "-parse-as-library", "-swift-version", "6", "-package-name", "entente"]
                    + ["-suppress-warnings", "-I", scratch.path, "-module-name", module]
                    + ["-emit-module-path", scratch.appendingPathComponent("\(module).swiftmodule").path]
                    + files.sorted().map { kit.appendingPathComponent($0).path }
            ).output()
        }
        for module in Self.modules {
            _ = try Subprocess(
                "swift",
                ["symbolgraph-extract", "-module-name", module, "-I", scratch.path, "-target", try target()]
                    + ["-minimum-access-level", "public", "-skip-synthesized-members"]
                    + ["-output-dir", symbols(of: module).path]
            ).output()
        }
    }

    private func symbols(of module: String) -> URL { scratch.appendingPathComponent("\(module)-symbols") }

    /// Returns the triple of the host.
    private func target() throws -> String {
        struct Information: Decodable {
            struct Target: Decodable { var triple: String }
            var target: Target
        }
        let text = try Subprocess("swiftc", ["-print-target-info"]).output()
        return try JSONDecoder().decode(Information.self, from: text).target.triple
    }

    /// Makes the pages of a module.
    package func archive(of module: String) throws -> URL {
        let archive = scratch.appendingPathComponent("\(module).doccarchive")
        try convert(module, to: archive, ["--transform-for-static-hosting"]).run()
        return archive
    }

    /// Returns DocC's warnings about a module; nil if there are none.
    package func warnings(about module: String) throws -> String? {
        let archive = scratch.appendingPathComponent("\(module).checked")
        let (status, text) = try convert(module, to: archive, ["--warnings-as-errors"]).outcome()
        return status == 0 ? nil : text
    }

    private func convert(_ module: String, to archive: URL, _ options: [String]) -> Subprocess {
        Subprocess(
            "docc",
            ["convert", workspace.root.appendingPathComponent("docs/reference/\(module).docc").path]
                + ["--additional-symbol-graph-dir", symbols(of: module).path, "--output-path", archive.path]
                + ["--fallback-display-name", module, "--fallback-bundle-identifier", "entente.\(module)"] + options)
    }

    // MARK: Groups

    /// Returns the symbols of a module that no group of its article names. DocC would put them behind the groups, by
    /// kind, without a warning.
    package func ungrouped(of module: String) throws -> [String] {
        let graph = try Data(contentsOf: symbols(of: module).appendingPathComponent("\(module).symbols.json"))
        let article = try String(
            contentsOf: workspace.root.appendingPathComponent("docs/reference/\(module).docc/\(module).md"),
            encoding: .utf8)
        return try Self.ungrouped(in: graph, by: article)
    }

    static func ungrouped(in graph: Data, by article: String) throws -> [String] {
        struct Graph: Decodable {
            struct Symbol: Decodable {
                struct Names: Decodable { var title: String }
                var names: Names
                var pathComponents: [String]
            }
            var symbols: [Symbol]
        }
        var groups: [Substring: Int] = [:]
        // Symbols with the same name are told apart by what follows it: ``log(_:)-(String)``.
        for match in article.matches(of: /(?m)^- ``([^`]*?)(?:-\([^`]*)?``$/) { groups[match.1, default: 0] += 1 }
        return try JSONDecoder().decode(Graph.self, from: graph).symbols.filter { $0.pathComponents.count == 1 }
            .map(\.names.title).sorted().filter { name in
                groups[name[...], default: 0] -= 1
                return groups[name[...], default: 0] < 0
            }
    }
}
