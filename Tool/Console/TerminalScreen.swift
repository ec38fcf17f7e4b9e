import Foundation

#if canImport(Glibc)
    import Glibc
#endif

/// The user's screen: the attached console's bytes as they come, and whole lines of others in between.
struct TerminalScreen {
    let isRaw: Bool
    /// The attached console's unfinished line: it is shown again after another line has taken its place.
    private var unfinished: [UInt8] = []
    /// Output that came while a question stood on the screen.
    private var held: [(bytes: [UInt8], isLine: Bool)] = []
    private var heldSize = 0
    private(set) var isAsking = false

    /// An unfinished line may be so long.
    static let recentSize = 2048
    /// A user who does not answer must not make the tool grow.
    private static let mostHeld = 1 << 18

    init(isRaw: Bool) { self.isRaw = isRaw }

    /// Asks a terminal where its cursor is; shown twice, the answers would be typed to the machine.
    private static let cursorQuery = Array("\u{1B}[6n".utf8)

    /// Whether a shell waits at an empty prompt.
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
        // Goes to the left edge and clears what stands there.
        let erase = unfinished.isEmpty ? "" : "\r\u{1B}[K"
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\r\n")
        try StandardStreams.write("\(erase)\(lines)\r\n".utf8, to: STDERR_FILENO)
        try StandardStreams.write(unfinished)
    }

    /// Turns to another console, of which this was said last.
    mutating func turn(to said: [UInt8]) throws {
        unfinished = []
        try show(said.replacing(Self.cursorQuery, with: []))
    }

    // MARK: Questions

    /// Puts a question and what has been typed of its answer in place of the unfinished line.
    mutating func ask(_ question: String, typed: String) throws {
        isAsking = true
        try StandardStreams.write("\r\u{1B}[K[entente: \(question)] \(typed)".utf8, to: STDERR_FILENO)
    }

    /// Takes the question away, and shows what came meanwhile.
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
