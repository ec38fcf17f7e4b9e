import ABI
import Foundation
import Testing

@testable import SystemImage

/// The document claims no more than the analysis and the trials show.
@Suite struct HarmReportTests {
    private func report(
        _ text: String, injections: [FaultInjection] = [], limits: [HarmEvidence.Limit] = [], commit: String = "abc"
    ) throws -> String {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).yaml")
        try Data("system: told\nboard: {cores: 2}\n\(text)".utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let manifest = try Manifest.load(path: file.path, askingForCriticality: false)
        let evidence = HarmEvidence(
            versions: [], injections: injections, plan: "sha256:1234", commit: commit, limits: limits)
        return HarmReport(
            analysis: HarmAnalysis(try manifest.planWithPlaceholders()), manifest: manifest, evidence: evidence
        ).html
    }

    /// Returns the cells of the rows about a pair, one row for each kind of interference.
    private func rows(_ html: String, _ victim: String, _ offender: String) -> [String] {
        html.split(separator: "\n").filter { $0.hasPrefix("<tr><td>\(victim)</td><td>\(offender)</td>") }.map(
            String.init)
    }

    private let neighbours = "components: {a: {target: Heartbeat}, b: {target: Heartbeat, core: 1}}"
    private let ringers = """
        components: {a: {target: Heartbeat}, b: {target: Heartbeat, core: 1}}
        shared-memory: {m: {size: 4KiB, between: [a, b]}}
        """

    /// A stall by a bell and a change of shared memory are harm of two kinds, so no row calls such a pair free.
    @Test func listsHarmThroughAChannelUnderBothKinds() throws {
        let rows = rows(try report(ringers), "a", "b")
        #expect(rows.count == 3)
        #expect(rows.map { $0.contains("<b>stalled</b>") } == [true, false, true])
        #expect(rows.map { $0.contains("<b>changed</b>") } == [false, true, true])
        #expect(rows.allSatisfy { !$0.contains("free from interference") })
    }

    /// Root obeys the driver's input, so the driver can end all. It is trusted, and no level asks for an exception.
    @Test func allowsThatTheConsoleDriverEndsAll() throws {
        let html = try report("components: {a: {target: Heartbeat, criticality: D}}")
        let row = try #require(rows(html, "a", "serial").first)
        #expect(row.contains("can be <b>ended</b> (allowed: the console driver is platform)"))
        #expect(row.contains("root obeys the commands"))
        #expect(html.contains("so a fault of the driver can end every element"))
    }

    @Test func treatsEachTermOfAnnexD() throws {
        let html = try report(neighbours)
        let terms = InterferenceTerm.all
        #expect(
            ["D.2.2", "D.2.3", "D.2.4"].map { clause in terms.filter { $0.clause == clause }.count } == [5, 4, 10])
        for term in terms {
            #expect(html.contains("<td>\(term.term)</td><td>\(term.treatment.rawValue)</td>"), "\(term.term)")
        }
    }

    /// A chain may have many edges, and each of them is support for the claim.
    @Test func listsAllEdgesOfAChain() throws {
        let names = (1...9).map { "c\($0)" }
        let components = names.enumerated().map { index, name in
            "\(name): {target: Heartbeat" + (index < 8 ? ", uses: {next: \(names[index + 1])}}" : "}")
        }
        let html = try report("components: {\(components.joined(separator: ", "))}")
        let row = try #require(rows(html, "c1", "c9").first)
        #expect(row.components(separatedBy: "<ul>").contains { $0.components(separatedBy: "<li>").count == 9 })
    }

    @Test func marksTrialsOfOtherProgramsAndCommits() throws {
        func trial(_ fault: String, commit: String, remark: String) -> FaultInjection {
            FaultInjection(
                offender: "b", fault: fault, observations: [.init(victim: "a", effect: nil)], commit: commit,
                plan: "sha256:1234", remark: remark)
        }
        let trials = [
            trial("one", commit: "abc", remark: ""), trial("two", commit: "old", remark: ""),
            trial("three", commit: "abc", remark: "stand-ins"),
        ]
        let row = try #require(rows(try report(neighbours, injections: trials), "a", "b").first)
        #expect(row.contains("one: went on<br>two: went on (another commit)<br>"))
        #expect(row.contains("three: went on (<a href=\"#note-1\">other programs: note 1</a>)"))
        let html = try report(neighbours, injections: trials, commit: "abc with local changes")
        #expect(html.contains("one: went on (another commit)"))
        #expect(html.contains("<p id=\"note-1\">Note 1: tried with stand-ins.</p>"))
    }

    @Test func holdsThePlansHashAndTheLimits() throws {
        let html = try report(
            neighbours,
            limits: [
                .init(text: "**Not foreseen.** It misses `x < y`:", isNested: false),
                .init(text: "this;", isNested: true), .init(text: "**Other.**", isNested: false),
            ])
        #expect(html.contains("<td>Plan</td><td><code>sha256:1234</code></td>"))
        let list = "<ul>\n<li><b>Not foreseen.</b> It misses <code>x &lt; y</code>:</li>\n<ul>\n<li>this;</li>\n</ul>\n"
        #expect(html.contains(list + "<li><b>Other.</b></li>\n</ul>\n"))
    }
}
