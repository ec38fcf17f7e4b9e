#if canImport(Glibc)
    import Glibc
#endif

/// The user's terminal in raw mode, and back in its old mode however the tool ends.
enum TerminalMode {
    nonisolated(unsafe) private static var saved = termios()
    nonisolated(unsafe) private static var isRaw = false
    /// Set by a signal that asks the tool to end.
    nonisolated(unsafe) private(set) static var wasInterrupted = false

    static var inputIsTerminal: Bool { isatty(STDIN_FILENO) == 1 }
    static var outputIsTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

    /// The size of the terminal that a user sees and types at, if there is one and it has a size.
    static var size: TerminalSize? {
        var size = winsize()
        guard inputIsTerminal, outputIsTerminal, ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 else { return nil }
        guard size.ws_row > 0, size.ws_col > 0 else { return nil }
        return TerminalSize(rows: size.ws_row, columns: size.ws_col)
    }

    /// From now on keys arrive one by one, unchanged and without echo.
    static func enterRaw() {
        guard tcgetattr(STDIN_FILENO, &saved) == 0 else { return }
        var raw = saved
        cfmakeraw(&raw)
        guard tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0 else { return }
        isRaw = true
        atexit { TerminalMode.restore() }
        // A bug of the tool itself must not leave the terminal unusable either.
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

    /// Signals that would end the tool end its session instead: poll(2) returns, and the session's owner looks here.
    static func catchInterruptions() {
        for number in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] {
            signal(number) { _ in TerminalMode.wasInterrupted = true }
        }
    }
}
