import ArgumentParser

/// The commands that a user of Entente needs.
package enum UserCommands {
    package static var all: [any ParsableCommand.Type] {
        [
            RunCommand.self, ConsoleCommand.self, RestartCommand.self, DebugCommand.self, BuildCommand.self,
            CheckCommand.self, PlanCommand.self, DiskCommand.self, NewCommand.self, GenerateCommand.self,
            DocsCommand.self,
            CleanCommand.self,
        ]
    }
}
