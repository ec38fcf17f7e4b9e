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
        let systems = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .filter { $0.pathExtension == "yaml" }.sorted { $0.path < $1.path }
        return try systems.flatMap { system in
            let manifest = try Manifest.load(path: system.path, overriding: BoardOverrides(cpu: cpu))
            let boot = try PreparedBoot(manifest, workspace: workspace, options: .deterministic)
            return try Progress.step("Measuring '\(manifest.name)'") {
                try BenchSession(session: boot.start(workspace: workspace), speakers: manifest.benchSpeakers)
                    .run(timeout: timeout)
            }
        }
    }
}

extension Manifest {
    /// The consoles of the programs that measure. Such tenants have names that begin with `bench`. A system without
    /// tenants has only the root program, which writes to the kernel's console.
    fileprivate var benchSpeakers: [String] {
        tenants.isEmpty ? ["kernel"] : tenants.map(\.name).filter { $0.hasPrefix("bench") }
    }
}
