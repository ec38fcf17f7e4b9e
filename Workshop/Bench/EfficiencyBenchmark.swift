import Foundation
import SystemImage
import Tool

/// Compares a Debian machine on Entente with the same machine on the bare emulator.
struct EfficiencyBenchmark {
    let workspace: Workspace

    func rows(timeout: Duration) throws -> [BenchRow] {
        let file = workspace.root.appendingPathComponent("Benchmarks/systems/efficiency.yaml")
        let manifest = try Manifest.load(path: file.path)
        guard let described = manifest.machines.first else { throw Failure("\(file.path) describes no machine") }
        let machine = try LinuxWorkload(workspace: workspace).added(to: described)
        let runner = WorkloadRunner(workspace: workspace, manifest: manifest, machine: machine, timeout: timeout)
        let bare = try runner.run("set", isBare: true)
        let set = try runner.run("set")
        let boot = try runner.run("boot")
        let calls = try runner.run("calls")
        return WorkloadRun.comparison(of: set, with: bare)
            + boot.exits.map { BenchRow("exits.boot.\($0.name)", $0.value, unit: "exits") }
            + WorkloadRun.difference(calls, boot).map {
                BenchRow("exits.million-getppid.\($0.name)", $0.value, unit: "exits")
            }
    }
}
