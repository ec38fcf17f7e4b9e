import Foundation

#if canImport(Glibc)
    import Glibc
#endif

/// The user's screen, with the attached console's bytes as they come, and whole lines of other consoles in between.
struct TerminalScreen {
    let isRaw: Bool
    /// The attached console's unfinished line. It appears again after another line has taken its place.
    private var unfinished: [UInt8] = []
    /// The output that came while a question was on the screen.
    private var held: [(bytes: [UInt8], isLine: Bool)] = []
    private var heldSize = 0
    private(set) var isAsking = false

    /// The size of an unfinished line, at most.
    static let recentSize = 2048
    /// The size of the held output, at most, so that a user who does not answer does not fill the tool's memory.
    private static let mostHeld = 1 << 18

    init(isRaw: Bool) { self.isRaw = isRaw }

    /// The question for the cursor's position. If it appeared twice, the terminal's second answer would be typed to the
    /// machine.
    private static let cursorQuery = Array("\u{1B}[6n".utf8)

    /// True if a shell waits at an empty prompt.
    var showsPrompt: Bool { RemoteCommand.endsWithPrompt(unfinished) }

    /// Shows bytes of the attached console.
    mutating func show(_ bytes: [UInt8]) throws {
        guard !isAsking else { return hold(bytes, isLine: false) }
        try StandardStreams.write(bytes)
        if let end = bytes.lastIndex(of: 0x0A) {
            unfinished = Array(bytes[(end + 1)...])
        } else {
            unfinished = (unfinished + bytes).suffix(Self.recentSize)
        }
        unfinished.replace(Self.cursorQuery, with: [])
    }

    /// Shows another console's line, or one of the tool's.
    mutating func showLine(_ line: String) throws {
        let text = line.withVisibleControls
        guard isRaw else { return Progress.say(text) }
        guard !isAsking else { return hold(Array(text.utf8), isLine: true) }
        // The sequence goes to the left edge and clears the line.
        let erase = unfinished.isEmpty ? "" : "\r\u{1B}[K"
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\r\n")
        try StandardStreams.write("\(erase)\(lines)\r\n".utf8, to: STDERR_FILENO)
        try StandardStreams.write(unfinished)
    }

    /// Turns to another console, and shows its last output.
    mutating func turn(to said: [UInt8]) throws {
        unfinished = []
        try show(said.replacing(Self.cursorQuery, with: []))
    }

    // MARK: Questions

    /// Replaces the unfinished line by a question and the beginning of its answer.
    mutating func ask(_ question: String, typed: String) throws {
        isAsking = true
        try StandardStreams.write("\r\u{1B}[K[entente: \(question)] \(typed)".utf8, to: STDERR_FILENO)
    }

    /// Removes the question, and shows the output that came meanwhile.
    mutating func endQuestion() throws {
        guard isAsking else { return }
        isAsking = false
        try StandardStreams.write("\r\u{1B}[K".utf8, to: STDERR_FILENO)
        try StandardStreams.write(unfinished)
        let parts = held
        (held, heldSize) = ([], 0)
        for part in parts {
            if part.isLine { try showLine(String(decoding: part.bytes, as: UTF8.self)) } else { try show(part.bytes) }
        }
    }

    private mutating func hold(_ bytes: [UInt8], isLine: Bool) {
        guard heldSize + bytes.count <= Self.mostHeld else { return }
        heldSize += bytes.count
        held.append((bytes, isLine))
    }
}
