import Foundation
import SystemImage
import Tool

/// Runs the systems of `bench entries`.
struct EntryCampaign {
    let workspace: Workspace

    func run() throws {
        _ = try PrimitiveBenchmark(workspace: workspace).rows(timeout: .seconds(600))
        try runWorkload()
        try runTwoMachines()
        _ = try RealtimeBenchmark(workspace: workspace, periods: 1000).run(timeout: .seconds(600))
    }

    private func runWorkload() throws {
        let manifest = try Manifest.load(
            path: workspace.root.appendingPathComponent("Benchmarks/systems/efficiency.yaml").path)
        let machine = try LinuxWorkload(workspace: workspace).added(to: manifest.machines[0])
        _ = try WorkloadRunner(workspace: workspace, manifest: manifest, machine: machine, timeout: .seconds(600)).run(
            "set")
    }

    /// Boots two machines on one core, and restarts one of them.
    private func runTwoMachines() throws {
        let file = workspace.root.appendingPathComponent("examples/two-machines/system.yaml")
        let manifest = try Manifest.load(path: file.path, overriding: BoardOverrides(cores: 1))
        let boot = try PreparedBoot(manifest, workspace: workspace, options: .deterministic)
        guard let machine = boot.channels.machines.last else { return }
        try Progress.step("Booting '\(manifest.name)', and restarting '\(machine.name)'") {
            let session = try boot.start(workspace: workspace)
            defer { session.end() }
            let deadline = ContinuousClock.now + .seconds(300)
            var boots = 0
            while boots < 2, ContinuousClock.now < deadline {
                for case .line(machine.number, let text) in session.wait(timeout: deadline - .now)
                where text.contains("'poweroff' ends this machine") {
                    boots += 1
                    session.type("\nreboot -f\n".utf8, to: machine.number)
                }
            }
        }
    }
}
