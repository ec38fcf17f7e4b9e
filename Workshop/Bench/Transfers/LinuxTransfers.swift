import Foundation
import SystemImage
import Tool

/// Transfers between two processes of Linux on the bare board, by `Guests/Linux/ipc.c`.
struct LinuxTransfers {
    let workspace: Workspace

    func rows(timeout: Duration) throws -> [BenchRow] {
        let file = workspace.root.appendingPathComponent("Benchmarks/systems/debate/ipc-linux.yaml")
        let manifest = try Manifest.load(path: file.path)
        guard let described = manifest.machines.first else { throw Failure("\(file.path) describes no machine") }
        let program = LinuxWorkload(workspace: workspace, name: "ipc", parts: ["output", "copy.S"])
        let machine = try program.added(to: described)
        let runner = WorkloadRunner(workspace: workspace, manifest: manifest, machine: machine, timeout: timeout)
        return try LinuxTransfers.rows(of: runner.run("", isBare: true))
    }

    /// The rows of a run, without its end.
    ///
    /// - Throws: a `Failure` if the program ended before all was measured.
    static func rows(of run: WorkloadRun) throws -> [BenchRow] {
        guard run["end"] != nil else {
            throw Failure("the program 'ipc' ended before its last measurement", remedy: "see its lines above")
        }
        return run.figures.filter { $0.name != "end" }.map { BenchRow($0.name, $0.value) }
    }
}
