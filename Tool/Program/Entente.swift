import ArgumentParser
import Foundation
import SystemImage
import Tool
import Workshop

@main
struct Entente: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "entente",
        abstract: "Builds, runs and tests systems of machines and components on the Entente kernel.",
        subcommands: UserCommands.all + WorkshopCommands.all)

    /// Runs the command and prints the failure that ends it. No other function prints failures that end the tool.
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
        } catch let error where error is Failure || error is CocoaError {
            let failure = Failure.of(error)
            Progress.end(with: failure)
            Foundation.exit(failure.status)
        } catch {
            // These are the parser's own errors, its help, and exit codes.
            exit(withError: error)
        }
    }
}
