import Foundation
import SystemImage
import Testing

@testable import Tool

extension SystemTests {
    /// Compares the harm analysis with systems that run. Each part is killed and hung in turn, and the analysis must
    /// have predicted each part that stands still or dies.
    @Suite(.serialized) struct HarmTests {
        /// The systems are one with each kind of harm, and examples whose parts can be made to hang.
        @Test(arguments: ["Tests/Systems/harm.yaml", "examples/two-machines", "examples/pager-hangs"])
        func everyVictimIsPredicted(path: String) throws {
            var trial = try HarmTrial(path)
            try trial.tryEverything()
            print(trial.summary)
            #expect(trial.surprises.isEmpty, "\(trial.surprises.joined(separator: "\n"))")
            // The trials would prove nothing if they never observed harm.
            if path.hasSuffix("harm.yaml") {
                for expected in trial.mustHappen { #expect(trial.seen.contains(expected), "nobody saw: \(expected)") }
            }
            try trial.save()
        }
    }
}

/// Kills and hangs the parts of one system, and records the effects on the others.
private struct HarmTrial {
    private let system: RunningSystem
    private let analysis: HarmAnalysis
    private let names: [String]
    private let machines: Set<String>
    /// The components that print all the time. A test cannot see others stand still.
    private let speakers: Set<String>
    /// True if the components hang on request.
    private let isHanging: Bool
    private var injections: [FaultInjection] = []
    /// The harm that was observed: `VICTIM EFFECT OFFENDER`.
    private(set) var seen: Set<String> = []
    private(set) var surprises: [String] = []

    /// The harm that must occur in `Tests/Systems/harm.yaml`, because the trials would otherwise prove nothing.
    let mustHappen = [
        "client stall server", "low stall client", "low stall server", "listener stall ringer", "right end left",
        "left end right", "ringer stall listener", "left stall listener",
    ]

    init(_ path: String) throws {
        system = try RunningSystem(path)
        let manifest = system.manifest
        analysis = HarmAnalysis(try manifest.planWithPlaceholders())
        names = manifest.tenants.map(\.name)
        machines = Set(manifest.machines.map(\.name))
        isHanging = path.hasSuffix("harm.yaml")
        for machine in machines { _ = try system.run("true", on: machine, timeout: .seconds(120)) }
        let system = system
        let components = names.filter { [machines] in !machines.contains($0) }
        speakers = Set(components.filter { (try? system.wait(for: "\n", on: $0, timeout: .seconds(10))) != nil })
    }

    mutating func tryEverything() throws {
        let system = system
        for offender in ["serial"] + names {
            try inject("killed", offender) { try system.type("kill \(offender)\n", on: "root") }
            if machines.contains(offender) {
                try inject("computed without end", offender) { try system.type("while :; do :; done\n", on: offender) }
            } else if isHanging, offender != "serial" {
                try inject("spun", offender) { try system.type("s", on: offender) }
                guard offender == "server" else { continue }
                try inject("never replied", offender) { try system.type("h", on: offender) }
            }
        }
    }

    private mutating func inject(_ fault: String, _ offender: String, _ action: () throws -> Void) throws {
        let before = try deaths()
        try action()
        // Output that was on its way arrives and is dropped.
        listen(for: .milliseconds(400))
        for name in names { try system.forget(name) }
        var observations: [FaultInjection.Observation] = []
        // Parts print every 200 ms, so they print before the offender comes back after 1.5 s.
        let deadline = ContinuousClock.now + (isHanging ? .milliseconds(1000) : .seconds(4))
        let silent = names.filter { $0 != offender && isSilent($0, until: deadline) }
        let after = try deaths()
        for victim in names where victim != offender {
            let hasDied = after[victim, default: 0] > before[victim, default: 0]
            let effect: HarmEffect? = hasDied ? .end : silent.contains(victim) ? .stall : nil
            observations.append(.init(victim: victim, effect: effect))
            if let effect { note(victim, effect, offender, fault) }
        }
        let commit = (try? Subprocess("git", ["-C", Repository.root.path, "rev-parse", "HEAD"]).text()) ?? "not known"
        injections.append(FaultInjection(offender: offender, fault: fault, observations: observations, commit: commit))
        try restore(offender, hasBeenKilled: fault == "killed")
    }

    private mutating func note(_ victim: String, _ effect: HarmEffect, _ offender: String, _ fault: String) {
        seen.insert("\(victim) \(effect) \(offender)")
        let (first, second) = (index(victim), index(offender))
        guard analysis.finding(victim: first, offender: second, effect) == nil else { return }
        surprises.append("'\(offender)' \(fault), and '\(victim)' was \(effect.participle), which was not predicted")
    }

    private func index(_ name: String) -> Int { analysis.plan.tenants.firstIndex { $0.name == name } ?? -1 }

    /// Returns true if a part prints nothing until the deadline. A machine is asked, because it may have nothing to
    /// print.
    private func isSilent(_ name: String, until deadline: ContinuousClock.Instant) -> Bool {
        if machines.contains(name) { return (try? system.run("true", on: name, timeout: .seconds(10))) == nil }
        guard speakers.contains(name) else { return false }
        let rest = max(deadline - .now, .milliseconds(1))
        return (try? system.wait(for: "\n", on: name, timeout: rest)) == nil
    }

    /// Returns the number of deaths of each part, from root's list.
    private func deaths() throws -> [String: Int] {
        try system.forget("root")
        try system.type("restarts\n", on: "root")
        var deaths: [String: Int] = [:]
        var text = ""
        let deadline = ContinuousClock.now + .seconds(30)
        while !names.allSatisfy({ deaths[$0] != nil }) {
            guard ContinuousClock.now < deadline else {
                throw SystemFailure(description: "root did not name every part: \(text)")
            }
            guard let line = try? system.wait(for: "\n", on: "root", timeout: .seconds(10)) else { continue }
            text += line
            if let match = line.firstMatch(of: /([\w-]+): .*died (\d+) time/) { deaths[String(match.1)] = Int(match.2) }
        }
        return deaths
    }

    /// Restores the system, so that the next fault begins with one that works.
    private func restore(_ offender: String, hasBeenKilled: Bool) throws {
        if !hasBeenKilled { try system.type("kill \(offender)\n", on: "root") }
        for name in names { try system.forget(name) }
        for name in names {
            if machines.contains(name) {
                _ = try system.run("true", on: name, timeout: .seconds(120))
            } else if speakers.contains(name) {
                try system.wait(for: "\n", on: name, timeout: .seconds(30))
            }
        }
    }

    private func listen(for duration: Duration) {
        let end = ContinuousClock.now + duration
        while ContinuousClock.now < end { system.listen(for: end - .now) }
    }

    /// Lists the faults with their victims, and the predictions of stalls and ends that never came true.
    var summary: String {
        var lines = ["\(system.name):"]
        for injection in injections {
            let victims = injection.observations.compactMap { seen in
                seen.effect.map { "\(seen.victim) was \($0.participle)" }
            }
            lines.append(
                "  \(injection.offender) \(injection.fault): "
                    + (victims.isEmpty ? "nobody noticed" : victims.joined(separator: ", ")))
        }
        let predicted = analysis.findings.filter { [.stall, .end].contains($0.effect) && $0.victim != 0 }
        let never = predicted.filter { finding in
            let (victim, offender) = (
                analysis.plan.tenants[finding.victim].name, analysis.plan.tenants[finding.offender].name
            )
            return !seen.contains("\(victim) \(finding.effect) \(offender)")
        }
        lines.append("  predicted \(predicted.count), never seen \(never.count):")
        lines += never.map { "    " + analysis.sentence($0) }
        return lines.joined(separator: "\n")
    }

    /// Leaves the faults where `check --report` finds them.
    func save() throws {
        let file = HarmEvidence.file(Workspace(root: Repository.root), system.name)
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try JSONEncoder().encode(injections).write(to: file)
    }
}
