import ArgumentParser
import Foundation
import SystemImage
import Tool

struct BenchEfficiencyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "efficiency",
        abstract: "Compares a Debian machine on Entente with the same machine on the bare emulator.",
        discussion: """
            Same kernel, initial file system, command line and seed, with deterministic time (-icount shift=0). The \
            machine runs the workload of Guests/Linux as its first process. guest.efficiency is the bare emulator's \
            instructions for the workload divided by the machine's; exits are counted by the kernel, by kind.
            """)

    @Flag(help: "Print JSON instead of a table.")
    var json = false

    @Option(help: ArgumentHelp("End each run after this time.", valueName: "seconds"))
    var timeout = 300

    func run() throws {
        let workspace = try Workspace.current()
        let file = workspace.root.appendingPathComponent("Benchmarks/systems/efficiency.yaml")
        let manifest = try Manifest.load(path: file.path)
        guard let described = manifest.machines.first else { throw Failure("\(file.path) describes no machine") }
        let machine = try LinuxWorkload(workspace: workspace).added(to: described)
        let runner = WorkloadRunner(
            workspace: workspace, manifest: manifest, machine: machine, timeout: .seconds(timeout))
        let bare = try runner.run("set", isBare: true)
        let set = try runner.run("set")
        let boot = try runner.run("boot")
        let calls = try runner.run("calls")
        let rows =
            WorkloadRun.comparison(of: set, with: bare)
            + boot.exits.map { BenchRow("exits.boot.\($0.name)", $0.value, unit: "exits") }
            + WorkloadRun.difference(calls, boot).map {
                BenchRow("exits.million-getppid.\($0.name)", $0.value, unit: "exits")
            }
        print(try json ? BenchRow.json(rows) : BenchRow.table(rows))
    }
}
