import Foundation

/// Builds the programs that run on the board: the kernel, root, the monitor and the components.
///
/// A program NAME is a static library product `NAMEImage` of the package, cross-built by SwiftPM and linked here,
/// because SwiftPM would link it as a program of an operating system.
struct CrossBuild {
    let workspace: Workspace

    /// What a program is linked as.
    enum Role {
        /// Position-independent at address 0, as a boot loader takes it.
        case kernel
        /// At the fixed addresses of a component's space.
        case component
        /// A bare program for a machine.
        case guest

        fileprivate var linkerArguments: [String] {
            let common = ["--gc-sections", "-z", "max-page-size=4096", "--undefined=_start"]
            return switch self {
            case .kernel:
                ["-pie", "--no-dynamic-linker", "-T", "Kernel/AArch64/kernel.ld", "--orphan-handling=error"] + common
            case .component: ["-T", "Runtime/component.ld"] + common
            case .guest: ["-T", "Guests/guest.ld"] + common
            }
        }
    }

    /// Builds a program of this repository, unless it is newer than all that it could be made of.
    ///
    /// - Returns: Its ELF file.
    func program(_ name: String, as role: Role = .component) throws -> URL {
        try build(name, role, package: workspace.root, scratch: workspace.crossBuild, isFresh: isFresh)
    }

    /// Builds the program of another package: it has one static library product with a name that ends in `Image`.
    func program(ofPackage folder: URL) throws -> URL {
        let product = try imageProduct(ofPackage: folder)
        let scratch = workspace.crossBuild.appendingPathComponent("packages/\(folder.lastPathComponent)")
        return try build(String(product.dropLast("Image".count)), .component, package: folder, scratch: scratch) { _ in false }
    }

    private func build(
        _ name: String, _ role: Role, package: URL, scratch: URL, isFresh: (URL) -> Bool
    ) throws -> URL {
        let program = workspace.programs.appendingPathComponent("\(name).elf")
        if isFresh(program) { return program }
        // A source that changes while it is compiled must count as newer than the program.
        let start = Date()
        try Progress.step("Building \(name) for the board") {
            try Subprocess("swift", buildArguments(product: "\(name)Image", package: package, scratch: scratch),
                           environment: ["ENTENTE_BOARD": "1"]).run()
            try workspace.make(workspace.programs)
            let archive = scratch.appendingPathComponent("aarch64-none-none-elf/release/lib\(name)Image.a")
            try link(archive, as: role, to: program)
            try FileManager.default.setAttributes([.modificationDate: start], ofItemAtPath: program.path)
        }
        return program
    }

    private func buildArguments(product: String, package: URL, scratch: URL) -> [String] {
        let toolset = workspace.root.appendingPathComponent("Kernel/toolset.json")
        return [
            "build", "-c", "release", "--triple", "aarch64-none-none-elf", "--toolset", toolset.path,
            "--package-path", package.path, "--scratch-path", scratch.path, "--product", product,
        ]
    }

    private func link(_ archive: URL, as role: Role, to program: URL) throws {
        let arguments = role.linkerArguments + ["-o", program.path, archive.path]
        try Subprocess("ld.lld", arguments, directory: workspace.root).run()
    }

    /// Asking SwiftPM whether anything changed takes seconds for each program; looking at the sources' dates takes none.
    private func isFresh(_ program: URL) -> Bool {
        guard let built = program.modified else { return false }
        return CrossBuild.inputs.allSatisfy { path in
            let input = workspace.root.appendingPathComponent(path)
            return (FileManager.default.newest(below: input) ?? .distantPast) < built
        }
    }

    private static let inputs = [
        "Package.swift", "Kernel", "Runtime", "Components", "Benchmarks", "Guests", "Tests/Programs", "Sources/ABI", "Sources/KernelCore",
        "Sources/VirtualPlatform",
    ]

    private func imageProduct(ofPackage folder: URL) throws -> String {
        let text = try Subprocess("swift", ["package", "--package-path", folder.path, "describe", "--type", "json"]).output()
        let products = try JSONDecoder().decode(PackageDescription.self, from: text).products.map(\.name)
        guard let product = products.first(where: { $0.hasSuffix("Image") }) else {
            throw Failure("the package \(folder.path) has no product with a name that ends in 'Image'",
                          remedy: "add a static library product, as Package.swift of Entente does for its components")
        }
        return product
    }
}

/// What `swift package describe` says.
private struct PackageDescription: Decodable {
    struct Product: Decodable { var name: String }
    var products: [Product]
}

extension URL {
    var modified: Date? { try? FileManager.default.attributesOfItem(atPath: path)[.modificationDate] as? Date }
}

extension FileManager {
    /// The latest change of a file, or of anything in a folder; the folders count, because a deleted file changes them.
    func newest(below url: URL) -> Date? {
        var dates = [url.modified]
        for path in (try? subpathsOfDirectory(atPath: url.path)) ?? [] {
            dates.append(url.appendingPathComponent(path).modified)
        }
        return dates.compactMap(\.self).max()
    }
}
