import Foundation
import SystemImage

/// Tells what a program of this repository is made of, as SwiftPM says it: the folders of its target and of all targets
/// that this one depends on.
struct PackageSources {
    /// The output of `swift package describe`, as far as it is needed.
    struct Description: Decodable {
        struct Product: Decodable {
            var name: String
            var targets: [String]
        }
        struct Target: Decodable {
            var name: String
            /// Below the package's folder.
            var path: String
            var target_dependencies: [String]?
        }
        var products: [Product]
        var targets: [Target]

        /// The folders of the targets, sorted; nil if there is no such product.
        func folders(ofProduct name: String) -> [String]? {
            guard let product = products.first(where: { $0.name == name }) else { return nil }
            let byName = Dictionary(uniqueKeysWithValues: targets.map { ($0.name, $0) })
            var seen: Set<String> = []
            var waiting = product.targets
            while let next = waiting.popLast() {
                guard seen.insert(next).inserted, let target = byName[next] else { continue }
                waiting += target.target_dependencies ?? []
            }
            return seen.compactMap { byName[$0]?.path }.sorted()
        }
    }

    let workspace: Workspace

    /// Folders below the repository's root, whose files the product is made of.
    func inputs(ofProduct name: String) throws -> [String] {
        guard let folders = try description().folders(ofProduct: name) else {
            throw Failure("Package.swift has no product '\(name)'", remedy: "add the program to its list 'programs'")
        }
        return folders
    }

    /// Asked anew when `Package.swift` has changed, because only that file decides it.
    private func description() throws -> Description {
        let manifest = workspace.root.appendingPathComponent("Package.swift")
        let kept = workspace.programs.appendingPathComponent("package.json")
        if let written = kept.modified, let changed = manifest.modified, changed < written,
            let description = try? JSONDecoder().decode(Description.self, from: Data(contentsOf: kept))
        {
            return description
        }
        let start = Date()
        let text = try Subprocess(
            "swift",
            ["package", "--package-path", workspace.package.path, "--scratch-path", workspace.crossBuild.path]
                + ["describe", "--type", "json"],
            environment: ["ENTENTE_BOARD": "1"]
        ).output()
        let description = try JSONDecoder().decode(Description.self, from: text)
        try workspace.make(workspace.programs)
        try text.write(to: kept, options: .atomic)
        // A change of the manifest while it was read must count as newer.
        try FileManager.default.setAttributes([.modificationDate: start], ofItemAtPath: kept.path)
        return description
    }
}
