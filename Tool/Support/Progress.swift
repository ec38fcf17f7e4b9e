import Foundation
import Logging
import SystemImage

/// Tells the user what the tool does, by one line for each step on standard error.
///
/// The variable `ENTENTE_LOG` names the least important level that appears, by default `notice`. Steps have the level
/// `notice`, doubts about a system `warning`, and the failure that ends the tool `error`.
package enum Progress {
    private static let log: Logger = {
        var log = Logger(label: "entente") { _ in LineHandler() }
        log.logLevel = level(named: ProcessInfo.processInfo.environment[variable])
        return log
    }()

    static let variable = "ENTENTE_LOG"

    static func level(named name: String?) -> Logger.Level {
        name.flatMap { Logger.Level(rawValue: $0.lowercased()) } ?? .notice
    }

    /// Announces a step, performs `body`, and prints its time if a person could have noticed it.
    package static func step<Result>(_ title: String, _ body: () throws -> Result) rethrows -> Result {
        say("==> \(title)")
        let start = ContinuousClock.now
        let result = try body()
        let elapsed = ContinuousClock.now - start
        if elapsed > .seconds(1) { say("    done in \(elapsed.seconds) s") }
        return result
    }

    package static func say(_ line: String) { log.notice("\(line)") }

    static func warn(_ warning: Diagnostic) { log.warning("\(warning)") }

    /// Prints the failure that ends the tool.
    package static func end(with failure: Failure) { log.error("\(failure)") }
}

/// Writes each message as it is, without time and level, because a person reads it at once.
private struct LineHandler: LogHandler {
    var logLevel = Logger.Level.notice
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        // If standard error does not work, no output is left to report that.
        try? StandardStreams.write("\(event.message)\n".utf8, to: STDERR_FILENO)
    }
}

extension Duration {
    /// The seconds, with one decimal.
    package var seconds: String { String(format: "%.1f", inSeconds) }

    package var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }

    /// The whole milliseconds for poll(2), rounded up, so that a short wait does not become a busy loop.
    package var milliseconds: Int32 { Int32(clamping: Int((inSeconds * 1000).rounded(.up))) }
}
