import Foundation
import SystemImage

/// Finds the package of this repository that has a program of the board, and the folders of which the program is made.
///
/// These are the folders of the program's target and of all targets on which this target depends, as SwiftPM describes
/// them.
struct PackageSources {
    /// The part of the output of `swift package describe` that this type needs.
    struct Description: Decodable {
        struct Product: Decodable {
            var name: String
            var targets: [String]
        }
        struct Target: Decodable {
            var name: String
            /// The path below the package's folder.
            var path: String
            var target_dependencies: [String]?
            var product_dependencies: [String]?
        }
        struct Dependency: Decodable {
            /// The name of the package's folder, in small letters.
            var identity: String
        }
        var products: [Product]
        var targets: [Target]
        var dependencies: [Dependency]
    }

    /// The path of a program's package below the repository's root, and all files and folders of which the program is
    /// made.
    struct Sources: Equatable {
        var package: String
        var inputs: [String]
    }

    /// Describes the package in a folder, whose path is below the repository's root.
    let describe: (String) throws -> Description

    /// The folders of the packages that have programs, below the repository's root.
    static let programPackages = [
        "Components", "Components/Backend", "Components/BlockDriver", "Components/Storage", "Components/Store",
        "Kernel/AArch64", "Guests", "Benchmarks", "Benchmarks/ServicePrograms", "Tests/Programs",
    ]
    /// Those of them whose programs use a heap.
    static let heapPackages: Set = [
        "Components/Backend", "Components/BlockDriver", "Components/Storage", "Components/Store",
        "Benchmarks/ServicePrograms",
    ]
    /// The folders of the packages on which the packages with programs depend.
    static let libraryPackages = ["Kit", "Kernel", "Machines", "Services", "Components", "Components/Store"]

    /// Returns the sources of a product of one of the packages that have programs.
    func sources(ofProduct name: String) throws -> Sources {
        for package in Self.programPackages {
            let description = try describe(package)
            guard let product = description.products.first(where: { $0.name == name }) else { continue }
            return Sources(package: package, inputs: try inputs(of: product, in: package))
        }
        throw Failure(
            "no package of this repository has the product '\(name)'",
            remedy: "add the program to the list 'programs' of one of these: "
                + Self.programPackages.map { $0 + "/Package.swift" }.joined(separator: ", "))
    }

    private func inputs(of product: Description.Product, in package: String) throws -> [String] {
        var seen: Set<String> = []
        var packages: Set<String> = [package]
        var waiting = product.targets.map { (package: package, target: $0) }
        while let next = waiting.popLast() {
            let description = try describe(next.package)
            guard let target = description.targets.first(where: { $0.name == next.target }) else { continue }
            guard seen.insert(next.package + "/" + target.path).inserted else { continue }
            waiting += (target.target_dependencies ?? []).map { (next.package, $0) }
            for name in target.product_dependencies ?? [] {
                let found = try owner(ofProduct: name, among: description.dependencies)
                packages.insert(found.package)
                waiting += found.product.targets.map { (found.package, $0) }
            }
        }
        return packages.map { $0 + "/Package.swift" }.sorted() + seen.sorted()
    }

    private func owner(
        ofProduct name: String, among dependencies: [Description.Dependency]
    ) throws -> (package: String, product: Description.Product) {
        let identities = Set(dependencies.map(\.identity))
        for package in Self.libraryPackages where identities.contains(Self.identity(of: package)) {
            if let product = try describe(package).products.first(where: { $0.name == name }) {
                return (package, product)
            }
        }
        throw Failure("no package of this repository has the product '\(name)'")
    }

    /// Returns the name by which SwiftPM knows a package, which is that of its folder in small letters.
    private static func identity(of package: String) -> String {
        (package.split(separator: "/").last ?? "").lowercased()
    }
}

extension PackageSources {
    /// Reads the packages of a checkout. SwiftPM's description of a package is stored until its `Package.swift`
    /// changes, because the description depends only on that file.
    init(workspace: Workspace) {
        describe = { package in
            let manifest = workspace.root.appendingPathComponent(package + "/Package.swift")
            let kept = workspace.programs.appendingPathComponent(
                "packages/\(package.replacing("/", with: "-")).json")
            if let written = kept.modified, let changed = manifest.modified, changed < written,
                let description = try? JSONDecoder().decode(Description.self, from: Data(contentsOf: kept))
            {
                return description
            }
            let start = Date()
            let text = try Subprocess(
                "swift",
                ["package", "--package-path", workspace.package.appendingPathComponent(package).path]
                    + ["--scratch-path", workspace.scratch(ofProgramsIn: package).path, "describe", "--type", "json"]
            ).output()
            let description = try JSONDecoder().decode(Description.self, from: text)
            try workspace.make(kept.deletingLastPathComponent())
            try text.write(to: kept, options: .atomic)
            // A change of the manifest while SwiftPM reads it must count as newer than the description.
            try FileManager.default.setAttributes([.modificationDate: start], ofItemAtPath: kept.path)
            return description
        }
    }
}

extension Workspace {
    /// Returns SwiftPM's folder for the programs of one of this repository's packages.
    func scratch(ofProgramsIn package: String) -> URL { crossBuild.appendingPathComponent(package) }

    private static let componentPackages = [
        "Components", "Components/Backend", "Components/BlockDriver", "Components/Storage", "Components/Store",
        "Benchmarks", "Benchmarks/ServicePrograms", "Tests/Programs",
    ]

    /// Returns the programs of the board that this repository has, from the lists `programs` of its packages.
    package func boardPrograms() throws -> KnownPrograms {
        let components = try Self.componentPackages.flatMap(programs(ofPackage:))
        return KnownPrograms(components: components, guests: try programs(ofPackage: "Guests"))
    }

    private func programs(ofPackage package: String) throws -> [String] {
        let file = root.appendingPathComponent(package + "/Package.swift")
        let text = try String(contentsOf: file, encoding: .utf8)
        guard let list = text.firstMatch(of: /(?s)let programs\b[^=]*= \[\n(.*?)\n\]/) else { return [] }
        return list.1.matches(of: /(?m)(?:^ +|, )"(\w+)"(?=[:,])/).map { String($0.1) }
    }
}
