import ABI
import Foundation
import SystemImage

#if canImport(Glibc)
    import Glibc
#endif

/// Connects the user's terminal to the consoles of a running system until the board is off or the user leaves.
final class TerminalSession {
    private let session: Session
    private let machines: [Channel]
    private var attached: Channel?
    private var keys = KeyCommands()
    private var filter = LineFilter()
    private var screen: TerminalScreen
    private var inputIsOpen = true
    /// True while the machines write their files, before the board goes off.
    private var isLeaving = false
    /// The last output of each console, for the moment at which the user turns to it.
    private var recent: [UInt8: [UInt8]] = [:]
    /// The lines that wait for an empty prompt.
    private var waiting: [String] = []
    /// The time until which root's answers appear at once, because the user has asked for something.
    private var answersAreDue = ContinuousClock.now

    /// The text in a line of any console that ends the session with success.
    private let end: String?

    /// The number of waiting lines, at most, so that a machine without a prompt does not fill the tool's memory. The
    /// log has all.
    private static let mostWaiting = 100

    init(session: Session, attachTo console: Channel?, until end: String? = nil) {
        self.session = session
        self.end = end
        machines = session.channels.machines
        attached = console ?? machines.first
        screen = TerminalScreen(isRaw: TerminalMode.inputIsTerminal && TerminalMode.outputIsTerminal)
    }

    /// Runs the session.
    ///
    /// - Returns: the tool's exit status.
    func run(timeout: Duration?) throws -> Int32 {
        TerminalMode.catchInterruptions()
        if screen.isRaw { TerminalMode.enterRaw() }
        defer { TerminalMode.restore() }
        if screen.isRaw { try announce("Ctrl-A X leaves, Ctrl-A ? lists all commands") }
        let deadline = timeout.map { ContinuousClock.now + $0 }
        while !TerminalMode.wasInterrupted {
            let patience = deadline.map { $0 - .now } ?? .seconds(3600)
            guard patience > .zero else {
                try leave()
                throw Failure("the time that --timeout allows is over", status: ExitStatus.timeout)
            }
            for event in session.wait(timeout: patience, watching: inputIsOpen ? STDIN_FILENO : nil) {
                if let status = try handle(event) { return status }
            }
        }
        try leave()
        return 0
    }

    /// Lets the machines write their files, and switches the board off. A second command to leave ends it at once.
    private func leave() throws {
        defer { session.end() }
        guard !session.machinesToSave.isEmpty, !session.hasEnded else { return }
        let names = session.machinesToSave.map { "'\($0.name)'" }.joined(separator: ", ")
        try announce(
            "\(names): writing all files; \(screen.isRaw ? "Ctrl-A X" : "another interruption") leaves at once")
        isLeaving = true
        let interruptions = TerminalMode.interruptions
        let warnings = try session.saveFiles(watching: { self.inputIsOpen ? STDIN_FILENO : nil }) { event in
            try handle(event) == nil && TerminalMode.interruptions == interruptions
        }
        for warning in warnings { try announce(warning) }
    }

    /// Handles an event. Returns the exit status if the event ends the session.
    private func handle(_ event: Session.Event) throws -> Int32? {
        switch event {
        case .output(let channel, let bytes):
            recent[channel] = (recent[channel, default: []] + bytes).suffix(TerminalScreen.recentSize)
            if attached?.number == channel { try show(bytes) }
        case .line(let channel, let text):
            try heard(text, of: channel)
            if !isLeaving, let end, text.contains(end) {
                try leave()
                return 0
            }
        case .readable:
            return try readInput()
        case .ended(let status):
            try announce("the board is off")
            return status
        }
        return nil
    }

    // MARK: Output

    private func show(_ bytes: [UInt8]) throws {
        try screen.show(bytes)
        guard screen.isRaw, screen.showsPrompt else { return }
        if attached?.kind == .machine, filter.sawPrompt() {
            try announce("other consoles' lines are hidden from here on; Ctrl-A L shows them")
        }
        for line in waiting { try screen.showLine(line) }
        waiting = []
    }

    private func heard(_ line: String, of number: UInt8) throws {
        guard number != attached?.number, let channel = session.channels.first(where: { $0.number == number }) else {
            return
        }
        // Without a terminal no user types, so the lines go to standard error, apart from the machine's.
        let verdict = screen.isRaw ? filter.verdict(on: channel) : channel.kind == .machine ? .hide : .show
        switch verdict {
        case .show: try screen.showLine(line)
        case .showAtPrompt where screen.showsPrompt || ContinuousClock.now < answersAreDue: try screen.showLine(line)
        case .showAtPrompt: waiting = (waiting + [line]).suffix(Self.mostWaiting)
        case .hide: break
        }
    }

    private func announce(_ text: String) throws { try screen.showLine("[entente: \(text)]") }

    // MARK: Input

    private func readInput() throws -> Int32? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = read(STDIN_FILENO, &buffer, buffer.count)
        guard count > 0 else {
            inputIsOpen = false
            return nil
        }
        let bytes = buffer[..<count]
        let actions = screen.isRaw ? keys.take(bytes) : [.type(Array(bytes))]
        for action in actions {
            if action == .quit {
                if !isLeaving { try leave() }
                session.end()
                try announce("left; the board was switched off")
                return 0
            }
            try perform(action)
        }
        return nil
    }

    private func perform(_ action: KeyCommands.Action) throws {
        switch action {
        case .type(let bytes):
            if let attached { session.type(bytes, to: attached.number) }
        case .nextMachine:
            let present = machines.firstIndex { $0.number == attached?.number } ?? -1
            if !machines.isEmpty { try attach(to: machines[(present + 1) % machines.count]) }
        case .machine(let number):
            if machines.indices.contains(number - 1) { try attach(to: machines[number - 1]) }
        case .toggleLogs:
            try announce(
                filter.toggle()
                    ? "other consoles' lines are shown"
                    : "other consoles' lines are hidden, but for faults and restarts; all go to \(session.files.logs.shortPath)"
            )
        case .typeSize:
            if let attached, let size = TerminalMode.size {
                session.type("\(size.sttyCommand)\n".utf8, to: attached.number)
            }
        case .help:
            for line in KeyCommands.help { try announce(line) }
        case .ask(let question, let typed):
            try screen.ask(text(of: question), typed: typed)
        case .answer(let question, let name):
            try screen.endQuestion()
            try answer(question, name)
        case .forget:
            try screen.endQuestion()
        case .quit:
            break
        }
    }

    private func text(of question: KeyCommands.Question) -> String {
        switch question {
        case .attach: "go to the console (Enter: list them):"
        case .restart: "restart (Enter: \(attached.flatMap { $0.isTenant ? $0.name : nil } ?? "nothing")):"
        case .mute: "show or hide the lines of (Enter: list all):"
        }
    }

    private func answer(_ question: KeyCommands.Question, _ name: String) throws {
        let consoles = session.channels
        guard !name.isEmpty || (question == .restart && attached?.isTenant == true) else {
            guard question != .restart else { return }
            return try announce("consoles: " + consoles.map(\.name).joined(separator: ", "))
        }
        guard let console = name.isEmpty ? attached : consoles.meant(by: name) else {
            return try announce(
                "no console has the name '\(name)'; the consoles are: " + consoles.map(\.name).joined(separator: ", "))
        }
        switch question {
        case .attach: try attach(to: console)
        case .restart: try restart(console)
        case .mute:
            let shows = filter.toggle(console)
            try announce("the lines of '\(console.name)' are \(shows ? "shown" : "hidden")")
        }
    }

    private func restart(_ console: Channel) throws {
        guard console.isTenant else {
            return try announce("'\(console.name)' cannot be restarted while the system runs")
        }
        answersAreDue = .now + .seconds(10)
        try announce("asking root to restart '\(console.name)'")
        session.type(RootCommand.kill(console.name), to: ConsoleChannel.root)
    }

    private func attach(to console: Channel) throws {
        attached = console
        let index = machines.firstIndex { $0.number == console.number }
        let which = index.map { "machine \($0 + 1) of \(machines.count)" } ?? "console"
        try announce("\(which): \(console.name)" + (console.kind == .kernel ? "; the kernel takes no input" : ""))
        var said = recent[console.number, default: []]
        // The output may begin in the middle of a line, so it starts with the next one.
        if said.count == TerminalScreen.recentSize { said = Array(said.drop { $0 != 0x0A }.dropFirst()) }
        try screen.turn(to: said)
    }
}
