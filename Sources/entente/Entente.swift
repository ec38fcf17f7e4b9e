import ArgumentParser
import Foundation
import SystemImage

@main
struct Entente: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "entente",
        abstract: "Builds, runs and tests systems of machines and components on the Entente kernel.",
        subcommands: [
            RunCommand.self, ConsoleCommand.self, RestartCommand.self, DebugCommand.self, BuildCommand.self, CheckCommand.self,
            PlanCommand.self,             TestCommand.self, BenchCommand.self, NewCommand.self, GenerateCommand.self, DocsCommand.self, CleanCommand.self,
        ])

    /// Errors are shown as they describe themselves, and end the tool with their own status.
    static func main() {
        StandardStreams.endWhenClosed()
        do {
            do {
                var command = try parseAsRoot()
                try command.run()
            } catch let code as ExitCode {
                try StandardStreams.finish()
                throw code
            }
            try StandardStreams.finish()
        } catch let failure as Failure {
            Progress.say("entente: error: \(failure)")
            Foundation.exit(failure.status)
        } catch let diagnostics as Diagnostics {
            Progress.say(diagnostics.description)
            Foundation.exit(1)
        } catch let error as ImageError {
            Progress.say("entente: \(error)")
            Foundation.exit(1)
        } catch let error as CocoaError {
            Progress.say("entente: error: \(Failure(error))")
            Foundation.exit(1)
        } catch {
            exit(withError: error)
        }
    }
}
