import Foundation
import SystemImage
import Testing

@testable import Tool
@testable import Workshop

@Suite struct ImageCheckTests {
    @Test func findsVectorInstructions() {
        let text = """
            0000000000000040 <ordinary>:
                  40:      \tldr\tx0, [x1, #0x8]
                  44:      \tbl\t0x80 <d0>
                  48:      \tstp\tq0, q1, [sp, #-0x20]!
                  4c:      \tmovi\tv0.2d, #0000000000000000
                  50:      \tfmov\tx0, d1
                  54:      \tadd\tw0, w1, #0xd0
                  58:      \tb.hs\t0x60 <x+0x20>

            0000000000000060 <floating_point_save>:
                  60:      \tstp\tq0, q1, [x0]
            """
        let found = ImageCheck.vectorInstructions(inDisassembly: text)
        #expect(found.count == 3)
        #expect(found.allSatisfy { $0.hasPrefix("ordinary: ") })
    }

    @Test func findsAddressTranslations() {
        let text = """
                  3c:      \tisb
                  40:      \tat\ts1e1r, x0
                  44:      \tb.eq\t0x80 <what at s1e1r>
                  48:      \tmrs\tx0, PAR_EL1
            """
        #expect(ImageCheck.addressTranslations(inDisassembly: text).count == 1)
        #expect(ImageCheck.unknownTranslations(inDisassembly: text) == [])
        let others = text.replacing("s1e1r, x0", with: "s12e1r, x0")
        #expect(ImageCheck.unknownTranslations(inDisassembly: others).count == 1)
        let unguarded = text.replacing("isb", with: "nop")
        #expect(ImageCheck.unknownTranslations(inDisassembly: unguarded).count == 1)
        let many = String(repeating: text + "\n", count: ImageCheck.knownTranslations + 1)
        #expect(ImageCheck.unknownTranslations(inDisassembly: many).count == 5)
    }

    @Test func findsRegistersThatAreNeverWritten() {
        let all = ImageCheck.writtenRegisters
        let text = all.enumerated().map { "   40:   \tmsr\t\($0 % 2 == 0 ? $1.name : $1.encoding), x8" }
        #expect(ImageCheck.unwrittenRegisters(inDisassembly: text.joined(separator: "\n")) == [])
        #expect(ImageCheck.unwrittenRegisters(inDisassembly: text.dropFirst().joined(separator: "\n")) == [all[0].name])
        #expect(ImageCheck.unwrittenRegisters(inDisassembly: "   40:   \tmrs\tx8, HCR_EL2").contains("HCR_EL2"))
    }

    @Test func knowsAllocators() {
        for name in ["malloc", "free", "posix_memalign", "swift_slowAlloc", "swift_allocObject", "swift_retain"] {
            #expect(ImageCheck.isAllocator(name), "\(name)")
        }
        for name in ["memset", "$s10KernelCore6RegionV5allocyyF", "freeze", "swift_once"] {
            #expect(!ImageCheck.isAllocator(name), "\(name)")
        }
    }
}

@Suite struct TestReportTests {
    @Test func countsSuites() {
        let text = """
            <testsuites><testsuite name="a" errors="1" tests="5" failures="1" skipped="1" time="0.1"><testcase/></testsuite>
            <testsuite name="b" errors="0" tests="3" failures="0" skipped="0" time="0.1"/></testsuites>
            """
        let count = TestReport.count(inFile: text)
        #expect(count.tests == 8 && count.failures == 2 && count.skipped == 1)
    }

    @Test func namesTheTestsThatFailed() {
        let text = """
            <testsuites><testsuite name="a">
            <testcase classname="Core.CallTests" name="passes()" time="0.1" />
            <testcase classname="Core.CallTests" name="fails(count:)" time="0.1">
              <failure message="1 == 2" />
            </testcase>
            <testcase classname="Core.CallTests" name="isSkipped()" time="0.1">
              <skipped />
            </testcase>
            </testsuite></testsuites>
            """
        #expect(TestReport.failedTests(inFile: text) == ["Core.CallTests/fails(count:)"])
    }

    @Test func countsFailuresByTest() {
        #expect(RepeatedTests.table([:], runs: 3) == "    no test failed in 3 runs")
        let table = RepeatedTests.table(["b": 1, "a": 1, "often": 2], runs: 3)
        #expect(table == "    often: 2 of 3 runs\n    a: 1 of 3 runs\n    b: 1 of 3 runs")
    }
}

@Suite struct ProofCheckTests {
    @Test func readsHowAModelIsChecked() {
        let text = """
            // check: pass
            // check: fail fair -DONE -DTWO=2  what is wrong
            // checked: pass
            """
        #expect(
            ProofRun.runs(inProof: text) == [
                ProofRun(expectsError: false, isFair: false, flags: []),
                ProofRun(expectsError: true, isFair: true, flags: ["-DFAIR", "-DONE", "-DTWO=2"]),
            ])
    }

    private func isAsExpected(_ report: String, expectsError: Bool) -> Bool {
        let run = ProofRun(expectsError: expectsError, isFair: false, flags: [])
        return ProofOutcome(report: report, run: run, duration: .seconds(1)).isAsExpected
    }

    @Test func judgesReports() {
        let good = "State-vector 60 byte, depth reached 9, errors: 0\n  12 states, stored\n"
        let violated =
            "pan:1: assertion violated (x==1) (at depth 3)\nState-vector 60 byte, depth reached 9, errors: 1\n"
        #expect(isAsExpected(good, expectsError: false) && !isAsExpected(good, expectsError: true))
        #expect(!isAsExpected(violated, expectsError: false) && isAsExpected(violated, expectsError: true))
        #expect(!isAsExpected("error: max search depth too small\n" + good, expectsError: false))
        #expect(!isAsExpected("", expectsError: false) && !isAsExpected("", expectsError: true))
    }

    @Test func noticesClaimsThatAreNotReached() {
        let others = "unreached in proctype core0\n\ta.pml:3, state 4, \"x = 1\"\n\t(1 of 4 states)\n"
        let end = "unreached in proctype watch\n\ta.pml:9, state 4, \"-end-\"\n"
        #expect(ProofOutcome.unreachedClaim(inReport: others + end) == nil)
        let claim = "unreached in proctype watch\n\ta.pml:8, state 3, \"assert(x)\"\n"
        #expect(ProofOutcome.unreachedClaim(inReport: others + claim) == "a.pml:8, state 3, \"assert(x)\"")
    }
}

@Suite struct BenchRowTests {
    @Test func readsRows() throws {
        let row = try #require(BenchRow(line: "[  1.0] bench: bench: exit.hypercall 249.5"))
        #expect(row.name == "exit.hypercall" && row.value == 249.5)
        #expect(BenchRow(line: "bench: end") == nil)
        #expect(BenchRow(line: "bench: exit.hypercall none") == nil)
        #expect(BenchRow.isEnd(line: "[ 1.0] guest: bench: end"))
    }
}

@Suite struct SymboliserTests {
    @Test func findsAddresses() {
        #expect(Symboliser.addresses(in: " 0x10 0xffff, 12 pc=0x3") == [0x10, 0xFFFF, 3])
    }

    @Test func linesWithoutAddressesStay() {
        let symboliser = Symboliser(channels: [Channel(name: "kernel", kind: .kernel, number: 0)])
        #expect(symboliser.annotate("panic: core 0", from: 0) == "panic: core 0")
        #expect(symboliser.annotate("backtrace: 0x10", from: 9) == "backtrace: 0x10")
    }
}

@Suite struct FormatCheckTests {
    @Test func findsLongLines() throws {
        let folder = TemporaryFolder()
        let fits = "// " + String(repeating: "é", count: 117)
        _ = try folder.write("A.swift", "let a = 1\n// short\n\(fits)\n    \(fits)\nlet b = \"\(fits)\"\n")
        let found = try FormatCheck.longLines(below: folder.url)
        #expect(found.map { $0.place?.line } == [4])
        #expect(found.first?.problem == "the line has 124 characters, and 120 fit")
    }

    private var root: URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
    }

    @Test func eachFolderIsThere() {
        for folder in FormatCheck.documentFolders {
            #expect(FileManager.default.fileExists(atPath: root.appendingPathComponent(folder).path), "\(folder)")
        }
    }

    @Test func findsLongProse() {
        let long = String(repeating: "word ", count: 25)
        let link = "[text](\(String(repeating: "a", count: 120)).md)"
        let text = """
            \(String(repeating: "é", count: 120))
            \(long)
            | \(long) |
              - \(long)
            - \(link).
            !\(link)
            See \(link) and \(link).
            ```sh
            \(long)
            ```
            \(long)
            """
        #expect(FormatCheck.longProse(inDocument: text).map(\.line) == [2, 4, 7, 11])
        #expect(FormatCheck.longProse(inDocument: text).first?.count == 125)
    }

    @Test func findsLongProseInEachFolder() throws {
        let folder = TemporaryFolder()
        let long = String(repeating: "word ", count: 25)
        for name in FormatCheck.documentFolders { _ = try folder.write("\(name)/a/A.md", "short\n\(long)\n") }
        _ = try folder.write("README.md", "\(long)\n")
        _ = try folder.write("Kit/.build/A.md", "\(long)\n")
        _ = try folder.write("docs/A.swift", "\(long)\n")
        let found = try FormatCheck.longProse(inRepository: folder.url)
        #expect(
            found.map { $0.place?.file }
                == (["README.md"] + FormatCheck.documentFolders.map { "\($0)/a/A.md" }).sorted())
        #expect(found.first?.place == Diagnostic.Place(file: "Benchmarks/a/A.md", line: 2, column: 121))
    }

    @Test func theDocumentsFit() throws { #expect(try FormatCheck.longProse(inRepository: root) == []) }
}

@Suite struct SystemTestRunTests {
    @Test func theLongestSuitesComeFirst() {
        let tests = [
            "SystemTests.SystemTests/FaultTests/a()", "SystemTests.SystemTests/KillTests/b(example:)",
            "SystemTests.SystemTests/FaultTests/c()", "ToolTests.SystemTestRunTests/d()",
            "SystemTests.SystemTests/BenchmarkTests/e()",
        ]
        #expect(SystemTestRun.suites(of: tests) == ["BenchmarkTests", "KillTests", "FaultTests"])
        #expect(SystemTestRun.suites(of: []) == [])
    }

    /// A suite that is renamed would begin last.
    @Test func theLongestSuitesExist() throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("SystemTests")
        let text = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".swift") }
            .map { try String(contentsOf: folder.appendingPathComponent($0), encoding: .utf8) }.joined()
        for suite in SystemTestRun.longest { #expect(text.contains("struct \(suite) "), "\(suite)") }
    }

    /// A suite that crashes writes no report, and must not look like a success.
    @Test(arguments: [
        ("<testsuite tests=\"3\" failures=\"1\">", 1, 2, 1), ("<testsuite tests=\"3\" failures=\"0\">", 0, 3, 0),
        ("", 1, 0, 1), ("", 0, 0, 1), ("<testsuite tests=\"3\" failures=\"0\">", 134, 3, 1),
    ])
    func aSuiteFailsUnlessItSaysOtherwise(report: String, status: Int, passed: Int, failed: Int) throws {
        let folder = TemporaryFolder()
        let program = folder.url.appendingPathComponent("program")
        try writeProgram(
            """
            #!/bin/bash
            while [[ $1 != --xunit-output ]]; do shift; done
            [[ -z '\(report)' ]] || echo '\(report)' >"$2"
            exit \(status)
            """, to: program)
        let workspace = Workspace(root: folder.url)
        try workspace.make(workspace.state)
        let result = try SystemTestRun(workspace: workspace).run(suite: "A", of: TestProgram(path: program.path))
        #expect(result == TestResult(name: "A", passed: passed, failed: failed))
    }

    @Test func backgroundWorkReturnsAndThrows() throws {
        #expect(try Background { 42 }.result() == 42)
        #expect(throws: Failure.self) { try Background<Int> { throw Failure("no") }.result() }
    }
}
