import Foundation
import SystemImage
import Tool

/// Runs the tests of the project, continues after failures, and counts the results.
struct TestSuite {
    let workspace: Workspace
    private(set) var results: [TestResult] = []

    init(workspace: Workspace) { self.workspace = workspace }

    var hasPassed: Bool { !results.isEmpty && results.allSatisfy { $0.failed == 0 } }

    /// A table of the results, with a last line of the form `N passed, N failed`.
    var summary: String {
        let rows = results.map { "\($0.name): \($0.passed) passed, \($0.failed) failed" }
        let passed = results.reduce(0) { $0 + $1.passed }
        let failed = results.reduce(0) { $0 + $1.failed }
        return (rows + ["\(passed) passed, \(failed) failed"]).joined(separator: "\n")
    }

    /// Runs the tests of the tool and of its libraries.
    mutating func runToolTests() {
        runSwiftTests("Tool tests", ["--skip", "SystemTests"], of: workspace.package, scratch: "tests")
    }

    /// Runs the tests of the portable modules, with a sanitizer if one is named.
    ///
    /// Only these modules have several threads and unsafe memory, so the tool's own tests run without sanitizers. The
    /// thread sanitizer's run leaves out the tests that have one thread.
    ///
    /// - Parameter isLong: runs the long tests in their full form.
    mutating func runPortableTests(sanitizer: String? = nil, isLong: Bool) {
        let title = "Host tests" + (sanitizer.map { " with the \($0) sanitizer" } ?? "")
        var arguments = sanitizer.map { ["--sanitize=\($0)"] } ?? []
        // The test runner and Foundation leak a little at their end. Other errors of memory are still found.
        var environment = ["ASAN_OPTIONS": "detect_leaks=0"]
        if sanitizer == "thread" {
            environment["ENTENTE_THREADS"] = "1"
            // The explorations of interleavings run one core at a time.
            arguments += ["--skip", "Interleaving"]
        }
        if isLong { environment["ENTENTE_TEST_LONG"] = "1" }
        runSwiftTests(
            title, arguments, of: workspace.portableTests, scratch: sanitizer ?? "portable", environment: environment)
    }

    /// Runs the explorations of interleavings in their full form.
    mutating func runInterleavings() {
        runSwiftTests(
            "Interleavings", ["--filter", "Interleaving"], of: workspace.portableTests, scratch: "portable",
            environment: ["ENTENTE_INTERLEAVINGS": "full"])
    }

    /// Runs the host tests `runs` times, to find those that fail now and then.
    mutating func repeatHostTests(_ runs: Int) {
        let workspace = workspace
        record("\(runs) runs of the host tests") { try RepeatedTests(workspace: workspace, runs: runs).run() }
    }

    /// Runs the tests that boot whole systems on QEMU.
    ///
    /// - Parameter suites: the names of the suites to run, or an empty array for all of them.
    mutating func runSystemTests(_ suites: [String] = []) {
        let run = SystemTestRun(workspace: workspace, wanted: suites)
        record(SystemTestRun.title) { try run.run() }
    }

    /// Kills every part of every example `kills` times, for the nightly run.
    mutating func runKillTests(kills: Int) {
        runSwiftTests(
            "\(kills) kills", ["--filter", "KillTests", "--no-parallel"], of: workspace.package, scratch: "tests",
            environment: [
                "ENTENTE_SYSTEM_TESTS": "1", "ENTENTE_ROOT": workspace.root.path, "ENTENTE_KILLS": "\(kills)",
            ])
    }

    /// Runs `count` random operations against the reference model, for the nightly run. The build is optimised, because
    /// the run would otherwise take an hour.
    mutating func runOperations(_ count: Int) {
        runSwiftTests(
            "\(count) operations",
            [
                "--filter", "ModelTests.theKernelDoesWhatTheReferenceSays", "--sanitize=address", "-c", "release",
                "-Xswiftc",
                "-enable-testing",
            ], of: workspace.portableTests, scratch: "operations",
            environment: ["ASAN_OPTIONS": "detect_leaks=0", "ENTENTE_TEST_OPERATIONS": "\(count)"])
    }

    mutating func checkImages() {
        let workspace = workspace
        record("Image checks") {
            let kernel = try CrossBuild(workspace: workspace).program("Kernel", as: .kernel)
            return try ImageCheck(program: kernel).run()
        }
        record("Typed calls") {
            try TypedCallCheck(program: try CrossBuild(workspace: workspace).program("Primitives")).run()
        }
        record("Generated interfaces") {
            let stale = try GeneratedInterfaces(workspace: workspace).files().filter(\.isStale)
            stale.forEach { Progress.say("\($0.url.path) is not what its interface asks for; run ./entente generate") }
            return TestResult(name: "Generated interfaces", passed: stale.isEmpty ? 1 : 0, failed: stale.count)
        }
    }

    mutating func checkFormat() {
        let workspace = workspace
        record("Format") { try FormatCheck(workspace: workspace).run() }
    }

    mutating func checkReference() {
        let workspace = workspace
        record("Reference") { try KitReferenceCheck(workspace: workspace).run() }
    }

    /// Checks the proofs of the kernel's cross-core paths with spin.
    mutating func checkProofs() {
        let workspace = workspace
        record("Proofs") { try ProofCheck(workspace: workspace).run() }
    }

    /// Tries mutants of the portable modules, and prints the report to standard output.
    mutating func check(_ mutants: MutantCheck) {
        record("Mutants") { try TestSuite.result(of: mutants.run()) }
    }

    /// Does other work while the test program with the mutants is built, and then tries them.
    mutating func check(_ mutants: MutantCheck, beside work: (inout TestSuite) -> Void) {
        let preparation = Background { try mutants.prepare() }
        work(&self)
        record("Mutants") { try TestSuite.result(of: mutants.run(preparation.result())) }
    }

    private static func result(of report: MutantReport) -> TestResult {
        print(report.text)
        return report.result
    }

    private mutating func runSwiftTests(
        _ title: String, _ arguments: [String], of package: URL, scratch: String, environment: [String: String] = [:]
    ) {
        let workspace = workspace
        record(title) {
            try workspace.make(workspace.state)
            let report = TestReport(folder: workspace.state, name: UUID().uuidString)
            defer { report.remove() }
            let scratch = workspace.build.appendingPathComponent(scratch)
            workspace.dropStalePlans(in: scratch)
            let all =
                ["test", "--package-path", package.path, "--scratch-path", scratch.path]
                + ["--xunit-output", report.file.path] + arguments
            do {
                try Subprocess("swift", all, environment: environment).run()
            } catch let failure as Failure {
                Progress.say(failure.problem)
                var result = report.result(named: title)
                // A crash or a failed build leaves no count, and must not look like a success.
                if result.failed == 0 { result.failed = 1 }
                return result
            }
            return report.result(named: title)
        }
    }

    private mutating func record(_ title: String, _ body: () throws -> TestResult) {
        do {
            results.append(try Progress.step(title, body))
        } catch {
            Progress.say(Failure.of(error).about(title).description)
            results.append(TestResult(name: title, passed: 0, failed: 1))
        }
    }
}
