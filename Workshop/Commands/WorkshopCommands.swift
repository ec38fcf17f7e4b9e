import ArgumentParser

/// The commands for the work on this repository: tests and benchmarks.
package enum WorkshopCommands {
    package static var all: [any ParsableCommand.Type] { [TestCommand.self, BenchCommand.self] }
}
