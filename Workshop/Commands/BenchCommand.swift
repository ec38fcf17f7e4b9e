import ArgumentParser
import Foundation
import SystemImage
import Tool

struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measures the system on the emulator, in instructions.",
        subcommands: [
            BenchDebateCommand.self, BenchListCommand.self, BenchRunCommand.self, BenchReportCommand.self,
            BenchCompareCommand.self,
            BenchPrimitivesCommand.self, BenchEfficiencyCommand.self, BenchMemoryCommand.self,
            BenchRealtimeCommand.self, BenchEntriesCommand.self, BenchDiskCommand.self, BenchXenCommand.self,
        ])
}
