import Foundation
import SystemImage
import Testing

@testable import Tool
@testable import Workshop

/// Tests the code around the mutants: the compiler's messages, the lists in the repository, the report.
struct MutantTests {
    private func mutant(
        _ number: Int, _ change: String, lines: ClosedRange<Int>, function: Int = 1,
        file: String = "Kernel/Core/Cores/Inbox.swift"
    ) -> Mutant {
        Mutant(
            key: "\(file) take(_:): \(change)", number: number, functionNumber: function, file: file,
            function: "take(_:)", line: 7, change: change, firstLine: lines.lowerBound, lastLine: lines.upperBound)
    }

    // MARK: Mutants that do not compile

    @Test func aComplaintIsAboutTheMutantOnItsLine() {
        let mutants = [mutant(1, "a", lines: 10...12), mutant(2, "b", lines: 15...17)]
        let text = """
            [1/2] Compiling
            /copy/Kernel/Core/Cores/Inbox.swift:16:9: error: missing argument
            /copy/Kernel/Core/Scheduling/Core.swift:11:9: error: something of another file
            /elsewhere/Kernel/Core/Cores/Inbox.swift:11:9: error: something of another folder
            /copy/Kernel/Core/Cores/Inbox.swift:11:9: warning: never read
            """
        #expect(CompilerMessages(text, below: "/copy").mutants(of: mutants) == [mutants[1].key])
    }

    /// The compiler reports a property that is not set on some path at the end of the body.
    @Test func aComplaintBehindABodyIsAboutWhatLeavesSomethingOut() {
        let mutants = [
            mutant(1, "leave out x = 1", lines: 10...12, function: 1),
            mutant(2, "return at once", lines: 15...17, function: 2),
            mutant(3, "a -> b", lines: 20...22, function: 2), mutant(4, "leave out y()", lines: 40...42, function: 3),
        ]
        let text = "/copy/Kernel/Core/Cores/Inbox.swift:30:1: error: missing return\n"
        #expect(CompilerMessages(text, below: "/copy").mutants(of: mutants) == [mutants[1].key])
    }

    @Test func withoutComplaintsNothingIsBad() {
        #expect(CompilerMessages("Build complete!", below: "/copy").mutants(of: [mutant(1, "a", lines: 1...2)]).isEmpty)
    }

    // MARK: Lists

    @Test(arguments: ["equivalent.yaml", "variants-x.yaml"])
    func aListThatIsNoneIsAnError(name: String) throws {
        let folder = try folder([name: "- file: A.swift\n"])
        defer { try? FileManager.default.removeItem(at: folder) }
        #expect(throws: Failure.self) {
            _ = try EquivalentMutants(in: folder)
            _ = try MutantVariants(in: folder)
        }
    }

    @Test func anEquivalentMutantNeedsAReason() throws {
        let entry = "- {file: A.swift, in: f(), change: 0 -> 1, because: so}"
        let folder = try folder(["equivalent.yaml": entry])
        defer { try? FileManager.default.removeItem(at: folder) }
        #expect(throws: Failure.self) { try EquivalentMutants(in: folder) }
    }

    @Test func variantsOfAllFilesAreReadAndNoneTwice() throws {
        let entry = "- {file: A.swift, in: f, old: a, new: b, because: it is wrong, tests: ATests}\n"
        let once = try folder(["variants-1.yaml": entry, "variants-2.yaml": entry.replacing("old: a", with: "old: c")])
        let twice = try folder(["variants-1.yaml": entry, "variants-2.yaml": entry])
        defer { [once, twice].forEach { try? FileManager.default.removeItem(at: $0) } }
        #expect(try MutantVariants(in: once).entries.map(\.old) == ["a", "c"])
        #expect(throws: Failure.self) { try MutantVariants(in: twice) }
    }

    /// Names with a space between them would be an expression that no test has.
    @Test func theTestsOfAVariantAreOneExpression() throws {
        let entry = "- {file: A.swift, in: f, old: a, new: b, because: it is wrong, tests: ATests BTests}\n"
        let two = try folder(["variants.yaml": entry])
        let one = try folder(["variants.yaml": entry.replacing("ATests BTests", with: "(A|B)Tests")])
        defer { [one, two].forEach { try? FileManager.default.removeItem(at: $0) } }
        #expect(throws: Failure.self) { try MutantVariants(in: two) }
        #expect(try MutantVariants(in: one).entries.count == 1)
    }

    private func folder(_ files: [String: String]) throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("mutants-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for (name, text) in files {
            try text.write(to: folder.appendingPathComponent(name), atomically: true, encoding: .utf8)
        }
        return folder
    }

    // MARK: Report

    @Test func theReportCountsAreasApartAndVariantsMustBeNoticed() {
        var variant = mutant(4, "x -> y", lines: 1...1)
        variant.key = "variant " + variant.key
        let report = MutantReport(
            outcomes: [
                (mutant(1, "a -> b", lines: 1...1), .failed(test: "t")), (mutant(2, "c -> d", lines: 1...1), .survived),
                (mutant(3, "e -> f", lines: 1...1, file: "Services/Supervision/PartID.swift"), .endless),
                (variant, .unreached),
            ], candidates: 10, equivalent: 2)
        #expect(report.text.contains("Kernel/Core/Cores/Inbox.swift:7: in take(_:): c -> d"))
        #expect(!report.text.contains("a -> b"))
        #expect(report.text.contains("x -> y\n    no test reaches this function"))
        let rows = report.text.split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") }
        #expect(rows.contains("kernel 2 1 50.0 %"))
        #expect(rows.contains("supervision 1 1 100.0 %"))
        #expect(rows.contains("all 3 2 66.7 %"))
        #expect(rows.contains("by hand 1 0 0.0 %"))
        #expect(report.result == TestResult(name: "Mutants written by hand", passed: 0, failed: 1))
    }

    // MARK: Work on all cores

    @Test func resultsComeInTheOrderOfTheItems() throws {
        #expect(try Parallel.map(Array(0..<100)) { $0 * 2 } == (0..<100).map { $0 * 2 })
    }

    @Test func anErrorOfOneItemIsTheErrorOfAll() {
        #expect(throws: Failure.self) {
            try Parallel.map([1, 2, 3]) { if $0 == 2 { throw Failure("two") } }
        }
    }
}
