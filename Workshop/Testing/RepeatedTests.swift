import Foundation
import Tool

/// Repeats the host tests with one build, and counts the failures of each test.
///
/// It finds tests that fail now and then, because they share state or because the host is busy.
struct RepeatedTests {
    let workspace: Workspace
    let runs: Int

    /// The arguments that name each package with tests.
    private var packages: [[String]] {
        [(workspace.package, "tests"), (workspace.portableTests, "portable")].map { package, scratch in
            ["--package-path", package.path, "--scratch-path", workspace.build.appendingPathComponent(scratch).path]
        }
    }
    /// The folder for the outputs of runs with failures.
    private var logs: URL { workspace.state.appendingPathComponent("repeated") }

    /// Prints each failure when it occurs, and the failures by test at the end. Counts runs.
    func run() throws -> TestResult {
        for package in packages { try Subprocess("swift", ["build", "--build-tests"] + package).run() }
        try? FileManager.default.removeItem(at: logs)
        try workspace.make(logs)
        var failures: [String: Int] = [:]
        var result = TestResult(name: "\(runs) runs of the host tests", passed: 0, failed: 0)
        for run in 1...max(runs, 1) {
            let log = logs.appendingPathComponent("run-\(run).log")
            let failed = try failedTests(loggingTo: log)
            guard !failed.isEmpty else {
                result.passed += 1
                try FileManager.default.removeItem(at: log)
                continue
            }
            result.failed += 1
            Progress.say("    run \(run): \(failed.joined(separator: ", ")); see \(log.path)")
            for test in failed { failures[test, default: 0] += 1 }
        }
        Progress.say(RepeatedTests.table(failures, runs: result.passed + result.failed))
        return result
    }

    /// Runs all tests once, and returns those that failed.
    private func failedTests(loggingTo log: URL) throws -> [String] {
        try Data().write(to: log)
        let output = try FileHandle(forWritingTo: log)
        return try packages.flatMap { try failedTests(of: $0, loggingTo: output) }
    }

    private func failedTests(of package: [String], loggingTo output: FileHandle) throws -> [String] {
        let report = TestReport(folder: workspace.state, name: UUID().uuidString)
        defer { report.remove() }
        let arguments = ["test", "--skip-build", "--skip", "SystemTests", "--xunit-output", report.file.path]
        do {
            try Subprocess("swift", arguments + package).run(into: output)
            return []
        } catch {
            let failed = report.failedTests
            // A crash leaves no report.
            return failed.isEmpty ? ["the run ended early"] : failed
        }
    }

    /// Returns the failures by test, the most frequent first.
    static func table(_ failures: [String: Int], runs: Int) -> String {
        guard !failures.isEmpty else { return "    no test failed in \(runs) runs" }
        return failures.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
            .map { "    \($0.key): \($0.value) of \(runs) runs" }.joined(separator: "\n")
    }
}
