import ArgumentParser
import Foundation
import SystemImage
import Tool

struct BenchXenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "xen", abstract: "Runs Xen with a Debian as its first domain on the emulated board.",
        discussion: """
            Debian's Xen and its toolstack run on the board, and a script of the shell runs in the first domain (dom0). \
            Debian's kernel is the same as for all other machines.
            """, shouldDisplay: false)

    @Option(help: "Run these commands in the first domain, and measure nothing.")
    var script: String?

    @Flag(help: "Print JSON instead of a table.")
    var json = false

    @Option(help: "What to measure, separated by commas: primitives, start, workload, requests.")
    var parts = "primitives,start,workload,requests"

    @Option(help: "The number of cores of the board.")
    var cores = 1

    @Option(help: ArgumentHelp("End after this time.", valueName: "seconds"))
    var timeout = 900

    func run() throws {
        let workspace = try Workspace.current()
        if let script {
            let domain = XenDomain(name: "small", script: "free -m; cat /proc/interrupts")
            let board = XenBoard(workspace: workspace, cores: cores)
            _ = try board.run(script: script, domains: [domain], timeout: .seconds(timeout)) { print($0) }
            return
        }
        var rows: [BenchRow] = []
        for part in parts.split(separator: ",") {
            switch part {
            case "primitives": rows += try XenPrimitives(workspace: workspace, timeout: .seconds(timeout)).rows()
            case "start": rows += try XenStart(workspace: workspace, timeout: .seconds(timeout)).rows()
            case "workload": rows += try XenWorkload(workspace: workspace, timeout: .seconds(timeout)).rows()
            case "requests": rows += try XenRequests(workspace: workspace, timeout: .seconds(timeout)).rows()
            case "stalls": rows += try XenStall(workspace: workspace, timeout: .seconds(timeout)).rows()
            case "recovery": rows += try XenRecovery(workspace: workspace, timeout: .seconds(timeout)).rows()
            default:
                throw ValidationError("--parts takes primitives, start, workload, requests, stalls and recovery")
            }
        }
        print(try json ? BenchRow.json(rows) : BenchRow.table(rows))
    }
}
