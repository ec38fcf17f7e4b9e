import Foundation
import SystemImage
import Tool

/// The systems in `Benchmarks/systems/primitives`.
struct PrimitiveBenchmark {
    let workspace: Workspace
    /// CPU model of the board, instead of the manifests'.
    var cpu: String?

    /// The rows of all systems, which are booted one after the other.
    /// - Parameter timeout: for each system.
    func rows(timeout: Duration) throws -> [BenchRow] {
        let folder = workspace.root.appendingPathComponent("Benchmarks/systems/primitives")
        let systems = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .filter { $0.pathExtension == "yaml" }.sorted { $0.path < $1.path }
        return try systems.flatMap { system in
            let manifest = try Manifest.load(path: system.path, overriding: BoardOverrides(cpu: cpu))
            let plan = try BootPlan(manifest, workspace: workspace, options: .deterministic)
            return try Progress.step("Measuring '\(manifest.name)'") {
                try BenchSession(session: plan.start(workspace: workspace), speakers: manifest.benchSpeakers)
                    .run(timeout: timeout)
            }
        }
    }
}

extension Manifest {
    /// The consoles of the programs that measure: tenants that are named for it; without a tenant the root program,
    /// which has only the kernel's console.
    fileprivate var benchSpeakers: [String] {
        tenants.isEmpty ? ["kernel"] : tenants.map(\.name).filter { $0.hasPrefix("bench") }
    }
}
