import Foundation

#if canImport(Glibc)
    import Glibc
#endif

/// Connects the user's terminal to the consoles of a running system until the board is off or the user leaves.
final class TerminalSession {
    private let session: Session
    private let machines: [Channel]
    private var attached: Int
    private var keys = KeyCommands()
    private var showsLogs = true
    private var inputIsOpen = true
    /// What each machine said last, for the moment at which the user turns to it.
    private var recent: [UInt8: [UInt8]] = [:]
    /// The attached machine's unfinished line: it is shown again after a log line has taken its place.
    private var unfinished: [UInt8] = []

    /// Text in a line of any console that ends the session well.
    private let end: String?

    private static let recentSize = 2048
    private let isRaw = TerminalMode.inputIsTerminal && TerminalMode.outputIsTerminal

    init(session: Session, attachTo machine: Channel?, until end: String? = nil) {
        self.session = session
        self.end = end
        machines = session.channels.machines
        attached = machines.firstIndex { $0.number == machine?.number } ?? 0
    }

    /// - Returns: The tool's exit status.
    func run(timeout: Duration?) throws -> Int32 {
        TerminalMode.catchInterruptions()
        if isRaw { TerminalMode.enterRaw() }
        defer { TerminalMode.restore() }
        if isRaw { announce("Ctrl-A X leaves, Ctrl-A ? lists what else there is") }
        let deadline = timeout.map { ContinuousClock.now + $0 }
        while !TerminalMode.wasInterrupted {
            let patience = deadline.map { $0 - .now } ?? .seconds(3600)
            guard patience > .zero else {
                throw Failure("the time that --timeout allows is over", status: ExitStatus.timeout)
            }
            for event in session.wait(timeout: patience, watching: inputIsOpen ? STDIN_FILENO : nil) {
                if let status = handle(event) { return status }
            }
        }
        session.end()
        return 0
    }

    /// The exit status when the event ends the session.
    private func handle(_ event: Session.Event) -> Int32? {
        switch event {
        case .output(let channel, let bytes):
            recent[channel] = (recent[channel, default: []] + bytes).suffix(TerminalSession.recentSize)
            if machines.indices.contains(attached), machines[attached].number == channel { show(bytes) }
        case .line(let channel, let text):
            let isMachine = machines.contains { $0.number == channel }
            if showsLogs, !isMachine { showLog(text) }
            if let end, text.contains(end) {
                session.end()
                return 0
            }
        case .readable:
            return readInput()
        case .ended(let status):
            announce("the board is off")
            return status
        }
        return nil
    }

    // MARK: Output

    private func show(_ bytes: [UInt8]) {
        write(bytes, to: STDOUT_FILENO)
        if let end = bytes.lastIndex(of: 0x0A) {
            unfinished = Array(bytes[(end + 1)...])
        } else {
            unfinished = (unfinished + bytes).suffix(TerminalSession.recentSize)
        }
        unfinished.replace(TerminalSession.cursorQuery, with: [])
    }

    private func showLog(_ line: String) {
        let text = line.withVisibleControls
        guard isRaw else { return Progress.say(text) }
        // Goes to the left edge and clears what stands there.
        let erase = unfinished.isEmpty ? "" : "\r\u{1B}[K"
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\r\n")
        write(Array("\(erase)\(lines)\r\n".utf8), to: STDERR_FILENO)
        write(unfinished, to: STDOUT_FILENO)
    }

    /// Asks a terminal where its cursor is; shown twice, the answers would be typed to the machine.
    private static let cursorQuery = Array("\u{1B}[6n".utf8)

    private func announce(_ text: String) { showLog("[entente: \(text)]") }

    private func write(_ bytes: [UInt8], to descriptor: Int32) {
        try? StandardStreams.write(bytes, to: descriptor)
    }

    // MARK: Input

    private func readInput() -> Int32? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = read(STDIN_FILENO, &buffer, buffer.count)
        guard count > 0 else {
            inputIsOpen = false
            return nil
        }
        let bytes = buffer[..<count]
        let actions = isRaw ? keys.take(bytes) : [.type(Array(bytes))]
        for action in actions {
            if action == .quit {
                session.end()
                announce("left; the board was switched off")
                return 0
            }
            perform(action)
        }
        return nil
    }

    private func perform(_ action: KeyCommands.Action) {
        switch action {
        case .type(let bytes):
            if machines.indices.contains(attached) { session.type(bytes, to: machines[attached].number) }
        case .nextMachine:
            if !machines.isEmpty { attach(to: (attached + 1) % machines.count) }
        case .machine(let number):
            if machines.indices.contains(number - 1) { attach(to: number - 1) }
        case .toggleLogs:
            showsLogs.toggle()
            announce(showsLogs ? "log lines are shown" : "log lines are hidden; they still go to the files")
        case .help:
            KeyCommands.help.forEach(announce)
        case .quit:
            break
        }
    }

    private func attach(to index: Int) {
        attached = index
        unfinished = []
        announce("machine \(index + 1) of \(machines.count): \(machines[index].name)")
        var said = recent[machines[index].number, default: []]
        // What was cut off in the middle of a line starts with the next one.
        if said.count == TerminalSession.recentSize { said = Array(said.drop { $0 != 0x0A }.dropFirst()) }
        show(said.replacing(TerminalSession.cursorQuery, with: []))
    }
}
