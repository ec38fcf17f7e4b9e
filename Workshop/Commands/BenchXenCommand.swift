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

    @Option(help: "The commands to run in the first domain.")
    var script: String

    @Option(help: "The number of cores of the board.")
    var cores = 1

    @Option(help: ArgumentHelp("End after this time.", valueName: "seconds"))
    var timeout = 900

    func run() throws {
        let board = XenBoard(workspace: try Workspace.current(), cores: cores)
        let domain = XenDomain(name: "small", script: "free -m; cat /proc/interrupts")
        _ = try board.run(script: script, domains: [domain], timeout: .seconds(timeout)) { print($0) }
    }
}
