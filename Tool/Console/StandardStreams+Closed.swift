#if canImport(Glibc)
    import Glibc
#endif

extension StandardStreams {
    /// Lets a write to an output without a reader end the tool as it ends other programs: without a message, by SIGPIPE
    /// (status 141 in a shell), with the board off and the terminal restored.
    ///
    /// A handler serves `print` and all other writes alike, including writes that are added later.
    package static func endWhenClosed() {
        signal(SIGPIPE) { number in
            TerminalMode.restore()
            EmulatorProcess.endPresent()
            signal(number, SIG_DFL)
            raise(number)
        }
    }
}
