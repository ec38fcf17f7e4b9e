import Foundation
import SystemImage
import Tool

/// Runs the tests that boot systems on QEMU, two suites at a time.
///
/// One suite alone leaves a core of the host idle most of the time, because an emulator has one thread that computes,
/// and the test waits for it. More than two would slow each other down beyond the tests' time limits. The suites share
/// nothing: each run of a system has its own files (`RunFiles`), and builds of programs wait for each other.
struct SystemTestRun: Sendable {
    let workspace: Workspace
    /// The names of the suites to run; empty for all.
    var wanted: [String] = []

    static let title = "System tests"
    static let width = 2

    /// The suites that take longest. They begin first, so that both lanes end at about the same time.
    static let longest = [
        "DebateTests", "HarmTests", "BenchmarkTests", "KillTests", "TutorialTests", "DebianDiskTests", "DebianTests",
        "HostileTests",
        "DeviceFuzzTests", "PowerCutTests", "InterruptFloodTests", "RealtimeTests",
    ]

    /// Builds the tests and runs them all.
    func run() throws -> TestResult {
        let scratch = workspace.build.appendingPathComponent("tests").path
        let package = ["--package-path", workspace.package.path, "--scratch-path", scratch]
        workspace.dropStalePlans(in: URL(fileURLWithPath: scratch))
        try Subprocess("swift", ["build", "--build-tests"] + package).run()
        let program = TestProgram(path: scratch + "/debug/HostPackageTests.xctest")
        let suites = Self.suites(of: try program.list()).filter { wanted.isEmpty || wanted.contains($0) }
        guard !suites.isEmpty else { throw Failure("the test program holds no such system tests") }
        try workspace.make(workspace.state)
        let results = try Parallel.map(suites, width: Self.width) { try run(suite: $0, of: program) }
        return results.reduce(into: TestResult(name: Self.title, passed: 0, failed: 0)) {
            $0.passed += $1.passed
            $0.failed += $1.failed
        }
    }

    /// Returns the names of the suites, those that take longest first.
    static func suites(of tests: [String]) -> [String] {
        let names = Set(
            tests.compactMap { $0.firstMatch(of: /^SystemTests\.SystemTests\/(\w+)\//).map { String($0.1) } })
        return longest.filter(names.contains) + names.subtracting(longest).sorted()
    }

    func run(suite: String, of program: TestProgram) throws -> TestResult {
        let report = TestReport(folder: workspace.state, name: UUID().uuidString)
        defer { report.remove() }
        let start = ContinuousClock.now
        let test = Subprocess(
            program.path,
            ["--testing-library", "swift-testing", "--no-parallel", "--xunit-output", report.file.path]
                + ["--filter", "^SystemTests\\.SystemTests/\(suite)/"],
            environment: ["ENTENTE_SYSTEM_TESTS": "1", "ENTENTE_ROOT": workspace.root.path])
        let (status, text) = try test.outcome()
        var result = report.result(named: suite)
        // A crash leaves no count, and must not look like a success.
        if status != 0 || result.passed == 0, result.failed == 0 { result.failed = 1 }
        let seconds = (ContinuousClock.now - start).seconds
        Progress.say("    \(suite): \(result.passed) passed, \(result.failed) failed in \(seconds) s")
        if result.failed > 0 { Progress.say(text) }
        return result
    }
}
