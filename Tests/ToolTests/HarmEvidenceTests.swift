import Foundation
import SystemImage
import Testing

@testable import Tool

/// The faults that the system tests have tried are evidence for the plan that they were tried on, and for no other.
@Suite struct HarmEvidenceTests {
    private let workspace: Workspace

    init() throws { workspace = try makeWorkspace() }

    private func manifest(_ name: String, _ components: String) throws -> Manifest {
        let folder = workspace.root.appendingPathComponent(UUID().uuidString)
        try workspace.make(folder)
        let file = folder.appendingPathComponent("system.yaml")
        try Data("system: \(name)\nboard: {cores: 2}\ncomponents: {\(components)}\n".utf8).write(to: file)
        return try Manifest.load(path: file.path)
    }

    /// Leaves a fault as the system tests do.
    private func tryFault(on manifest: Manifest) throws {
        let plan = try HarmEvidence.hash(of: try manifest.planWithPlaceholders(), system: manifest.name)
        let fault = FaultInjection(
            offender: "a", fault: "killed", observations: [.init(victim: "b", effect: nil)], commit: "abc", plan: plan)
        let file = HarmEvidence.file(workspace, manifest.name)
        try workspace.make(file.deletingLastPathComponent())
        try JSONEncoder().encode([fault]).write(to: file)
    }

    private func evidence(for manifest: Manifest) throws -> HarmEvidence {
        HarmEvidence(
            versions: [], injections: try HarmEvidence.injections(workspace, manifest.name),
            plan: try HarmEvidence.hash(of: try manifest.planWithPlaceholders(), system: manifest.name), commit: "abc")
    }

    private func report(on manifest: Manifest) throws -> String {
        let analysis = HarmAnalysis(try manifest.planWithPlaceholders())
        return HarmReport(analysis: analysis, manifest: manifest, evidence: try evidence(for: manifest)).html
    }

    @Test func faultsBelongToOnePlan() throws {
        defer { try? FileManager.default.removeItem(at: workspace.root) }
        let (a, b) = ("a: {target: Heartbeat}", "b: {target: Heartbeat, core: 1}")
        let tried = try manifest("same", "\(a), \(b)")
        try tryFault(on: tried)
        #expect(try evidence(for: tried).injections.count == 1)
        #expect(try report(on: tried).contains("killed: went on"))
        #expect(try !report(on: tried).contains("Left out"))
        // Another text with the same plan, in another place.
        #expect(try evidence(for: manifest("same", "  \(a),  \(b)")).injections.count == 1)
        for other in ["\(a), b: {target: Heartbeat}", "\(a), \(b), c: {target: Heartbeat}"] {
            let changed = try manifest("same", other)
            #expect(try evidence(for: changed).injections.isEmpty, "\(other)")
            let text = try report(on: changed)
            #expect(!text.contains("killed") && text.contains("None was tried") && text.contains("Left out: 1 "))
        }
        #expect(try evidence(for: manifest("other", "\(a), \(b)")).foreignInjections == 0)
    }

    /// A fault that aims at memory is evidence about memory, and one without an aim about time.
    @Test func faultsCountForTheirAim() throws {
        defer { try? FileManager.default.removeItem(at: workspace.root) }
        let system = try manifest("aims", "a: {target: Heartbeat}, b: {target: Heartbeat, core: 1}")
        let plan = try HarmEvidence.hash(of: try system.planWithPlaceholders(), system: system.name)
        func row(_ topic: String, _ aim: HarmEffect?) throws -> String {
            let fault = FaultInjection(
                offender: "a", fault: "tried", aim: aim, observations: [.init(victim: "b", effect: nil)],
                commit: "abc", plan: plan)
            let text = HarmReport(
                analysis: HarmAnalysis(try system.planWithPlaceholders()), manifest: system,
                evidence: HarmEvidence(versions: [], injections: [fault], plan: plan, commit: "abc")
            ).html
            let section = try #require(text.components(separatedBy: "<h2>\(topic)</h2>").dropFirst().first)
            let row = try #require(section.components(separatedBy: "<td>b</td><td>a</td>").dropFirst().first)
            return String(row.prefix { $0 != "\n" })
        }
        #expect(try row("Memory", .read).contains("tried: was not read"))
        #expect(try row("Memory", .change).contains("tried: was not changed"))
        #expect(try row("Memory", nil).contains("not tried"))
        #expect(try row("Timing and execution", nil).contains("tried: went on"))
        #expect(try row("Timing and execution", .read).contains("not tried"))
    }

    /// Versions before this one have stored no plan.
    @Test func faultsWithoutAPlanAreLeftOut() throws {
        defer { try? FileManager.default.removeItem(at: workspace.root) }
        let system = try manifest("old", "a: {target: Heartbeat}")
        let file = HarmEvidence.file(workspace, system.name)
        try workspace.make(file.deletingLastPathComponent())
        let text = #"[{"offender": "a", "fault": "killed", "observations": [], "commit": "abc", "remark": ""}]"#
        try Data(text.utf8).write(to: file)
        #expect(try evidence(for: system).injections.isEmpty)
        #expect(try evidence(for: system).foreignInjections == 1)
    }

    @Test func commitSaysWhetherFilesHaveChanged() throws {
        defer { try? FileManager.default.removeItem(at: workspace.root) }
        func git(_ arguments: String...) throws {
            let identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
            _ = try Subprocess("git", ["-C", workspace.root.path] + identity + arguments).text()
        }
        #expect(HarmEvidence.commit(workspace) == "not known")
        try git("init", "-q")
        try git("commit", "-q", "--allow-empty", "-m", "Begin")
        #expect(HarmEvidence.commit(workspace).wholeMatch(of: /[0-9a-f]{40,64}/) != nil)
        try Data().write(to: workspace.root.appendingPathComponent("file"))
        #expect(HarmEvidence.commit(workspace).hasSuffix(" with local changes"))
    }

    /// A report holds the whole chapter on the limits of the analysis, because its reader may not have the repository.
    @Test func limitsAreThoseOfTheDocument() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let limits = try HarmEvidence.limits(Workspace(root: root))
        #expect(limits.first?.text.hasPrefix("**Not foreseen.**") == true && limits.first?.isNested == false)
        #expect(limits.contains { $0.text.hasPrefix("**Exceptions.**") && !$0.isNested })
        #expect(limits.contains { $0.text.hasPrefix("a server that waits for a client") && $0.isNested })
        #expect(limits.allSatisfy { !$0.text.contains("\n") && !$0.text.contains("  ") })
    }

    /// A report names the packages of other projects, and a fresh clone builds with those that were tested.
    @Test func packagesHaveExactVersions() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let text = try String(contentsOf: root.appendingPathComponent("Package.swift"), encoding: .utf8)
        let packages = try HarmEvidence.packages(Workspace(root: root))
        #expect(packages.map(\.name) == ["swift-argument-parser", "swift-log", "Yams"])
        #expect(text.matches(of: /\.package\(url:/).count == packages.count)
    }
}
