#if canImport(Glibc)
    import Glibc
#endif

/// The user's terminal in raw mode, which returns to its old mode when the tool ends in any way.
enum TerminalMode {
    nonisolated(unsafe) private static var saved = termios()
    nonisolated(unsafe) private static var isRaw = false
    /// The number of signals that have asked the tool to end.
    nonisolated(unsafe) private(set) static var interruptions = 0
    static var wasInterrupted: Bool { interruptions > 0 }

    static var inputIsTerminal: Bool { isatty(STDIN_FILENO) == 1 }
    static var outputIsTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

    /// The size of the user's terminal, or nil if there is none or it has no size.
    static var size: TerminalSize? {
        var size = winsize()
        guard inputIsTerminal, outputIsTerminal, ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 else { return nil }
        guard size.ws_row > 0, size.ws_col > 0 else { return nil }
        return TerminalSize(rows: size.ws_row, columns: size.ws_col)
    }

    /// Enters raw mode, in which keys arrive one by one, unchanged and without echo.
    static func enterRaw() {
        guard tcgetattr(STDIN_FILENO, &saved) == 0 else { return }
        var raw = saved
        cfmakeraw(&raw)
        guard tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0 else { return }
        isRaw = true
        atexit { TerminalMode.restore() }
        // A bug of the tool itself must not leave the terminal unusable.
        for number in [SIGILL, SIGTRAP, SIGABRT, SIGSEGV, SIGBUS] {
            signal(number) { number in
                TerminalMode.restore()
                signal(number, SIG_DFL)
                raise(number)
            }
        }
    }

    static func restore() {
        guard isRaw else { return }
        isRaw = false
        tcsetattr(STDIN_FILENO, TCSADRAIN, &saved)
    }

    /// Lets signals that would end the tool end its session instead: poll(2) returns, and the session checks
    /// `interruptions`.
    static func catchInterruptions() {
        for number in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] {
            signal(number) { _ in TerminalMode.interruptions += 1 }
        }
    }
}
