/// Separates a user's input for a console from commands for the tool, which begin with Ctrl-A.
struct KeyCommands {
    enum Action: Equatable {
        case type([UInt8])
        case quit
        case nextMachine
        /// Turns to the machine of this number, counted from 1.
        case machine(Int)
        case toggleLogs
        /// Types the command that tells a shell the terminal's size.
        case typeSize
        case help
        /// Asks for the name of a console, of which the user has typed this much.
        case ask(Question, typed: String)
        case answer(Question, name: String)
        /// The user has cancelled the question.
        case forget
    }

    enum Question: Equatable {
        case attach
        case restart
        case mute
    }

    /// The kind of program that the keys control. Only a whole session can turn from console to console.
    enum Use { case session, console }

    static let prefix: UInt8 = 0x01
    static let help = [
        "Ctrl-A X       leave: the board is switched off",
        "Ctrl-A N       go to the next machine's console",
        "Ctrl-A 1…9     go to the console of the machine with this number",
        "Ctrl-A C       go to any console, of root or a component as well: asks for its name",
        "Ctrl-A R       restart a machine or a component, though it hangs: asks for its name",
        "Ctrl-A L       show or hide the lines of the other consoles",
        "Ctrl-A M       show or hide the lines of one console: asks for its name",
        "Ctrl-A W       type 'stty', with the terminal's size, at the console's shell: after the window has changed",
        "Ctrl-A Ctrl-A  type Ctrl-A",
        "Ctrl-A ?       this list",
    ]

    static let helpOfConsole = [
        "Ctrl-A X       leave: the system goes on",
        "Ctrl-A W       type 'stty', with the terminal's size, at the console's shell: after the window has changed",
        "Ctrl-A Ctrl-A  type Ctrl-A",
        "Ctrl-A ?       this list",
    ]

    private let use: Use
    private var isPrefixed = false
    private var question: Question?
    private var name = ""
    private static let longestName = 64

    init(use: Use = .session) { self.use = use }

    mutating func take(_ bytes: some Sequence<UInt8>) -> [Action] {
        var actions: [Action] = []
        for byte in bytes {
            if let question {
                actions.append(answer(to: question, byte))
            } else if isPrefixed {
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

    private mutating func action(for byte: UInt8) -> Action? {
        switch byte {
        case KeyCommands.prefix: .type([byte])
        case UInt8(ascii: "x"), UInt8(ascii: "X"): .quit
        case UInt8(ascii: "w"), UInt8(ascii: "W"): .typeSize
        case UInt8(ascii: "?"), UInt8(ascii: "h"), UInt8(ascii: "H"): .help
        case _ where use == .console: nil
        case UInt8(ascii: "n"), UInt8(ascii: "N"): .nextMachine
        case UInt8(ascii: "l"), UInt8(ascii: "L"): .toggleLogs
        case UInt8(ascii: "c"), UInt8(ascii: "C"): ask(.attach)
        case UInt8(ascii: "r"), UInt8(ascii: "R"): ask(.restart)
        case UInt8(ascii: "m"), UInt8(ascii: "M"): ask(.mute)
        case UInt8(ascii: "1")...UInt8(ascii: "9"): .machine(Int(byte - UInt8(ascii: "0")))
        default: nil
        }
    }

    private mutating func ask(_ question: Question) -> Action {
        (self.question, name) = (question, "")
        return .ask(question, typed: "")
    }

    private mutating func answer(to question: Question, _ byte: UInt8) -> Action {
        switch byte {
        case 0x0A, 0x0D:
            self.question = nil
            return .answer(question, name: name)
        // These are Ctrl-A, Ctrl-C, Ctrl-D, Ctrl-G and Escape.
        case KeyCommands.prefix, 0x03, 0x04, 0x07, 0x1B:
            self.question = nil
            return .forget
        case 0x08, 0x7F: if !name.isEmpty { name.removeLast() }
        case 0x21...0x7E: if name.utf8.count < KeyCommands.longestName { name.append(Character(Unicode.Scalar(byte))) }
        default: break
        }
        return .ask(question, typed: name)
    }
}
