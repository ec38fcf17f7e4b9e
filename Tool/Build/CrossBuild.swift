import Foundation
import SystemImage

/// Builds the programs that run on the board: the kernel, root, the monitor and the components.
///
/// A program NAME is a static library product `NAMEImage` of one of this repository's packages. SwiftPM builds it for the
/// board, and the linker is called here, because SwiftPM would link it as a program of an operating system.
package struct CrossBuild {
    package let workspace: Workspace

    package init(workspace: Workspace) { self.workspace = workspace }

    /// The kind of program that is linked.
    package enum Role {
        /// Position-independent at address 0, as a boot loader takes it.
        case kernel
        /// At the fixed addresses of a component's space.
        case component
        /// A bare program for a machine.
        case guest

        private var linkerScript: String {
            switch self {
            case .kernel: "Kernel/AArch64/kernel.ld"
            case .component: "Kit/component.ld"
            case .guest: "Guests/guest.ld"
            }
        }

        /// Files that the program depends on beside its sources, below the repository's root.
        fileprivate var inputs: [String] { [CrossBuild.toolset, linkerScript] }

        fileprivate var linkerArguments: [String] {
            let common = ["-T", linkerScript, "--gc-sections", "-z", "max-page-size=4096", "--undefined=_start"]
            return switch self {
            case .kernel: ["-pie", "--no-dynamic-linker", "--orphan-handling=error"] + common
            case .component, .guest: common
            }
        }
    }

    /// Builds a program of this repository, unless it is newer than all that it could be made of.
    ///
    /// - Returns: Its ELF file.
    package func program(_ name: String, as role: Role = .component) throws -> URL {
        let program = workspace.programs.appendingPathComponent("\(name).elf")
        let product = "\(name)Image"
        let sources = try PackageSources(workspace: workspace).sources(ofProduct: product)
        let inputs = sources.inputs + role.inputs
        if isFresh(program, inputs) { return program }
        try build(
            program, role, product: product, package: workspace.package.appendingPathComponent(sources.package),
            scratch: workspace.scratch(ofProgramsIn: sources.package),
            toolset: CrossBuild.toolset, isDone: { isFresh(program, inputs) })
        return program
    }

    /// Builds the program of another package: it has one static library product with a name that ends in `Image`.
    ///
    /// SwiftPM looks for what has changed, because the package may depend on others. Nothing is written into the
    /// package but the generated sides of its interfaces.
    package func program(ofPackage folder: URL) throws -> URL {
        let package = ComponentPackage(folder: folder, workspace: workspace)
        try package.prepare()
        let product = try package.imageProduct()
        let program = workspace.programs.appendingPathComponent(
            "packages/\(package.key)/\(product.dropLast("Image".count)).elf")
        try build(
            program, .component, product: product, package: folder,
            scratch: package.boardScratch,
            toolset: "Kit/toolset.json", libraries: package.unicodeTables.map { [$0.path] } ?? [])
        return program
    }

    private func build(
        _ program: URL, _ role: Role, product: String, package: URL, scratch: URL, toolset: String,
        libraries: [String] = [], isDone: () -> Bool = { false }
    ) throws {
        let name = program.deletingPathExtension().lastPathComponent
        // Another run must not link an archive that this one is writing.
        try workspace.exclusively("build", "builds programs") {
            // The run that was waited for may have built it.
            if isDone() { return }
            // A source that changes while it is compiled must count as newer than the program.
            let start = Date()
            try Progress.step("Building \(name) for the board") {
                let toolset = workspace.root.appendingPathComponent(toolset)
                try Subprocess(
                    "swift", buildArguments(product: product, package: package, scratch: scratch, toolset: toolset),
                    environment: ["ENTENTE_ROOT": workspace.root.path]
                ).run()
                try workspace.make(program.deletingLastPathComponent())
                let archive = scratch.appendingPathComponent("aarch64-none-none-elf/release/lib\(product).a")
                try program.replacedWhole { part in
                    try link([archive.path] + libraries, as: role, to: part, named: name)
                    try FileManager.default.setAttributes([.modificationDate: start], ofItemAtPath: part.path)
                }
            }
        }
    }

    private func buildArguments(product: String, package: URL, scratch: URL, toolset: URL) -> [String] {
        [
            "build", "-c", "release", "--triple", "aarch64-none-none-elf", "--toolset", toolset.path,
            "--package-path", package.path, "--scratch-path", scratch.path, "--product", product,
        ]
    }

    private func link(_ files: [String], as role: Role, to program: URL, named name: String) throws {
        let arguments = role.linkerArguments + ["-o", program.path] + files
        let linker = Subprocess("ld.lld", arguments, directory: workspace.root)
        let (status, text) = try linker.outcome()
        guard status != 0 else { return }
        throw UndefinedSymbols(linker: text).failure(of: name)
            ?? Failure("ld.lld ended with status \(status):\n\(text)")
    }

    /// Asking SwiftPM whether anything changed takes seconds for each program; looking at the sources' dates takes
    /// none.
    private func isFresh(_ program: URL, _ inputs: [String]) -> Bool {
        guard let built = program.modified else { return false }
        let compiler = Subprocess.find("swift").map { URL(fileURLWithPath: $0).resolvingSymlinksInPath() }
        return (inputs.map(workspace.root.appendingPathComponent) + [compiler].compactMap(\.self)).allSatisfy {
            (FileManager.default.newest(below: $0) ?? .distantPast) < built
        }
    }

    /// Of all programs of this repository.
    fileprivate static let toolset = "Kernel/toolset.json"
}
