import Foundation
import SystemImage
import Tool

/// The systems in `Benchmarks/systems/primitives`.
struct PrimitiveBenchmark {
    let workspace: Workspace
    /// The CPU model of the board, which replaces that of the manifests.
    var cpu: String?

    /// Boots the systems one after the other, and returns the rows of all.
    ///
    /// - Parameter timeout: the time limit for each system.
    func rows(timeout: Duration) throws -> [BenchRow] {
        let folder = workspace.root.appendingPathComponent("Benchmarks/systems/primitives")
        let systems = try FileManager.default.contentsOfDirectory(atPath: folder.path)
            .filter { $0.hasSuffix(".yaml") }.sorted()
        return try systems.flatMap { system in
            try BenchSystem(workspace: workspace, path: "primitives/\(system)", cpu: cpu).rows(timeout: timeout)
        }
    }
}
