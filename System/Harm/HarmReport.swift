import ABI

/// The origin of the analysis and of the faults, for the reader of a report.
public struct HarmEvidence: Sendable {
    /// The names and values of versions (the tool, the compiler, the emulator), and the hash of the image.
    public var versions: [(name: String, value: String)]
    /// The faults that a test has tried on a system with this plan.
    public let injections: [FaultInjection]
    /// The number of faults that were left out, because a test has tried them on a system with another plan.
    public let foreignInjections: Int

    /// Selects the faults that are evidence for a plan.
    ///
    /// A name does not identify a system: the manifest may have changed since the test, and another manifest may have
    /// the same name.
    /// - Parameters:
    ///   - injections: the faults that a test has tried on the systems of this name.
    ///   - plan: the hash of the plan that the document is about.
    public init(versions: [(name: String, value: String)], injections: [FaultInjection], plan: String) {
        self.versions = versions
        self.injections = injections.filter { $0.plan == plan }
        foreignInjections = injections.count - self.injections.count
    }
}

/// A fault that a test has tried on a running system, with its victims.
public struct FaultInjection: Codable, Sendable {
    /// The name of the tenant that the test has killed or hung.
    public var offender: String
    /// The kind of the fault, such as `killed` or `spun`.
    public var fault: String
    /// The effect that the fault tries to have on all others: `change` or `read`. Nil if the fault can stall or end
    /// others.
    public var aim: HarmEffect?
    public var observations: [Observation]
    /// The commit of the tool that tried it.
    public var commit: String
    /// The hash of the plan of the system's manifest. Nil if an older version of the tests has written the fault,
    /// which then matches no plan.
    public var plan: String?
    /// The difference between the tested system and the manifest's; empty if there was none.
    public var remark: String

    public struct Observation: Codable, Sendable {
        public var victim: String
        /// The effect on the victim, or nil if the victim went on.
        public var effect: HarmEffect?

        public init(victim: String, effect: HarmEffect?) { (self.victim, self.effect) = (victim, effect) }
    }

    public init(
        offender: String, fault: String, aim: HarmEffect? = nil, observations: [Observation], commit: String,
        plan: String, remark: String = ""
    ) {
        (self.offender, self.fault, self.aim, self.observations) = (offender, fault, aim, observations)
        (self.commit, self.plan, self.remark) = (commit, plan, remark)
    }
}

extension FaultInjection {
    /// The words for a victim without harm.
    fileprivate var noHarm: String { aim.map { "was not \($0.participle)" } ?? "went on" }
}

/// Writes the analysis as a document for a safety engineer. Its parts are the kinds of interference of ISO 26262-6,
/// annex D.
public struct HarmReport {
    let analysis: HarmAnalysis
    let manifest: Manifest
    let evidence: HarmEvidence

    public init(analysis: HarmAnalysis, manifest: Manifest, evidence: HarmEvidence) {
        (self.analysis, self.manifest, self.evidence) = (analysis, manifest, evidence)
    }

    /// A kind of interference of annex D.
    private enum Topic: String, CaseIterable {
        case timing = "Timing and execution"
        case memory = "Memory"
        case exchange = "Exchange of information"

        var explanation: String {
            switch self {
            case .timing:
                "Blocking of execution, deadlocks, wrong allocation of execution time, and the end of an element."
            case .memory: "Corruption of content and read or write access to memory that belongs to another element."
            case .exchange: "Loss, delay or corruption of information between elements that communicate."
            }
        }
    }

    public var html: String {
        var text = head
        text += "<h1>Freedom from interference: \(escaped(manifest.name))</h1>\n"
        text +=
            "<p>Derived from the plan of the system by <code>entente check --report</code>. Terms of ISO 26262-6:2018, annex D. "
            + "This document supports a safety case; it is not one.</p>\n"
        text += table(["", ""], evidence.versions.map { [escaped($0.name), "<code>\(escaped($0.value))</code>"] })
        text += assumptions + elements
        for topic in Topic.allCases { text += section(topic) }
        text += bounds + faults
        return text + "</body></html>\n"
    }

    private var assumptions: String {
        """
        <h2>Assumptions</h2>
        <ul>
        <li>The kernel, root and the console driver are the platform. They are trusted at every level.</li>
        <li>An offender does anything that its capabilities allow. Other elements run their own programs.</li>
        <li>A machine and its monitor are one element.</li>
        <li>An element that is named as an offender may be unable to do the harm. docs/caveats.md of Entente lists the ways of harm that the analysis does not foresee.</li>
        <li>Side channels, the hardware and the host are out of scope.</li>
        </ul>

        """
    }

    private var elements: String {
        let rows = analysis.plan.tenants.map { tenant -> [String] in
            let level = tenant.kind == .consoleDriver ? "platform" : manifest.criticality(of: tenant.name).name
            let time =
                tenant.allowance == .unlimited
                ? "none"
                : "\(TimeSpan(nanoseconds: tenant.allowance.budget)) of each \(TimeSpan(nanoseconds: tenant.allowance.period))"
            return [
                escaped(tenant.name), tenant.kind.rawValue, level,
                tenant.cores.map(String.init).joined(separator: ", "),
                "\(tenant.priority)", time, tenant.parent.map { escaped(analysis.plan.groups[$0].name) } ?? "",
            ]
        }
        return "<h2>Elements</h2>\n"
            + table(["Element", "Kind", "Level", "Cores", "Priority", "Budget", "Restart group"], rows)
    }

    // MARK: Pairs

    private func section(_ topic: Topic) -> String {
        var rows: [[String]] = []
        for victim in analysis.plan.tenants.indices {
            let findings = analysis.ways(victim: victim)
            for offender in analysis.plan.tenants.indices where offender != victim {
                rows.append(
                    row(topic, victim, offender, findings.filter { $0.offender == offender && topicOf($0) == topic }))
            }
        }
        return "<h2>\(topic.rawValue)</h2>\n<p>\(topic.explanation)</p>\n"
            + table(["Element", "Offender", "Claim", "Support from the plan", "Fault injection"], rows)
    }

    /// Returns the kind of a finding. Memory that both ends have on purpose counts as a way to exchange information.
    private func topicOf(_ finding: HarmFinding) -> Topic {
        switch finding.effect {
        case .stall, .end:
            return finding.chain.contains { $0.cause == .bell } ? .exchange : .timing
        case .change, .read:
            return finding.chain.contains(where: \.isControl) || finding.chain.contains { $0.cause == .fault }
                ? .memory : .exchange
        }
    }

    private func row(_ topic: Topic, _ victim: Int, _ offender: Int, _ findings: [HarmFinding]) -> [String] {
        let names = [victim, offender].map { escaped(analysis.plan.tenants[$0].name) }
        guard !findings.isEmpty else {
            return names + [
                "<span class=free>free from interference</span>",
                "no chain of edges leads from the offender to such harm",
                injections(offender, victim, topic),
            ]
        }
        let claims = findings.map { "can be <b>\($0.effect.participle)</b> (\(state(of: $0)))" }
        let support = findings.map { finding in
            "<p>\(escaped(analysis.sentence(finding))).</p>" + edges(of: finding)
        }
        return names + [claims.joined(separator: "<br>"), support.joined(), injections(offender, victim, topic)]
    }

    private func state(of finding: HarmFinding) -> String {
        let tenants = [finding.victim, finding.offender].map { analysis.plan.tenants[$0] }
        if tenants.contains(where: { $0.kind == .consoleDriver }) { return "allowed: the console driver is platform" }
        guard manifest.isOffence(finding, analysis.plan) else {
            return "allowed: the offender is as critical, or nothing is asked"
        }
        let reasons = manifest.exceptions(to: finding, analysis).map {
            escaped(manifest.levels[$0.part]?.accepted[$0.number].reason ?? "")
        }
        return reasons.isEmpty
            ? "<span class=offence>not allowed</span>" : "accepted: " + reasons.joined(separator: "; ")
    }

    private func edges(of finding: HarmFinding) -> String {
        let indices = finding.chain.flatMap(\.edges)
        guard !indices.isEmpty else { return "" }
        let lines = indices.prefix(6).map { "<li><code>\(escaped(analysis.plan.text(ofEdge: $0)))</code></li>" }
        return "<ul>\(lines.joined())</ul>"
    }

    /// Returns the faults of the offender that were tried, with their effects on the element.
    private func injections(_ offender: Int, _ victim: Int, _ topic: Topic) -> String {
        let (name, victimName) = (analysis.plan.tenants[offender].name, analysis.plan.tenants[victim].name)
        let tried = evidence.injections.filter { $0.offender == name }.flatMap { injection in
            injection.observations.filter { $0.victim == victimName }.compactMap { seen -> String? in
                let finding = seen.effect.flatMap { analysis.finding(victim: victim, offender: offender, $0) }
                // A victim without harm is evidence for the topic of the effect for which the fault was tried.
                let aim = injection.aim.map { _ in Topic.memory } ?? .timing
                guard (finding.map(topicOf) ?? aim) == topic else { return nil }
                return "\(escaped(injection.fault)): "
                    + (seen.effect.map { "was \($0.participle)" } ?? injection.noHarm)
            }
        }
        return tried.isEmpty ? "not tried" : tried.joined(separator: "<br>")
    }

    private var bounds: String {
        let rows = analysis.bounds.map { bound in
            [
                escaped(analysis.plan.tenants[bound.victim].name),
                bound.offender.map { escaped(analysis.plan.tenants[$0].name) } ?? "root", escaped(bound.text),
            ]
        }
        return "<h2>Bounded delays</h2>\n<p>A budget bounds how long a more urgent element takes a core.</p>\n"
            + table(["Element", "By", "Bound"], rows)
    }

    private var faults: String {
        let rows = evidence.injections.map { injection in
            [
                escaped(injection.offender), escaped(injection.fault),
                injection.observations.filter { $0.effect != nil }.map {
                    "\(escaped($0.victim)) was \($0.effect?.participle ?? "")"
                }
                .joined(separator: "<br>"), "<code>\(escaped(injection.commit))</code>",
            ]
        }
        let remarks = Set(evidence.injections.map(\.remark)).subtracting([""]).sorted()
        return "<h2>Fault injections</h2>\n" + remarks.map { "<p>Tried with \(escaped($0)).</p>\n" }.joined()
            + (rows.isEmpty
                ? "<p>None was tried on this system.</p>\n"
                : table(["Offender", "Fault", "Victims", "Tool's commit"], rows)) + foreign
    }

    private var foreign: String {
        guard evidence.foreignInjections > 0 else { return "" }
        return "<p>Left out: \(evidence.foreignInjections) that were tried on a system of this name, but belong to "
            + "another plan. The manifest has changed since, or another manifest has the same name.</p>\n"
    }

    // MARK: HTML

    private func table(_ titles: [String], _ rows: [[String]]) -> String {
        let head = titles.allSatisfy(\.isEmpty) ? "" : "<tr>" + titles.map { "<th>\($0)</th>" }.joined() + "</tr>\n"
        let body = rows.map { "<tr>" + $0.map { "<td>\($0)</td>" }.joined() + "</tr>\n" }
        return "<table>\n\(head)\(body.joined())</table>\n"
    }

    private func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;").replacing(
            "\"", with: "&quot;")
    }

    private var head: String {
        """
        <!DOCTYPE html>
        <html lang="en"><head><meta charset="utf-8"><title>Freedom from interference: \(escaped(manifest.name))</title>
        <style>
        :root { color-scheme: light dark } body { font: 14px/1.45 sans-serif; max-width: 78em; margin: 2em auto; padding: 0 1em }
        table { border-collapse: collapse; width: 100% } td, th { border: 1px solid #8888; padding: .3em .6em; vertical-align: top; text-align: left }
        code { font-size: 12px; overflow-wrap: anywhere } p { margin: .3em 0 } ul { margin: .3em 0 } .free { color: #1a7f37 } .offence { color: #d1242f; font-weight: bold }
        @media print { table { page-break-inside: auto } tr { page-break-inside: avoid } }
        </style></head><body>

        """
    }
}
