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
        let benchmark = EfficiencyBenchmark(workspace: try Workspace.current())
        let rows = try benchmark.rows(timeout: .seconds(timeout))
        print(try json ? BenchRow.json(rows) : BenchRow.table(rows))
    }
}
