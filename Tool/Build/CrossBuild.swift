import Foundation
import SystemImage

/// Builds the programs that run on the board: the kernel, root, the monitor and the components.
///
/// A program NAME is a static library product `NAMEImage` of one of this repository's packages. SwiftPM builds the
/// library for the board. This type calls the linker, because SwiftPM would link a program of an operating system.
package struct CrossBuild {
    package let workspace: Workspace

    package init(workspace: Workspace) { self.workspace = workspace }

    /// The kinds of programs, which the linker treats differently.
    package enum Role {
        /// The kernel, position-independent from address 0 on, as boot loaders expect it.
        case kernel
        /// A component, at the fixed addresses of its address space.
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

        /// The files on which a program depends beside its sources, below the repository's root.
        fileprivate var inputs: [String] {
            // The assembly of all programs includes these files, even if it lies in another package.
            let included = ["Assembly.h", "MemoryFunctions.h"].map { "Kit/Support/AArch64/" + $0 }
            return [CrossBuild.toolset, CrossBuild.heapToolset, CrossBuild.diskToolset, linkerScript] + included
        }

        fileprivate var linkerArguments: [String] {
            let common = ["-T", linkerScript, "--gc-sections", "-z", "max-page-size=4096", "--undefined=_start"]
            return switch self {
            case .kernel: ["-pie", "--no-dynamic-linker", "--orphan-handling=error"] + common
            case .component, .guest: common
            }
        }
    }

    /// Builds a program of this repository, unless it is newer than all files of which it is made.
    ///
    /// - Returns: the program's ELF file.
    package func program(_ name: String, as role: Role = .component) throws -> URL {
        let program = workspace.programs.appendingPathComponent("\(name).elf")
        let product = "\(name)Image"
        let sources = try PackageSources(workspace: workspace).sources(ofProduct: product)
        let inputs = sources.inputs + role.inputs
        if isFresh(program, inputs) { return program }
        try build(
            program, role, product: product, package: workspace.package.appendingPathComponent(sources.package),
            scratch: workspace.scratch(ofProgramsIn: sources.package),
            toolset: PackageSources.heapPackages.contains(sources.package)
                ? CrossBuild.diskToolset : CrossBuild.toolset,
            isDone: { isFresh(program, inputs) })
        return program
    }

    /// Builds the program of another package, which has one static library product with a name that ends in `Image`.
    ///
    /// SwiftPM looks for changes, because the package may depend on others. The tool writes only the generated sides of
    /// interfaces, and the link by which tests on the host find Entente, into the package.
    package func program(ofPackage folder: URL) throws -> URL {
        let package = ComponentPackage(folder: folder, workspace: workspace)
        try package.prepare()
        let product = try package.imageProduct()
        let program = workspace.programs.appendingPathComponent(
            "packages/\(package.key)/\(product.dropLast("Image".count)).elf")
        try build(
            program, .component, product: product, package: folder,
            scratch: package.boardScratch,
            toolset: CrossBuild.heapToolset, libraries: package.unicodeTables.map { [$0.path] } ?? [])
        return program
    }

    private func build(
        _ program: URL, _ role: Role, product: String, package: URL, scratch: URL, toolset: String,
        libraries: [String] = [], isDone: () -> Bool = { false }
    ) throws {
        let name = program.deletingPathExtension().lastPathComponent
        // Another run of the tool must not link an archive while this run writes it.
        try workspace.exclusively("build", "builds programs") {
            // Another run may have built the program while this one waited.
            if isDone() { return }
            // A source that changes while it is compiled must count as newer than the program.
            let start = Date()
            try Progress.step("Building \(name) for the board") {
                workspace.dropStalePlans(in: scratch)
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

    /// Returns true if a program is newer than the compiler and than the files of which it is made. The dates of the
    /// files are read here, because SwiftPM takes seconds for each program to find out whether anything has changed.
    private func isFresh(_ program: URL, _ inputs: [String]) -> Bool {
        guard let built = program.modified else { return false }
        let compiler = Subprocess.find("swift").map { URL(fileURLWithPath: $0).resolvingSymlinksInPath() }
        return (inputs.map(workspace.root.appendingPathComponent) + [compiler].compactMap(\.self)).allSatisfy {
            (FileManager.default.newest(below: $0) ?? .distantPast) < built
        }
    }

    /// The toolset of this repository's programs that have no heap.
    fileprivate static let toolset = "Kernel/toolset.json"
    /// The toolset of this repository's programs with a heap. They use no vector registers, because the kernel would
    /// otherwise exchange these registers several times for each request of a disk.
    fileprivate static let diskToolset = "Components/toolset.json"
    /// The toolset of other packages' programs.
    fileprivate static let heapToolset = "Kit/toolset.json"
}
