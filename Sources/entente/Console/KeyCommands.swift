/// Separates what a user types to a machine from what he types to the tool, which Ctrl-A introduces.
struct KeyCommands {
    enum Action: Equatable {
        case type([UInt8])
        case quit
        case nextMachine
        /// Counted from 1.
        case machine(Int)
        case toggleLogs
        case help
    }

    static let prefix: UInt8 = 0x01
    static let help = [
        "Ctrl-A X       leave: the board is switched off",
        "Ctrl-A N       go to the next machine's console",
        "Ctrl-A 1…9     go to the console of the machine with this number",
        "Ctrl-A L       show or hide the lines of the kernel and the components",
        "Ctrl-A Ctrl-A  type Ctrl-A",
        "Ctrl-A ?       this list",
    ]

    private var isPrefixed = false

    mutating func take(_ bytes: some Sequence<UInt8>) -> [Action] {
        var actions: [Action] = []
        for byte in bytes {
            if isPrefixed {
                isPrefixed = false
                if let action = action(for: byte) { actions.append(action) }
            } else if byte == KeyCommands.prefix {
                isPrefixed = true
            } else if case .type(let typed) = actions.last {
                actions[actions.count - 1] = .type(typed + [byte])
            } else {
                actions.append(.type([byte]))
            }
        }
        return actions
    }

    private func action(for byte: UInt8) -> Action? {
        switch byte {
        case KeyCommands.prefix: .type([byte])
        case UInt8(ascii: "x"), UInt8(ascii: "X"): .quit
        case UInt8(ascii: "n"), UInt8(ascii: "N"): .nextMachine
        case UInt8(ascii: "l"), UInt8(ascii: "L"): .toggleLogs
        case UInt8(ascii: "1")...UInt8(ascii: "9"): .machine(Int(byte - UInt8(ascii: "0")))
        case UInt8(ascii: "?"), UInt8(ascii: "h"), UInt8(ascii: "H"): .help
        default: nil
        }
    }
}
