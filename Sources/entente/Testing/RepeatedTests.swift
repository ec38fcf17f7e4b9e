import Foundation

/// Runs the host tests again and again with one build, and counts the failures of each test.
///
/// It finds tests that fail now and then, because of state that they share or of how busy the machine is.
struct RepeatedTests {
    let workspace: Workspace
    let runs: Int

    /// What one run of the tests left behind.
    private struct Outcome {
        /// Empty if all is well.
        var failed: [String]
        var output: String
    }

    private var package: [String] {
        ["--package-path", workspace.root.path, "--scratch-path", workspace.root.appendingPathComponent(".build/tests").path]
    }
    /// Holds the outputs of runs with failures, beside the outputs of earlier calls' runs only until those are removed.
    private var logs: URL { workspace.state.appendingPathComponent("repeated") }

    /// Prints each failure when it occurs, and the failures by test at the end; counts runs.
    func run() throws -> TestResult {
        try Subprocess("swift", ["build", "--build-tests"] + package).run()
        try? FileManager.default.removeItem(at: logs)
        try workspace.make(logs)
        var failures: [String: Int] = [:]
        var result = TestResult(name: "\(runs) runs of the host tests", passed: 0, failed: 0)
        for run in 1...max(runs, 1) {
            let outcome = runOnce()
            guard !outcome.failed.isEmpty else {
                result.passed += 1
                continue
            }
            result.failed += 1
            let log = logs.appendingPathComponent("run-\(run).log")
            try outcome.output.write(to: log, atomically: true, encoding: .utf8)
            Progress.say("    run \(run): \(outcome.failed.joined(separator: ", ")); see \(log.path)")
            for test in outcome.failed { failures[test, default: 0] += 1 }
        }
        Progress.say(RepeatedTests.table(failures, runs: result.passed + result.failed))
        return result
    }

    private func runOnce() -> Outcome {
        let report = TestReport(folder: workspace.state, name: UUID().uuidString)
        defer { report.remove() }
        let arguments = ["test", "--skip-build", "--skip", "SystemTests", "--xunit-output", report.file.path]
        do {
            _ = try Subprocess("swift", arguments + package).output()
            return Outcome(failed: [], output: "")
        } catch {
            let failed = report.failedTests
            // A crash leaves no report behind, but what had begun and not ended.
            return Outcome(failed: failed.isEmpty ? ["the run ended early"] : failed, output: "\(error)")
        }
    }

    /// The failures by test, the most frequent first.
    static func table(_ failures: [String: Int], runs: Int) -> String {
        guard !failures.isEmpty else { return "    no test failed in \(runs) runs" }
        return failures.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
            .map { "    \($0.key): \($0.value) of \(runs) runs" }.joined(separator: "\n")
    }
}
