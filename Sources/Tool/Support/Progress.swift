import Foundation

/// What the tool tells the user while it works: one line for each step, on standard error.
package enum Progress {
    /// Announces a step that `body` does, and says how long it took when a person could have noticed.
    package static func step<Result>(_ title: String, _ body: () throws -> Result) rethrows -> Result {
        say("==> \(title)")
        let start = ContinuousClock.now
        let result = try body()
        let elapsed = ContinuousClock.now - start
        if elapsed > .seconds(1) { say("    done in \(elapsed.seconds) s") }
        return result
    }

    package static func say(_ line: String) {
        // Nothing could say that standard error does not work.
        try? StandardStreams.write((line + "\n").utf8, to: STDERR_FILENO)
    }
}

extension Duration {
    /// Seconds with one decimal.
    package var seconds: String { String(format: "%.1f", Double(components.seconds) + Double(components.attoseconds) * 1e-18) }

    package var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }

    /// Whole milliseconds for poll(2), rounded up, so that a short wait does not become a busy loop.
    package var milliseconds: Int32 { Int32(clamping: Int((inSeconds * 1000).rounded(.up))) }
}
