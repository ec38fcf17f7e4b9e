import ArgumentParser
import Foundation
import Tool

struct BenchCompareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare", abstract: "Shows which figures of two runs differ.")

    @Argument(help: ArgumentHelp("The file of the earlier run.", valueName: "old"))
    var old: String

    @Argument(help: ArgumentHelp("The file of the later run.", valueName: "new"))
    var new: String

    @Option(help: ArgumentHelp("Leave out smaller differences.", valueName: "percent"))
    var threshold = 2.0

    func validate() throws {
        if !(threshold >= 0) { throw ValidationError("--threshold takes a percentage from 0 on") }
    }

    func run() throws {
        let results = try [old, new].map { try BenchResults(file: URL(fileURLWithPath: $0)) }
        print(ResultsComparison(results[0], results[1], threshold: threshold / 100).text)
    }
}
