import ABI
import ArgumentParser
import Foundation
import Tool

struct BenchRealtimeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "realtime",
        abstract: "Measures the wake-up latency of a control loop beside a Debian machine under full load.",
        discussion: """
            Boots examples/realtime with deterministic time (-icount shift=0) and a counter of 1 GHz, so that \
            latencies are exact to the instruction. The machine's first process is Guests/Linux/realtime.c: it \
            starts a load, and measures in the same way what a SCHED_FIFO thread of Linux gets in that machine. Both \
            histograms are printed. 100,000 periods of 1 ms are 10^11 instructions.

            With --neighbours, the loop then runs on core 0 of four, beside a machine that computes \
            (Guests/Hostile/Spin), while a hostile component on each other core does in a loop all that might \
            interrupt core 0 (Tests/Programs/InterruptFlood). The emulator executes the cores in turn, so this run's \
            latencies hold the instructions of all four. Core 0's own instructions are counted apart: how often it \
            is interrupted in a millisecond, and the longest run of entries into the kernel during which nothing \
            urgent could have got the core.
            """)

    @Flag(help: "Print JSON instead of a table.")
    var json = false

    @Option(help: "The number of periods of 1 ms.")
    var periods = 10_000

    @Flag(help: "Also measure the same Linux with the same load without Entente.")
    var bare = false

    @Flag(help: "Also measure the loop with hostile components on three other cores.")
    var neighbours = false

    @Option(help: ArgumentHelp("End after this time; by default in proportion to the periods.", valueName: "seconds"))
    var timeout: Int?

    func validate() throws {
        if !(100...10_000_000).contains(periods) { throw ValidationError("--periods takes 100 to 10000000") }
    }

    func run() throws {
        let benchmark = RealtimeBenchmark(workspace: try Workspace.current(), periods: periods)
        let limit = Duration.seconds(timeout ?? 300 + periods / 10)
        var result = try benchmark.run(timeout: limit)
        if neighbours { result.neighbours = try benchmark.runBesideNeighbours(timeout: limit) }
        if bare { result.bare = try benchmark.runBare(timeout: limit) }
        print(try json ? BenchRow.json(result.rows) : result.text)
    }
}
