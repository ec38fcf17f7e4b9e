import Foundation
import SystemImage

#if canImport(Glibc)
    import Glibc
#endif

/// Connects standard input and output to a console of another run.
final class ConsoleLink {
    private let console: ConsoleClient
    private let end: [UInt8]?
    private let timeout: Duration?
    private let isRaw = TerminalMode.inputIsTerminal && TerminalMode.outputIsTerminal
    private var keys = KeyCommands(use: .console)
    private var inputIsOpen = true
    /// The last bytes of the console's output, which may hold the beginning of `end`.
    private var tail: [UInt8] = []

    /// The time for which the link still listens to a silent console after the end of the input.
    static let silence = Duration.seconds(1)

    init(console: ConsoleClient, until end: String?, timeout: Duration?) {
        (self.console, self.end, self.timeout) = (console, end.map { Array($0.utf8) }, timeout)
    }

    /// Runs the link.
    ///
    /// - Returns: the tool's exit status.
    func run() throws -> Int32 {
        TerminalMode.catchInterruptions()
        if isRaw {
            Progress.say("[entente: console '\(console.name)'; Ctrl-A X leaves, and the system goes on]")
            TerminalMode.enterRaw()
        }
        defer { TerminalMode.restore() }
        let deadline = timeout.map { ContinuousClock.now + $0 }
        var lastSign = ContinuousClock.now
        while !TerminalMode.wasInterrupted {
            if let deadline, ContinuousClock.now >= deadline {
                throw Failure("the time that --timeout allows is over", status: ExitStatus.timeout)
            }
            if !inputIsOpen, end == nil, .now - lastSign >= Self.silence { return 0 }
            var polled = [pollfd(fd: console.socket, events: Int16(POLLIN), revents: 0)]
            if inputIsOpen { polled.append(pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)) }
            guard poll(&polled, nfds_t(polled.count), 200) > 0 else { continue }
            lastSign = .now
            if polled.count > 1, polled[1].revents != 0, try readInput() { return 0 }
            if polled[0].revents != 0 {
                guard let said = console.read(patience: .zero) else { throw ConsoleClient.ended }
                try StandardStreams.write(said)
                if holdsEnd(said) { return 0 }
            }
        }
        return 0
    }

    private func holdsEnd(_ said: [UInt8]) -> Bool {
        guard let end else { return false }
        tail += said
        defer { tail = tail.suffix(end.count) }
        return tail.firstRange(of: end) != nil
    }

    /// Reads the user's input. Returns true if the user leaves.
    private func readInput() throws -> Bool {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = read(STDIN_FILENO, &buffer, buffer.count)
        guard count > 0 else {
            inputIsOpen = false
            return false
        }
        guard isRaw else {
            try console.type(buffer[..<count])
            return false
        }
        for action in keys.take(buffer[..<count]) {
            switch action {
            case .quit: return true
            case .type(let bytes): try console.type(bytes)
            case .typeSize: if let size = TerminalMode.size { try console.type("\(size.sttyCommand)\n".utf8) }
            // In raw mode a line feed does not return to the line's beginning.
            case .help: Progress.say("\r\n" + KeyCommands.helpOfConsole.joined(separator: "\r\n") + "\r")
            default: break
            }
        }
        return false
    }
}
