import Foundation

/// Everything that some consoles of a running system have said, for tests in which several parts talk at once.
final class ConsoleTexts {
    let system: RunningSystem
    /// The texts by console, without carriage returns.
    private(set) var texts: [String: String] = [:]
    /// Texts after which the test has failed, on any of the consoles.
    private let alarms: [String]

    init(of consoles: [String], in system: RunningSystem, alarms: [String] = []) {
        self.system = system
        self.alarms = alarms
        for console in consoles { texts[console] = "" }
    }

    /// Lets the system run for a while.
    ///
    /// - Throws: `SystemFailure` if the board went off, or if a console said one of the texts that mean failure.
    func pass(_ duration: Duration) throws {
        let end = ContinuousClock.now + duration
        repeat {
            system.listen(for: max(.zero, end - .now))
            try take()
        } while ContinuousClock.now < end
    }

    /// Waits until a console has said a text, now or at any time before.
    func wait(for text: String, on console: String, timeout: Duration = .seconds(120)) throws {
        let end = ContinuousClock.now + timeout
        try take()
        while !texts[console, default: ""].contains(text) {
            guard ContinuousClock.now < end else {
                throw SystemFailure(
                    description: "'\(console)' did not say '\(text)' in \(timeout), but last: "
                        + texts[console, default: ""].suffix(1500))
            }
            try pass(.milliseconds(20))
        }
    }

    /// Returns everything that a console has said, also after the end of the board.
    func takeLast(_ console: String) throws -> String {
        texts[console, default: ""] += try newText(of: console)
        return texts[console, default: ""]
    }

    private func take() throws {
        for console in texts.keys {
            texts[console, default: ""] += try newText(of: console)
            for alarm in alarms where texts[console, default: ""].contains(alarm) {
                // The rest of the line tells more.
                system.listen(for: .milliseconds(200))
                let text = texts[console, default: ""] + (try newText(of: console))
                throw SystemFailure(description: "'\(console)' said '\(alarm)': \(text.suffix(1500))")
            }
        }
        guard !system.hasEnded else { throw SystemFailure(description: "the board went off") }
    }

    /// Returns the new output. Its lines end with a line feed alone, because Swift counts two characters of a line's
    /// end as one.
    private func newText(of console: String) throws -> String {
        String(decoding: try system.takeOutput(of: console).utf8.filter { $0 != UInt8(ascii: "\r") }, as: UTF8.self)
    }
}
