import Foundation

/// Runs one command with the shell at a machine's console, and separates the command's output and status from
/// everything else that the console prints.
///
/// A console changes the bytes that pass it: it echoes, it changes line ends, it mixes in the kernel's messages, and it
/// drops bytes that come too fast. So the command travels as base64, in pieces. The shell acknowledges each piece by
/// the length that it has received so far, because a piece with a lost byte would still decode, but to another command.
/// The output comes back with output processing off, between two marks. The shell computes the marks, so that the echo
/// does not hold them.
///
/// The machine needs a shell with `printf`, `base64` and `stty` in its PATH.
struct RemoteCommand {
    enum Action: Equatable {
        case type([UInt8])
        /// Bytes of the command's output.
        case output([UInt8])
        case finished(status: Int32)
        /// The shell decoded a command that differs from the one sent, and has run nothing.
        case undecodable
    }

    private enum State {
        case waitingForPrompt
        /// The shell was asked to answer.
        case greeting
        /// This piece was sent, perhaps for the second time, because the shell reported another length after the first.
        case sending(Int, again: Bool = false)
        case starting
        case running
        case finished
    }

    private let token: String
    private let pieces: [Substring]
    /// The length of the command in bytes.
    private let size: Int
    private var state = State.waitingForPrompt
    private var heard: [UInt8] = []
    /// The time at which the machine last printed something or was last asked.
    private var lastSign = ContinuousClock.now

    /// The time for which a silent machine is not asked again.
    static let patience = Duration.seconds(8)
    /// The base64 characters in a line. It must fit the line editor of a small shell, which holds 1024 bytes in
    /// busybox.
    static let pieceSize = 512
    private static let memory = 1 << 16

    /// Prepares a command.
    ///
    /// - Parameter command: any bytes but zero, which no argument of a program can hold.
    init(
        _ command: some Sequence<UInt8>,
        token: String = "e" + String(UInt32.random(in: 0x1000_0000 ... .max), radix: 16)
    ) {
        self.token = token
        let bytes = Data(command)
        size = bytes.count
        var rest = bytes.base64EncodedString()[...]
        var pieces: [Substring] = []
        repeat {
            pieces.append(rest.prefix(RemoteCommand.pieceSize))
            rest = rest.dropFirst(RemoteCommand.pieceSize)
        } while !rest.isEmpty
        self.pieces = pieces
    }

    /// True if the machine's output is not yet part of this conversation.
    var isWaiting: Bool { if case .waitingForPrompt = state { true } else { false } }

    /// The bytes that the machine printed behind the command's end: the next prompt, or its beginning.
    var leftOver: [UInt8] { if case .finished = state { heard } else { [] } }

    /// The output that was kept back because it could be the beginning of the mark behind the output.
    var keptBack: [UInt8] { isRunning ? heard : [] }

    /// The number of the command's bytes that the shell has, or nil if they are not being typed.
    var typed: (bytes: Int, size: Int)? {
        guard case .sending(let number, _) = state else { return nil }
        return (number * RemoteCommand.pieceSize / 4 * 3, size)
    }

    /// True if the shell has begun to run the command.
    var isRunning: Bool { if case .running = state { true } else { false } }

    /// Processes output of the machine.
    mutating func heard(_ bytes: [UInt8]) -> [Action] {
        if !bytes.isEmpty { lastSign = .now }
        heard += bytes
        var actions: [Action] = []
        while let action = step() { actions += action }
        switch state {
        case .waitingForPrompt, .greeting, .sending, .starting:
            if heard.count > RemoteCommand.memory { heard.removeFirst(heard.count - RemoteCommand.memory / 2) }
        case .running, .finished: break
        }
        return actions
    }

    /// Continues after a silence of the machine: a prompt may have been missed, or a text that looked like a prompt was
    /// none.
    mutating func nudge() -> [Action] {
        guard ContinuousClock.now - lastSign > RemoteCommand.patience else { return [] }
        lastSign = .now
        switch state {
        case .waitingForPrompt, .greeting:
            state = .waitingForPrompt
            return [type("")]
        // The end of a line was lost, or the answer was.
        case .sending(let number, let isAgain): return [type("")] + resend(number, isAgain)
        case .starting, .running, .finished: return []
        }
    }

    /// Makes one step, if the output so far allows it.
    private mutating func step() -> [Action]? {
        switch state {
        case .waitingForPrompt:
            guard RemoteCommand.endsWithPrompt(heard) else { return nil }
            heard = []
            state = .greeting
            // Messages of the kernel would appear in the middle of the output.
            return [type("dmesg -n 1 2>/dev/null;\(answer("hello"))")]
        case .greeting:
            guard drop(through: "\(token)hello") else { return nil }
            return send(0)
        case .sending(let number, let isAgain):
            guard let length = takeAnswer(to: number) else { return nil }
            guard length == pieces[...number].reduce(0, { $0 + $1.utf8.count }) else { return resend(number, isAgain) }
            return number + 1 < pieces.count ? send(number + 1) : start()
        case .starting:
            if drop(through: "\(token)undecoded\n") {
                state = .finished
                return [.undecodable]
            }
            guard drop(through: "\(token)begin\n") else { return nil }
            state = .running
            return []
        case .running:
            return takeOutput()
        case .finished:
            return nil
        }
    }

    private mutating func send(_ number: Int) -> [Action] {
        state = .sending(number)
        // A second variable keeps the text before the piece.
        let (former, variable) = number == 0 ? ("", "") : ("$_c", "${_c}")
        return [type("_p=\(former);_c=\(variable)\(pieces[number]);\(answer("got\(number).${#_c}."))")]
    }

    /// Sends a piece again. If that has not helped, sends all pieces, because an earlier one may be damaged as well.
    private mutating func resend(_ number: Int, _ isAgain: Bool) -> [Action] {
        guard number > 0, !isAgain else { return send(0) }
        state = .sending(number, again: true)
        return [type("_c=${_p}\(pieces[number]);\(answer("got\(number).${#_c}."))")]
    }

    /// Takes the length that the shell reports after a piece, or returns nil until the whole answer has come.
    private mutating func takeAnswer(to number: Int) -> Int? {
        guard let mark = heard.firstRange(of: Array("\(token)got\(number).".utf8)),
            let end = heard[mark.upperBound...].firstIndex(of: UInt8(ascii: "."))
        else { return nil }
        defer { heard.removeFirst(end + 1) }
        return Int(String(decoding: heard[mark.upperBound..<end], as: UTF8.self)) ?? -1
    }

    private mutating func start() -> [Action] {
        state = .starting
        // A substitution drops the line feeds at its end, so another character protects them.
        let decode = "_c=\"$(printf %s \"$_c\"|base64 -d;printf .)\""
        // Without a working base64 the text is empty, and a shell runs an empty text with success. The length is
        // counted in bytes, in a process of its own, so that the command keeps its locale.
        let isWhole = "(LC_ALL=C;[ ${#_c} = \(size + 1) ])"
        let run = "\(answer("begin"));sh -c \"${_c%.}\" </dev/null;printf '\\n%s%s %d\\n' \(token) end $?"
        return [type("stty -opost;\(decode);if \(isWhole);then \(run);else \(answer("undecoded"));fi;stty opost")]
    }

    private mutating func takeOutput() -> [Action]? {
        let mark = Array("\n\(token)end ".utf8)
        if let found = heard.firstRange(of: mark) {
            guard let end = heard[found.upperBound...].firstIndex(of: 0x0A) else { return nil }
            let digits = String(decoding: heard[found.upperBound..<end], as: UTF8.self)
            let output = Array(heard[..<found.lowerBound])
            state = .finished
            heard.removeFirst(end + 1)
            let status = Int32(digits.trimmingCharacters(in: .whitespaces)) ?? ExitStatus.connectionLost
            return (output.isEmpty ? [] : [.output(output)]) + [.finished(status: status)]
        }
        // Bytes that could be the beginning of the mark stay.
        let kept = (1..<mark.count).last { heard.suffix($0).elementsEqual(mark.prefix($0)) } ?? 0
        guard heard.count > kept else { return nil }
        defer { heard.removeFirst(heard.count - kept) }
        return [.output(Array(heard.dropLast(kept)))]
    }

    /// Returns shell text that prints the token and a word as one. The echo of the text does not hold the two together.
    private func answer(_ word: String) -> String { "printf '\\n%s%s\\n' \(token) \(word)" }

    private func type(_ line: String) -> Action { .type(Array((line + "\n").utf8)) }

    private mutating func drop(through mark: String) -> Bool {
        guard let found = heard.firstRange(of: Array(mark.utf8)) else { return false }
        heard.removeFirst(found.upperBound)
        return true
    }

    /// Returns true if the text ends as the prompts of shells do, apart from terminal control sequences.
    static func endsWithPrompt(_ bytes: [UInt8]) -> Bool {
        let text = String(decoding: bytes.suffix(256), as: UTF8.self)
            .replacing(/\u{1B}\[[0-9;?]*[a-zA-Z]/, with: "")
        return text.hasSuffix("# ") || text.hasSuffix("$ ")
    }
}
