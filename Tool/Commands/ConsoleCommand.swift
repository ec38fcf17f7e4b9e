import ArgumentParser
import Foundation
import SystemImage

#if canImport(Glibc)
    import Glibc
#endif

/// The options that name one of the running systems.
struct RunningSystemOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("The system's name as its run prints it; not needed if only one runs.", valueName: "name"))
    var system: String?
}

struct ConsoleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "console",
        abstract:
            "Connects to a console of a system that another './entente run' has booted: of a machine, of a component, of root.",
        discussion: """
            The console's output goes to standard output, and standard input is typed at it. At a terminal, Ctrl-A X \
            leaves, and the system goes on. In a script it ends at the text of --until; without that, when the input \
            has ended and the console has been silent for a second.

                echo restarts | ./entente console root
            """)

    @Argument(
        help: ArgumentHelp(
            "The console: 'root', the name of a machine or component, or the beginning of such a name.",
            valueName: "name"))
    var name: String

    @OptionGroup var system: RunningSystemOptions

    @Option(help: ArgumentHelp("End with success as soon as the console prints this text.", valueName: "text"))
    var until: String?

    @Option(help: ArgumentHelp("End with status 124 after this time.", valueName: "seconds"))
    var timeout: Int?

    func validate() throws {
        if let timeout, timeout < 1 { throw ValidationError("--timeout needs at least 1 second") }
        if let until, until.isEmpty {
            throw ValidationError("--until needs a text, because an empty one would match at once")
        }
    }

    func run() throws {
        let limit = timeout.map { Duration.seconds($0) }
        let console = try ConsoleClient(
            name, of: system.system, workspace: Workspace.current(),
            patience: min(limit ?? ConsoleClient.patience, ConsoleClient.patience))
        let link = ConsoleLink(console: console, until: until, timeout: limit)
        throw ExitCode(try link.run())
    }
}

struct RestartCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restart",
        abstract:
            "Restarts a machine or a component of a running system, even if it hangs, and waits until it is back.",
        discussion: """
            One that is dead and will come back by itself is waited for; one that stays stopped needs a new run of the \
            system. A restart counts as one of the deaths that the restart policy allows (docs/manifest.md). The status \
            is 1 if it stays stopped.
            """)

    @Argument(help: ArgumentHelp("The machine or component.", valueName: "name"))
    var name: String

    @OptionGroup var system: RunningSystemOptions

    @Option(help: ArgumentHelp("End with status 124 after this time.", valueName: "seconds"))
    var timeout = 60

    func validate() throws {
        if timeout < 1 { throw ValidationError("--timeout needs at least 1 second") }
    }

    func run() throws {
        let workspace = try Workspace.current()
        // Root takes whole names only, and only the run knows them.
        let deadline = ContinuousClock.now + .seconds(timeout)
        let patience = min(.seconds(timeout), ConsoleClient.patience)
        let whole = try ConsoleClient(name, of: system.system, workspace: workspace, patience: patience).name
        let root = try ConsoleClient("root", of: system.system, workspace: workspace, patience: patience)
        try root.type(RootCommand.kill(whole))
        var answer = RestartAnswer(name: whole)
        while ContinuousClock.now < deadline {
            guard let said = root.read(patience: deadline - .now) else { throw ConsoleClient.ended }
            switch answer.heard(said) {
            case .back(let line): return print(line)
            // Root may be about to restart it, so the command asks for its state.
            case .dead: try root.type(RootCommand.line("restarts"))
            case .stopped(let line):
                throw Failure(
                    "root: \(line)",
                    remedy: "start the system again, or let its 'restart' in the manifest allow more deaths")
            case .refused(let line):
                throw Failure(
                    "root: \(line)", remedy: "choose a name that 'echo restarts | ./entente console root' lists")
            case nil: continue
            }
        }
        throw Failure(
            "'\(whole)' did not come back within \(timeout) s", remedy: "allow more time by --timeout",
            status: ExitStatus.timeout)
    }
}

/// Finds root's answer to `kill` in root's output.
struct RestartAnswer {
    enum Outcome: Equatable {
        case back(String)
        case refused(String)
        /// The tenant was dead already. Root's list tells if it comes back.
        case dead
        case stopped(String)
    }

    let name: String
    private var splitter = LineSplitter()
    private var wasDead = false

    init(name: String) { self.name = name }

    mutating func heard(_ bytes: [UInt8]) -> Outcome? {
        for line in splitter.take(bytes) {
            // The text follows root's time.
            let text = line.hasPrefix("[") ? line.drop { $0 != "]" }.dropFirst().drop { $0 == " " } : line[...]
            let words = String(text).replacing("root: ", with: "")
            if words.hasPrefix("back: \(name),") { return .back(words) }
            if words.hasPrefix("no tenant has this name") { return .refused(words) }
            let stops = ["limit: \(name) ", "\(name) is beyond its limit; limit: "]
            if stops.contains(where: words.hasPrefix) { return .stopped(words) }
            if words.hasPrefix("this tenant is dead already") {
                wasDead = true
                return .dead
            }
            if wasDead, words.hasPrefix("\(name): stays stopped") { return .stopped(words) }
            // The tenant has come back meanwhile.
            if wasDead, words.hasPrefix("\(name): runs") { return .back(words) }
        }
        return nil
    }
}
