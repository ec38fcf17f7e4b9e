import Foundation
import SystemImage

/// A Swift package of a component, outside of this repository.
package struct ComponentPackage {
    package let folder: URL
    package let workspace: Workspace

    package init(folder: URL, workspace: Workspace) {
        self.folder = folder
        self.workspace = workspace
    }

    /// Returns the folder of a package that a user names.
    package static func folder(_ path: String) throws -> URL {
        let url = URL(fileURLWithPath: path).standardizedFileURL
        guard FileManager.default.fileExists(atPath: url.path) else {
            throw Failure(
                "\(path): there is no such folder",
                remedy: "correct the path, or make a package with ./entente new component NAME")
        }
        guard FileManager.default.fileExists(atPath: url.appendingPathComponent("Package.swift").path) else {
            throw Failure(
                "\(path): there is no Package.swift",
                remedy: "name the folder of a component's package; ./entente new component NAME makes one")
        }
        return url
    }

    /// The key that tells packages of the same name at different places apart.
    var key: String { "\(folder.lastPathComponent)-\(folder.pathKey)" }

    /// The link by which a plain `swift test` finds Entente. The package's `.gitignore` names it.
    static let linkName = ".entente"

    /// Updates the parts of the package that its sources do not hold: the link, and the generated sides of its
    /// interfaces.
    package func prepare() throws {
        let text = try String(contentsOf: folder.appendingPathComponent("Package.swift"), encoding: .utf8)
        if text.contains("\"/\(ComponentPackage.linkName)\"") { try link() }
        for scratch in [boardScratch, hostScratch] { workspace.dropStalePlans(in: scratch) }
        dropOutputOfLostPackages()
        for (what, url) in try GeneratedInterfaces(package: folder).update() {
            Progress.say("==> \(what.capitalized) \(url.relativePath)")
        }
    }

    /// The folder for builds of its programs for the board. `hostScratch` is that for its tests on the host.
    var boardScratch: URL { workspace.crossBuild.appendingPathComponent("packages/\(key)") }
    private var hostScratch: URL { workspace.packages.appendingPathComponent(key) }

    /// The file in a scratch folder that names the package.
    private static let originName = "package.place"

    /// Deletes the output of packages that are no longer at their origin, because it takes about 80 MB for each, and no
    /// user would look for it. Then notes the origin of this package.
    private func dropOutputOfLostPackages() {
        let manager = FileManager.default
        for scratch in [boardScratch, hostScratch] {
            try? workspace.make(scratch)
            try? Data(folder.path.utf8).write(to: scratch.appendingPathComponent(Self.originName))
            let parent = scratch.deletingLastPathComponent()
            for name in (try? manager.contentsOfDirectory(atPath: parent.path)) ?? [] {
                let other = parent.appendingPathComponent(name)
                let origin = try? String(contentsOf: other.appendingPathComponent(Self.originName), encoding: .utf8)
                if let origin, !manager.fileExists(atPath: origin) { try? manager.removeItem(at: other) }
            }
        }
    }

    private func link() throws {
        let link = folder.appendingPathComponent(ComponentPackage.linkName).path
        let target = workspace.root.appendingPathComponent("Kit").path
        let present = try? FileManager.default.destinationOfSymbolicLink(atPath: link)
        if present == target { return }
        if present != nil { try FileManager.default.removeItem(atPath: link) }
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: target)
    }

    /// Returns the product that becomes the package's program.
    func imageProduct() throws -> String {
        let products = try description().products
            .filter { $0.name.hasSuffix("Image") && $0.type.library == ["static"] }.map(\.name)
        guard let product = products.first else {
            throw Failure(
                "the package \(folder.path) has no static library product with a name that ends in 'Image'",
                remedy: "add '.library(name: \"NAMEImage\", type: .static, targets: [\"NAMEProgram\"])' to its products"
            )
        }
        guard products.count == 1 else {
            throw Failure(
                "the package \(folder.path) has several products that could be its program: \(products.joined(separator: ", "))",
                remedy: "let one of them end in 'Image', and make a package of its own for each other program")
        }
        return product
    }

    /// Returns the interface that other packages call, with the module and the product that they import.
    func offered() throws -> OfferedInterface {
        let found = try GeneratedInterfaces(package: folder).interfaces().filter { $0.interface.isPublic }
        guard let first = found.first else {
            throw Failure(
                "the package \(folder.path) has no public interface",
                remedy: "declare one: public protocol NAMEInterface: Service { … }")
        }
        let description = try description()
        let path = first.file.path.dropFirst(folder.path.count + 1)
        guard let target = description.targets.first(where: { path.hasPrefix($0.path + "/") })?.name,
            let product = description.products.first(where: {
                $0.type.library != nil && !$0.name.hasSuffix("Image") && $0.targets.contains(target)
            })
        else {
            throw Failure(
                "no library product of the package \(folder.path) holds its interface \(first.interface.name)",
                remedy: "add '.library(name: \"NAME\", targets: [\"NAME\"])' to its products")
        }
        return OfferedInterface(
            package: description.name, product: product.name, module: target, interface: first.interface)
    }

    private func description() throws -> Description {
        let text = try Subprocess(
            "swift",
            [
                "package", "--package-path", folder.path, "--scratch-path", hostScratch.path, "describe", "--type",
                "json",
            ],
            environment: ["ENTENTE_ROOT": workspace.root.path]
        ).output()
        return try JSONDecoder().decode(Description.self, from: text)
    }

    /// Runs its tests on the host.
    package func test() throws {
        try prepare()
        try Subprocess(
            "swift", ["test", "--package-path", folder.path, "--scratch-path", hostScratch.path],
            environment: ["ENTENTE_ROOT": workspace.root.path]
        ).run()
    }

    /// The library that `String` needs to compare and to change case. It comes with the toolchain.
    var unicodeTables: URL? {
        guard let path = Subprocess.find("swift") else { return nil }
        let library = URL(fileURLWithPath: path).resolvingSymlinksInPath().deletingLastPathComponent()
            .deletingLastPathComponent()
            .appendingPathComponent("lib/swift/embedded/aarch64-none-none-elf/libswiftUnicodeDataTables.a")
        return FileManager.default.fileExists(atPath: library.path) ? library : nil
    }

    /// The output of `swift package describe`.
    private struct Description: Decodable {
        struct Product: Decodable {
            var name: String
            var type: Kind
            var targets: [String]
        }
        struct Target: Decodable {
            var name: String
            /// The path below the package's folder.
            var path: String
        }
        /// The type of a product: `{"library": ["static"]}`, or another key.
        struct Kind: Decodable { var library: [String]? }
        var name: String
        var products: [Product]
        var targets: [Target]
    }
}

/// An interface of another package, with the names that a client's package needs.
struct OfferedInterface {
    var package: String
    var product: String
    var module: String
    var interface: Interface
}
