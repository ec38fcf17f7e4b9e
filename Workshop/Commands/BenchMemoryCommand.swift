import ArgumentParser
import Foundation
import SystemImage
import Tool

struct BenchMemoryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "memory",
        abstract: "Reports the uses of a board's RAM.",
        discussion: """
            Boots the system until root has built it. memory.beside is all that is neither free, nor a machine's \
            RAM, nor a file that machines start from (which stays in the image for restarts).

            With --machines, the system is a board of 4 GiB with so many idle Debian machines of 64 MiB, each with a \
            clone of one disk. The instructions of the whole board until the first and until the last of them has \
            started come along. All machines start at once, on one core.
            """)

    @OptionGroup var system: SystemOptions

    @Flag(help: "Print JSON instead of a table.")
    var json = false

    @Option(help: ArgumentHelp("Start this number of machines instead of a system.", valueName: "number"))
    var machines: Int?

    @Option(help: ArgumentHelp("End after this time.", valueName: "seconds"))
    var timeout = 60

    func validate() throws {
        guard let machines else { return }
        if !(1...MachineCrowd.maximum).contains(machines) {
            throw ValidationError("--machines takes 1 to \(MachineCrowd.maximum)")
        }
        if system.path != nil { throw ValidationError("--machines makes a system of its own: leave the other one out") }
    }

    func run() throws {
        let workspace = try Workspace.current()
        let benchmark = MemoryBenchmark(workspace: workspace, timeout: .seconds(timeout))
        let rows =
            try machines.map { try benchmark.rows(of: MachineCrowd(count: $0)) }
            ?? benchmark.rows(of: system.manifest(in: workspace))
        print(try json ? BenchRow.json(rows) : BenchRow.table(rows))
    }
}
