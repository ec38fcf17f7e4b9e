import Foundation
import Tool

/// A built test program, which is run directly.
struct TestProgram: Sendable {
    let path: String

    /// Returns the names of all tests.
    func list() throws -> [String] {
        try Subprocess(path, ["--testing-library", "swift-testing", "--list-tests"]).text()
            .split(separator: "\n").map(String.init).filter { $0.contains("/") }
    }

    enum Outcome: Equatable {
        case passed
        case failed(test: String)
        case trapped
        case endless
    }

    /// Runs tests one after the other, and ends the run at the first failure or at a time limit.
    ///
    /// - Parameters:
    ///   - processorTime: the limit of processor time in seconds. The host's kernel counts whole seconds.
    ///   - time: the limit of real time in seconds.
    func run(
        _ tests: [String], environment: [String: String], processorTime: Double, time: Double
    ) throws -> Outcome {
        let output = Pipe()
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        let filter = "^(" + tests.map(NSRegularExpression.escapedPattern(for:)).joined(separator: "|") + ")"
        process.arguments =
            ["-c", "ulimit -c 0; ulimit -t \(max(2, Int(processorTime.rounded(.up)))); exec \"$0\" \"$@\"", path]
            + ["--testing-library", "swift-testing", "--no-parallel", "--filter", filter]
        // A backtrace of a trap takes longer than most runs.
        process.environment = ProcessInfo.processInfo.environment
            .merging(["SWIFT_BACKTRACE": "enable=no", "NO_COLOR": "1"]) { $1 }.merging(environment) { $1 }
        process.standardInput = FileHandle.nullDevice
        // The library reports failures on standard error.
        process.standardOutput = output.fileHandleForWriting
        process.standardError = output.fileHandleForWriting
        try process.run()
        try output.fileHandleForWriting.close()
        let identifier = process.processIdentifier
        let isLate = RaisedFlag()
        let watch = DispatchWorkItem {
            isLate.raise()
            kill(identifier, SIGKILL)
        }
        DispatchQueue.global().asyncAfter(deadline: .now() + time, execute: watch)
        let failure = firstFailure(output.fileHandleForReading)
        if failure != nil { kill(identifier, SIGKILL) }
        process.waitUntilExit()
        watch.cancel()
        if let failure { return .failed(test: failure) }
        if process.terminationReason == .exit { return process.terminationStatus == 0 ? .passed : .trapped }
        return isLate.isRaised || [SIGXCPU, SIGKILL].contains(process.terminationStatus) ? .endless : .trapped
    }

    /// Reads until a test reports its failure. Returns nil if no test does.
    private func firstFailure(_ output: FileHandle) -> String? {
        var text = ""
        while true {
            let data = output.availableData
            guard !data.isEmpty else { return nil }
            text += String(decoding: data, as: UTF8.self)
            if let match = text.firstMatch(of: /✘(?:\x1b\[0m)? Test (?!run)([^( ]+)/) { return String(match.1) }
            text = String(text.suffix(200))
        }
    }
}

/// A flag that one thread sets and another one reads.
final class RaisedFlag: @unchecked Sendable {
    private let lock = NSLock()
    private var value = false
    func raise() { lock.withLock { value = true } }
    var isRaised: Bool { lock.withLock { value } }
}
