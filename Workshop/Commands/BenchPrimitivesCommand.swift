import ArgumentParser
import Tool

struct BenchPrimitivesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "primitives",
        abstract: "Counts the instructions of each primitive operation.",
        discussion: """
            Boots the benchmark systems in Benchmarks/systems/primitives one after the other, with deterministic time \
            (-icount shift=0): each instruction takes a nanosecond, and counters of cycles and time count \
            instructions. Rows are what machines and components print as 'bench: NAME VALUE'.
            """)

    @Flag(help: "Print JSON instead of a table.")
    var json = false

    @Option(help: "The CPU model of the board, which replaces the manifests'.")
    var cpu: String?

    @Option(help: ArgumentHelp("End each system after this time.", valueName: "seconds"))
    var timeout = 300

    func run() throws {
        let benchmark = PrimitiveBenchmark(workspace: try Workspace.current(), cpu: cpu)
        let rows = try benchmark.rows(timeout: .seconds(timeout))
        print(try json ? BenchRow.json(rows) : BenchRow.table(rows))
    }
}
