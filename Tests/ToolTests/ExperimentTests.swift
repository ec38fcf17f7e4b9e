import Foundation
import SystemImage
import Testing

@testable import Tool
@testable import Workshop

@Suite struct ExperimentTests {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    private let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
        "entente-tests-\(UUID().uuidString)")

    private struct Known: Experiment {
        let name: String
        let title = "a test"
        var seconds: (quick: Double, whole: Double) { (1, 1) }
        let body: @Sendable (ExperimentRun) throws -> Void
        func measure(_ run: ExperimentRun) throws { try body(run) }
    }

    private func session(_ experiments: [any Experiment], isQuick: Bool = false) throws -> ExperimentSession {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return ExperimentSession(
            workspace: Workspace(root: Self.root), experiments: experiments, isQuick: isQuick,
            file: folder.appendingPathComponent("results.json"))
    }

    @Test func namesAndNumbersAreUnique() {
        let all = ExperimentList.all
        #expect(Set(all.map(\.name)).count == all.count)
        let numbers = all.compactMap(\.number)
        #expect(numbers == numbers.sorted() && Set(numbers).count == numbers.count)
        #expect(ExperimentList.debate.allSatisfy { $0.number != nil })
    }

    @Test func namesAndNumbersFindExperiments() throws {
        #expect(try ExperimentList.named(["2", "primitives"]).map(\.name) == ["kernel", "primitives"])
        #expect(throws: Failure.self) { try ExperimentList.named(["kernel", "nothing"]) }
    }

    /// A later experiment that fails costs neither the figures before it nor its own first ones.
    @Test func figuresBeforeAFailureAreKept() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let good = Known(name: "good") { $0.add("a", .native, [3, 1, 2]) }
        let bad = Known(name: "bad") { run in
            run.add("b", .entente, [7])
            for turn in 1...2 { run.measure(.kvm) { throw Failure("no KVM in turn \(turn)") } }
            throw Failure("broken")
        }
        let results = try session([bad, good]).run()
        #expect(results["bad"]?["b", .entente]?.value == 7)
        #expect(Set(results["bad"]?.failures.keys.map { $0 } ?? []) == ["kvm", "experiment"])
        let reasons = results["bad"]?.failures["kvm"] ?? ""
        #expect(reasons.contains("turn 1") && reasons.contains("turn 2"))
        let figure = try #require(results["good"]?["a", .native])
        #expect(figure.value == 2 && figure.samples == [3, 1, 2] && figure.spread == 1...3)
        #expect(try BenchResults(file: folder.appendingPathComponent("results.json")) == results)
    }

    /// An experiment replaces its own figures alone, and quick figures are not mixed with others.
    @Test func aRunReplacesItsOwnFigures() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent("results.json")
        _ = try session([Known(name: "a") { $0.add("x", .xen, [1]) }, Known(name: "b") { $0.add("y", .xen, [2]) }])
            .run()
        _ = try session([Known(name: "a") { $0.add("x", .xen, [5]) }]).run()
        var kept = try BenchResults(file: file)
        #expect(kept["a"]?["x", .xen]?.value == 5 && kept["b"]?["y", .xen]?.value == 2)
        _ = try session([Known(name: "a") { $0.add("x", .xen, [6]) }], isQuick: true).run()
        kept = try BenchResults(file: file)
        #expect(kept.experiments.map(\.name) == ["a"] && kept.form == .quick)
    }

    @Test func rowsAreMeasuredOnceForASession() throws {
        let shared = SharedRows()
        var count = 0
        func rows(fails: Bool = false) throws -> [BenchRow] {
            try shared.rows("a") {
                count += 1
                if fails { throw Failure("no") }
                return [BenchRow("x", Double(count))]
            }
        }
        #expect(throws: Failure.self) { try rows(fails: true) }
        #expect(try rows() == [BenchRow("x", 2)] && rows() == [BenchRow("x", 2)])
        #expect(count == 2)
    }

    @Test func subjectsThatAreNotAskedForAreLeftOut() {
        let run = ExperimentRun(workspace: Workspace(root: Self.root), subjects: [.native])
        for subject in Subject.measurable { run.measure(subject) { run.add("a", subject, [1]) } }
        #expect(run.figures.map { $0.subject } == [Subject.native])
    }

    @Test func measuredFiguresReplaceQuotedOnes() throws {
        let run = ExperimentRun(workspace: Workspace(root: Self.root))
        run.add("lines.kernel", .xen, [5], unit: "lines", .count)
        run.complete(with: try QuotedFigures(of: run.workspace).figures(for: "kernel"))
        #expect(run.figures.count { $0.name == "lines.kernel" && $0.subject == .xen } == 1)
        #expect(run.figures.first?.origin == .measured)
        let quoted = run.figures.filter { $0.origin == .quoted }
        #expect(quoted.count > 5 && quoted.allSatisfy { $0.source != nil })
    }

    @Test func everyQuotedFigureHasASource() throws {
        let quoted = try QuotedFigures(of: Workspace(root: Self.root))
        #expect(quoted.figures.count > 50)
        let names = Set(ExperimentList.all.map(\.name))
        for figure in quoted.figures {
            #expect(quoted.sources[figure.source] != nil, "\(figure.name)")
            #expect(names.contains(figure.experiment), "\(figure.experiment)")
        }
    }

    @Test func otherSchemasAreRefused() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let file = folder.appendingPathComponent("old.json")
        for text in ["{\"schema\": 2}", "{}", "[1", "{\"schema\": 1}"] {
            try Data(text.utf8).write(to: file)
            #expect(throws: Failure.self) { try BenchResults(file: file) }
        }
    }

    @Test func theRemainingTimeFollowsTheHost() {
        var schedule = ExperimentSchedule([10, 20, 30])
        #expect(schedule.remaining(from: 0) == "about 60 s")
        schedule.note(20, of: 0)
        #expect(schedule.seconds(from: 1) == 100)
        #expect(schedule.remaining(from: 1) == "about 2 min")
    }

    @Test func runsAreCompared() throws {
        let (old, new) = (results(["a": 100, "b": 50, "c": 7]), results(["a": 101, "b": 60, "d": 1]))
        let comparison = ResultsComparison(old, new)
        #expect(comparison.unchanged == 1)
        #expect(Set(comparison.changes.map(\.key.name)) == ["b", "c", "d"])
        #expect(comparison.changes.first { $0.key.name == "b" }?.ratio == 1.2)
        #expect(comparison.text.contains("e b entente: 50 → 60 instructions (+20.0 %)"))
        #expect(ResultsComparison(old, new, threshold: 0).changes.count == 4)
    }

    private func results(_ values: [String: Double]) -> BenchResults {
        var results = BenchResults(form: .whole, hostCores: 2)
        let figures = values.sorted { $0.key < $1.key }.map {
            Figure(name: $0.key, subject: .entente, value: $0.value, unit: "instructions", measure: .instructions)
        }
        results.add(ExperimentResult(name: "e", command: "", seconds: 1, figures: figures))
        return results
    }

    @Test func linesOfCodeAreCounted() {
        let text = "// a\n\nlet a = 1 // b\n/* c\n d */\n/* e */\n  let b = 2\n"
        #expect(SourceLines.count(in: text) == 2)
        #expect(throws: Failure.self) { try SourceLines.count(in: URL(fileURLWithPath: "/no-such-folder")) }
    }

    /// The operations with forms are those of the ABI's document, so that the count cannot miss one that was added.
    @Test func theAttackSurfaceHasEveryOperation() {
        #expect(AttackSurface.forms.count == 18)
        #expect(AttackSurface.entryPoints == 64)
    }

    @Test func versionsAreFoundInTheirTexts() {
        #expect(SoftwareVersions.emulator(in: "QEMU emulator version 7.2.22 (Debian 1:7.2)\n") == "7.2.22")
        #expect(SoftwareVersions.compiler(in: "Swift version 6.3.1 (swift-6.3.1-RELEASE)") == "6.3.1")
        let kernel =
            "Linux version 6.1.0-9-arm64 (x) (gcc (Debian 12.2.0-14) 12.2.0) #1 SMP Debian 6.1.27-1 (2023-05-08)"
        #expect(SoftwareVersions.linux(in: kernel) == "6.1.27-1")
        #expect(SoftwareVersions.linux(in: "Linux version 6.9.1 (me)") == "6.9.1")
    }

    @Test func valuesHaveAsManyDecimalsAsAReaderNeeds() {
        #expect(
            [1234567, 999, 12.345, 1.234, 0.12345, -1500, 123.4, 0, 0.0000562].map(Figure.text) == [
                "1,234,567", "999", "12.3", "1.23", "0.123", "-1,500", "123", "0", "0.000056",
            ])
        #expect(Figure.median([4, 1, 3, 2]) == 2.5)
    }
}
