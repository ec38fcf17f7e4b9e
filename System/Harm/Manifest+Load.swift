import Foundation

// Reading a manifest includes the check of criticality, which needs the plan and its analysis. Therefore this function
// stands above all of them.
extension Manifest {
    /// Reads and checks a manifest.
    ///
    /// - Parameters:
    ///   - path: the manifest's file. Errors name it as it is given here.
    ///   - programs: the known programs, or nil if the caller does not know them before it builds them.
    ///   - overrides: values that replace the manifest's board, after the manifest was checked against its own.
    ///   - isAsking: true if harm by a less critical part is an error.
    ///   - inspect: examines a machine's files, if they exist, and returns their faults.
    /// - Throws: `Failure` with all faults of the manifest.
    public static func load(
        path: String, programs: KnownPrograms? = nil, overriding overrides: BoardOverrides = BoardOverrides(),
        askingForCriticality isAsking: Bool = true,
        inspecting inspect: (MachineDescription) -> [MachineFinding] = { _ in [] }
    ) throws(Failure) -> Manifest {
        let source = ManifestSource(path: path, programs: programs)
        guard let root = source.parse() else { throw Failure(source.diagnostics) }
        var parser = ManifestParser(source: source, root: root)
        var manifest = parser.manifest(file: URL(fileURLWithPath: path))
        if source.diagnostics.isEmpty { parser.apply(overrides, to: &manifest) }
        guard source.diagnostics.isEmpty else { throw Failure(source.diagnostics) }
        parser.checkConsoleDriver(of: manifest)
        parser.checkPriorities(of: manifest)
        parser.checkMachines(of: manifest, inspect)
        guard source.diagnostics.isEmpty else { throw Failure(source.diagnostics) }
        if isAsking { parser.checkCriticality(of: manifest) }
        guard source.diagnostics.isEmpty else { throw Failure(source.diagnostics) }
        manifest.warnings = source.warnings.sortedByPlace
        return manifest
    }
}
