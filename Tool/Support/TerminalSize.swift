/// The size of a terminal, in characters.
struct TerminalSize: Equatable {
    var rows: UInt16
    var columns: UInt16

    /// The size as arguments of stty(1).
    var sttyArguments: String { "rows \(rows) cols \(columns)" }
    var sttyCommand: String { "stty \(sttyArguments)" }
}
