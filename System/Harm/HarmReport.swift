import ABI

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
                "The effects <i>stall</i> and <i>end</i>. Annex D has no term for the end of an element. It is listed "
                    + "here, because an element that has ended executes nothing."
            case .memory: "The effects <i>change</i> and <i>read</i>, of own memory and of memory that elements share."
            case .exchange:
                "All effects that an element suffers through calls, signals and memory that it shares. Each of them is "
                    + "listed under its other kind as well."
            }
        }
    }

    public var html: String {
        var text = head
        text += "<h1>Freedom from interference: \(escaped(manifest.name))</h1>\n"
        text +=
            "<p>Derived from the plan of the system by <code>entente check --report</code>. Terms of ISO 26262-6:2018, annex D. "
            + "This document supports a safety case; it is not one.</p>\n"
        text += table(
            ["", ""],
            (evidence.versions + [("Plan", evidence.plan)]).map { [escaped($0.0), "<code>\(escaped($0.1))</code>"] })
        text += assumptions + limits + terms + elements
        for topic in Topic.allCases { text += section(topic) }
        text += bounds + faults
        return text + "</body></html>\n"
    }

    private var assumptions: String {
        """
        <h2>Assumptions</h2>
        <ul>
        <li>The kernel, root and the console driver are the platform. They are trusted at every level. \
        Root obeys the commands that the driver passes on from the board's serial line, so a fault of the driver can \
        end every element. The tables list that and allow it.</li>
        <li>An offender does anything that its capabilities allow. Other elements run their own programs.</li>
        <li>A machine and its monitor are one element.</li>
        <li>An element that is named as an offender may be unable to do the harm. The next chapter lists the ways of harm that the analysis does not foresee.</li>
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
                    row(
                        topic, victim, offender,
                        findings.filter { $0.offender == offender && topics(of: $0).contains(topic) }))
            }
        }
        return "<h2>\(topic.rawValue)</h2>\n<p>\(topic.explanation)</p>\n"
            + table(["Element", "Offender", "Claim", "Support from the plan", "Fault injection"], rows)
    }

    /// Returns the kinds to which a finding belongs. Harm through a channel belongs to two of them, so that no row
    /// claims the contrary of another.
    private func topics(of finding: HarmFinding) -> [Topic] {
        let first: Topic = [.stall, .end].contains(finding.effect) ? .timing : .memory
        let leadsThroughChannel = finding.chain.contains {
            switch $0.word {
            case .call, .caller, .bell, .console, .memory, .lease: true
            case .paging, .core, .root, .commands, .group, .board, .capability, .device: false
            }
        }
        return leadsThroughChannel ? [first, .exchange] : [first]
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
        let lines = indices.map { "<li><code>\(escaped(analysis.plan.text(ofEdge: $0)))</code></li>" }
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
                guard (finding.map(topics) ?? [aim]).contains(topic) else { return nil }
                return "\(escaped(injection.fault)): "
                    + (seen.effect.map { "was \($0.participle)" } ?? injection.noHarm) + marks(injection)
            }
        }
        return tried.isEmpty ? "not tried" : tried.joined(separator: "<br>")
    }

    /// Returns the differences between a trial and the system of the document.
    private func marks(_ injection: FaultInjection) -> String {
        let note = evidence.remarks.firstIndex(of: injection.remark).map {
            "<a href=\"#note-\($0 + 1)\">other programs: note \($0 + 1)</a>"
        }
        let marks = [note, evidence.isOfThisCommit(injection) ? nil : "another commit"].compactMap(\.self)
        return marks.isEmpty ? "" : " (\(marks.joined(separator: "; ")))"
    }

    private var bounds: String {
        let rows = analysis.bounds.map { bound in
            [
                escaped(analysis.plan.tenants[bound.victim].name),
                bound.offender.map { escaped(analysis.plan.tenants[$0].name) } ?? "root", escaped(bound.text),
            ]
        }
        return
            "<h2>Bounded delays</h2>\n<p>A budget bounds the time for which a more urgent element takes a core, and the "
            + "time for which a server waits until its caller has time again.</p>\n"
            + table(["Element", "By", "Bound"], rows)
    }

    private var faults: String {
        let rows = evidence.injections.map { injection in
            [
                escaped(injection.offender), escaped(injection.fault) + marks(injection),
                injection.observations.filter { $0.effect != nil }.map {
                    "\(escaped($0.victim)) was \($0.effect?.participle ?? "")"
                }
                .joined(separator: "<br>"), "<code>\(escaped(injection.commit))</code>",
            ]
        }
        let notes = evidence.remarks.enumerated().map { number, remark in
            "<p id=\"note-\(number + 1)\">Note \(number + 1): tried with \(escaped(remark)).</p>\n"
        }
        return "<h2>Fault injections</h2>\n" + notes.joined()
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

    func table(_ titles: [String], _ rows: [[String]]) -> String {
        let head = titles.allSatisfy(\.isEmpty) ? "" : "<tr>" + titles.map { "<th>\($0)</th>" }.joined() + "</tr>\n"
        let body = rows.map { "<tr>" + $0.map { "<td>\($0)</td>" }.joined() + "</tr>\n" }
        return "<table>\n\(head)\(body.joined())</table>\n"
    }

    func escaped(_ text: String) -> String {
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
