import ArgumentParser
import Foundation
import SystemImage
import Tool

struct BenchDiskCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "disk",
        abstract: "Measures virtual disks beside the same disk of a machine on the bare emulator.",
        discussion: """
            Boots one Debian machine on the bare emulator (native), and on Entente with a whole disk of the board \
            (whole), with a disk of a pool (pool), and with one whose data has checksums (checksums). Same kernel, initial file system and device. A plugin of QEMU \
            counts the executed instructions of the whole board for one request of 4 KiB, by the program that executes \
            them, and its entries into the kernel.
            """)

    @Flag(help: "Print JSON instead of a table.")
    var json = false

    @Option(help: "The number of requests of each kind that are counted.")
    var requests = 1000

    @Option(help: "The number of functions to list for each kind of request.")
    var top = 0

    @Option(help: ArgumentHelp("Keep the plugin's files in this folder.", valueName: "folder"))
    var counts: String?

    @Option(help: ArgumentHelp("End each system after this time.", valueName: "seconds"))
    var timeout = 300

    func validate() throws {
        if !(10...1_000_000).contains(requests) { throw ValidationError("--requests takes 10 to 1000000") }
    }

    func run() throws {
        let workspace = try Workspace.current()
        var benchmark = RequestBenchmark(workspace: workspace, count: requests, timeout: .seconds(timeout))
        benchmark.kept = counts.map { URL(fileURLWithPath: $0) }
        var report = RequestReport(costs: [:])
        for subject in RequestBenchmark.Subject.allCases { report.costs[subject] = try benchmark.costs(of: subject) }
        print(try json ? BenchRow.json(report.rows) : report.text(top: top))
    }
}
