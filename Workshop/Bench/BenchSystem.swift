import Foundation
import SystemImage
import Tool

/// A system whose programs print rows, and which is booted with deterministic time.
struct BenchSystem {
    let workspace: Workspace
    /// The manifest's path below `Benchmarks/systems`.
    let path: String
    /// The CPU model of the board, which replaces that of the manifest.
    var cpu: String?

    /// Runs the first machine alone on the bare board, and returns its rows.
    func bareRows(timeout: Duration) throws -> [BenchRow] {
        let file = workspace.root.appendingPathComponent("Benchmarks/systems/\(path)")
        let manifest = try Manifest.load(path: file.path, overriding: BoardOverrides(cpu: cpu))
        guard let machine = manifest.machines.first else { throw Failure("\(file.path) describes no machine") }
        let boot = try PreparedBoot(bare: machine, of: manifest, workspace: workspace, options: .deterministic)
        return try Progress.step("Measuring '\(manifest.name)' on the bare board") {
            try BenchSession(session: boot.start(workspace: workspace), speakers: [machine.name]).run(timeout: timeout)
        }
    }

    /// Boots the system, and returns the rows of its programs.
    func rows(timeout: Duration) throws -> [BenchRow] {
        let file = workspace.root.appendingPathComponent("Benchmarks/systems/\(path)")
        let manifest = try Manifest.load(path: file.path, overriding: BoardOverrides(cpu: cpu))
        let boot = try PreparedBoot(manifest, workspace: workspace, options: .deterministic)
        return try Progress.step("Measuring '\(manifest.name)'") {
            try BenchSession(session: boot.start(workspace: workspace), speakers: manifest.benchSpeakers)
                .run(timeout: timeout)
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
