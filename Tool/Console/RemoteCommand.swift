import Foundation

/// Runs one command with the shell that waits at a machine's console, and takes exactly its output and its status out
/// of what the console says.
///
/// A console is a poor wire: it echoes, it changes line ends, it mixes in the kernel's messages, and it drops what
/// comes too fast. So the command travels as base64, in pieces. The shell acknowledges each with the length that it has
/// by then, because a piece that lost a byte would still decode, to another command. The output comes back with output
/// processing off, between two marks that the shell computes and that the echo therefore does not hold.
///
/// The machine needs a shell with `printf`, `base64` and `stty` in its PATH.
struct RemoteCommand {
    enum Action: Equatable {
        case type([UInt8])
        /// Bytes of the command's output.
        case output([UInt8])
        case finished(status: Int32)
        /// The shell got another command out of the pieces than was sent, and has run nothing.
        case undecodable
    }

    private enum State {
        case waitingForPrompt
        /// The shell was asked for a sign of life.
        case greeting
        /// This piece was sent; perhaps again, because the shell had another length behind it.
        case sending(Int, again: Bool = false)
        case starting
        case running
        case finished
    }

    private let token: String
    private let pieces: [Substring]
    /// Bytes of the command.
    private let size: Int
    private var state = State.waitingForPrompt
    private var heard: [UInt8] = []
    /// When the machine said something, or was asked something, the last time.
    private var lastSign = ContinuousClock.now

    /// How long a silent machine is left alone.
    static let patience = Duration.seconds(8)
    /// Characters of base64 in a line: it must fit the line editor of a small shell, which is 1024 bytes in busybox.
    static let pieceSize = 512
    private static let memory = 1 << 16

    /// - Parameter command: Any bytes but zero, which no argument of a program can hold.
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

    /// Whether what the machine says is its own affair still, rather than part of this conversation.
    var isWaiting: Bool { if case .waitingForPrompt = state { true } else { false } }

    /// The bytes that the machine said behind the command's end: the next prompt, or its beginning.
    var leftOver: [UInt8] { if case .finished = state { heard } else { [] } }

    /// Output that was kept back because it could be the beginning of the mark behind the output.
    var keptBack: [UInt8] { isRunning ? heard : [] }

    /// How many of the command's bytes the shell has; nil unless they are being typed.
    var typed: (bytes: Int, size: Int)? {
        guard case .sending(let number, _) = state else { return nil }
        return (number * RemoteCommand.pieceSize / 4 * 3, size)
    }

    /// Whether the shell has begun to run the command.
    var isRunning: Bool { if case .running = state { true } else { false } }

    /// Goes on after the machine has said something.
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

    /// Goes on when the machine has been silent for a while: a prompt may have gone by unseen, or something that
    /// looked like a prompt was none.
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

    /// One step, if what was heard allows it.
    private mutating func step() -> [Action]? {
        switch state {
        case .waitingForPrompt:
            guard RemoteCommand.endsWithPrompt(heard) else { return nil }
            heard = []
            state = .greeting
            // Messages of the kernel would stand in the middle of the output.
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
        // Another variable keeps the text before the piece.
        let (former, variable) = number == 0 ? ("", "") : ("$_c", "${_c}")
        return [type("_p=\(former);_c=\(variable)\(pieces[number]);\(answer("got\(number).${#_c}."))")]
    }

    /// Sends a piece again; if that has not helped, all pieces, because what was there before it may be damaged as
    /// well.
    private mutating func resend(_ number: Int, _ isAgain: Bool) -> [Action] {
        guard number > 0, !isAgain else { return send(0) }
        state = .sending(number, again: true)
        return [type("_c=${_p}\(pieces[number]);\(answer("got\(number).${#_c}."))")]
    }

    /// Takes the length that the shell has after a piece; nil until all of the answer is there.
    private mutating func takeAnswer(to number: Int) -> Int? {
        guard let mark = heard.firstRange(of: Array("\(token)got\(number).".utf8)),
            let end = heard[mark.upperBound...].firstIndex(of: UInt8(ascii: "."))
        else { return nil }
        defer { heard.removeFirst(end + 1) }
        return Int(String(decoding: heard[mark.upperBound..<end], as: UTF8.self)) ?? -1
    }

    private mutating func start() -> [Action] {
        state = .starting
        // A substitution drops the line feeds at its end, so another character stands there.
        let decode = "_c=\"$(printf %s \"$_c\"|base64 -d;printf .)\""
        // Without a working base64 nothing is left, and a shell runs nothing with success. The length is counted in
        // bytes, in a process of its own so that the command keeps its locale.
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

    /// Shell text that prints the token and a word as one, which the echo of the text does not hold.
    private func answer(_ word: String) -> String { "printf '\\n%s%s\\n' \(token) \(word)" }

    private func type(_ line: String) -> Action { .type(Array((line + "\n").utf8)) }

    private mutating func drop(through mark: String) -> Bool {
        guard let found = heard.firstRange(of: Array(mark.utf8)) else { return false }
        heard.removeFirst(found.upperBound)
        return true
    }

    /// Whether the text ends as the prompts of shells do, leaving out terminal control sequences.
    static func endsWithPrompt(_ bytes: [UInt8]) -> Bool {
        let text = String(decoding: bytes.suffix(256), as: UTF8.self)
            .replacing(/\u{1B}\[[0-9;?]*[a-zA-Z]/, with: "")
        return text.hasSuffix("# ") || text.hasSuffix("$ ")
    }
}
