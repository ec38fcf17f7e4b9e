import Foundation
import SystemImage

@testable import Tool

/// Kills and hangs the parts of one system, and records the effects on the others.
struct HarmTrial {
    let system: RunningSystem
    private let analysis: HarmAnalysis
    let parts: [HarmTrialPart]
    private let remark: String
    private(set) var injections: [FaultInjection] = []
    private var deaths: [String: Int] = [:]
    /// The harm that was observed: `VICTIM EFFECT OFFENDER`.
    private(set) var seen: Set<String> = []
    var surprises: [String] = []
    /// Harm, as in `seen`, that the analysis foresees and the test does not expect. A busy host may be the cause if it
    /// is seen once.
    var unexpected: Set<String> = []
    /// The hash of the plan of the unchanged manifest, from which the predictions come, too.
    private let plan: String
    private static let commit = HarmEvidence.commit(Workspace(root: Repository.root))

    /// The effects on each part that came to harm.
    typealias Harm = [String: Set<HarmEffect>]

    /// The parts whose programs the trial replaces by programs that print lines, and hang on request.
    enum StandIns { case none, components, all }

    /// - Parameter disks: the folder of the board's disks, for a system that has some.
    init(_ path: String, standIns: StandIns = .none, disks: URL? = nil) throws {
        let manifest = try Workspace(root: Repository.root).manifest(
            at: Repository.file(path).path, overriding: BoardOverrides())
        analysis = HarmAnalysis(try manifest.planWithPlaceholders())
        plan = try HarmEvidence.hash(of: analysis.plan, system: manifest.name)
        var parts: [HarmTrialPart] = []
        let secrets = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: secrets, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: secrets) }
        var options = BootOptions()
        options.disks = disks
        system = try RunningSystem(
            path, options: options, consoleDriver: "HungSerial",
            changing: { tenant in
                let number = HarmTrialPart.firstNumber + parts.count
                tenant.standIn(standIns, file: secrets.appendingPathComponent("\(number)"), number: number)
                tenant.giveSecret(of: number)
                tenant.restart.wait(milliseconds: 1500)
                parts.append(HarmTrialPart(tenant, number: number))
            })
        self.parts = parts
        let driver =
            "a console driver that hangs and forges input when it is told to, in the place of the real one, and other "
            + "arguments of programs"
        let programs = "programs that observe themselves, and do harm when they are told to, in the places of"
        remark =
            switch standIns {
            case .none: driver
            case .components: "\(driver), and \(programs) the components' own"
            case .all: "\(driver), and \(programs) the system's own"
            }
        try waitForAll(timeout: .seconds(120))
    }

    mutating func tryEverything() throws {
        deaths = try countDeaths()
        try tryMemory()
        try tryConsoleDriver()
        try inject(HarmTrialFault(name: "killed", action: .kill), in: ConsoleDriver.name)
        for part in parts {
            for fault in part.faults { try inject(fault, in: part.name) }
        }
    }

    // MARK: Faults

    private mutating func inject(_ fault: HarmTrialFault, in offender: String) throws {
        var (during, after) = try attempt(fault, in: offender)
        if isDoubtful(during, by: offender) || isDoubtful(after, by: offender) {
            let again = try attempt(fault, in: offender)
            during = confirmed(during, again.during, by: offender)
            after = confirmed(after, again.after, by: offender)
        }
        record(during, by: offender, fault.name, noticedBy: \.showsStall)
        // Nobody watches for stalls while the system is restored, so the absence of harm is no evidence.
        if !after.isEmpty { record(after, by: offender, fault.nameOfRemedy) { _ in false } }
    }

    /// Causes a fault once, and restores the system.
    ///
    /// - Returns: the harm by the fault, and the harm by the steps of the trial's own that restore the system.
    private mutating func attempt(_ fault: HarmTrialFault, in offender: String) throws -> (during: Harm, after: Harm) {
        try perform(fault.action, on: offender)
        // Output that was on its way arrives and is dropped.
        listen(for: .milliseconds(400))
        for part in parts {
            let text = try system.takeOutput(of: part.name)
            if text.contains("outside") { surprises.append("'\(part.name)' has read where it has no memory: \(text)") }
        }
        let (silent, early) = try observe(offender, isOver: fault.isOver)
        if !fault.remedy.isEmpty {
            let during = harm(silent: silent, dead: try takeDeaths(), losers: early, by: offender)
            let losers = try restore(fault.remedy, offender)
            let dead = try takeDeaths().subtracting([fault.victim].compactMap(\.self))
            return (during, harm(dead: dead, losers: losers, by: offender))
        }
        let losers = early.union(try waitForAll(timeout: .seconds(60)))
        let dead = try takeDeaths()
        if fault.isOver, offender != ConsoleDriver.name, !dead.contains(offender) {
            surprises.append("'\(offender)' \(fault.name): it did not die")
        }
        return (harm(silent: silent, dead: dead, losers: losers, by: offender), [:])
    }

    /// Records a fault with its effects on all parts but the offender.
    ///
    /// - Parameters:
    ///   - aim: the effect that the fault tries to have; nil if it can stall or end others.
    ///   - notices: selects the parts of which the trial would have seen such an effect. Only these are recorded as
    ///     unharmed.
    mutating func record(
        _ harm: Harm, by offender: String, _ fault: String, aim: HarmEffect? = nil,
        noticedBy notices: (HarmTrialPart) -> Bool
    ) {
        var observations: [FaultInjection.Observation] = []
        for part in parts where part.name != offender {
            let effects = HarmEffect.allCases.filter { harm[part.name, default: []].contains($0) }
            for effect in effects {
                observations.append(.init(victim: part.name, effect: effect))
                note(part.name, effect, offender, fault)
            }
            if effects.isEmpty, notices(part) { observations.append(.init(victim: part.name, effect: nil)) }
        }
        injections.append(
            FaultInjection(
                offender: offender, fault: fault, aim: aim, observations: observations, commit: Self.commit, plan: plan,
                remark: remark))
    }

    /// Returns the parts that have died since the last count.
    mutating func takeDeaths() throws -> Set<String> {
        let before = deaths
        deaths = try countDeaths()
        return Set(parts.map(\.name).filter { deaths[$0, default: 0] > before[$0, default: 0] })
    }

    private func perform(_ action: HarmTrialFault.Action, on offender: String) throws {
        switch action {
        case .kill: try system.type("kill \(offender)\n", on: "root")
        case .type(let text): try system.type(text, on: offender)
        }
    }

    /// Listens until each part has printed a line, or two lines if the offender hangs.
    ///
    /// It stops after 1 s if the analysis has predicted each silence, or if the offender comes back by itself. It stops
    /// after 3 s if the silence of a machine may lead to its end, because a watchdog takes 2 s. Otherwise it listens
    /// for 8 s, because a busy host may be the cause of the silence.
    ///
    /// - Parameter isOver: true if the offender comes back by itself, after 1.5 s.
    private func observe(_ offender: String, isOver: Bool) throws -> (silent: Set<String>, losers: Set<String>) {
        var (lines, losers) = ([String: Int](), Set<String>())
        let start = ContinuousClock.now
        while true {
            system.listen(for: .milliseconds(50))
            for part in parts {
                let text = try system.takeOutput(of: part.name)
                lines[part.name, default: 0] += text.count { $0.isNewline }
                if text.contains("lost") { losers.insert(part.name) }
            }
            let silent = Set(
                parts.filter { part in
                    part.name != offender && part.speaks && lines[part.name, default: 0] < (isOver ? 1 : 2)
                }
                .map(\.name))
            let time = ContinuousClock.now - start
            let isPredicted = silent.allSatisfy { isForeseen($0, .stall, offender) || isForeseen($0, .end, offender) }
            let mayEnd = parts.contains {
                $0.isMachine && silent.contains($0.name) && isForeseen($0.name, .end, offender)
            }
            let limit = isOver ? 1 : !isPredicted ? 8 : mayEnd ? 3 : 1
            guard silent.isEmpty || time > .seconds(limit) else { continue }
            let deaf = try parts.filter { $0.name != offender && $0.isAsked }.filter(isDeaf)
            return (silent.union(deaf.map(\.name)), losers)
        }
    }

    /// Returns true if a machine with a shell does not run a command. Such a machine may print nothing by itself, so
    /// its silence alone is no evidence.
    private func isDeaf(_ part: HarmTrialPart) throws -> Bool {
        (try? system.run("true", on: part.name, timeout: .seconds(10))) == nil
    }

    private mutating func note(_ victim: String, _ effect: HarmEffect, _ offender: String, _ fault: String) {
        seen.insert("\(victim) \(effect) \(offender)")
        if isForeseen(victim, effect, offender) { return }
        surprises.append("'\(offender)' \(fault), and '\(victim)' was \(effect.participle), which was not predicted")
    }

    func isForeseen(_ victim: String, _ effect: HarmEffect, _ offender: String) -> Bool {
        analysis.finding(victim: index(victim), offender: index(offender), effect) != nil
    }

    private func index(_ name: String) -> Int { analysis.plan.tenants.firstIndex { $0.name == name } ?? -1 }

    /// Returns the number of deaths of each part, from root's list.
    private func countDeaths() throws -> [String: Int] {
        try system.forget("root")
        try system.type("restarts\n", on: "root")
        var deaths: [String: Int] = [:]
        var text = ""
        let deadline = ContinuousClock.now + .seconds(30)
        while !parts.allSatisfy({ deaths[$0.name] != nil }) {
            guard ContinuousClock.now < deadline else {
                throw SystemFailure(description: "root did not name every part: \(text)")
            }
            guard let line = try? system.wait(for: "\n", on: "root", timeout: .seconds(10)) else { continue }
            text += line
            if let match = line.firstMatch(of: /([\w.-]+): .*died (\d+) time/) {
                deaths[String(match.1)] = Int(match.2)
            }
        }
        return deaths
    }

    // MARK: Recovery

    /// Restores the system, so that the next fault begins with one that works.
    ///
    /// - Returns: the parts that report a loss.
    private func restore(_ remedy: [HarmTrialFault.Remedy], _ offender: String) throws -> Set<String> {
        for step in remedy {
            switch step {
            case .kill(let name): try system.type("kill \(name ?? offender)\n", on: "root")
            case .awaitReturn(let name): try system.wait(for: "back: \(name)", on: "root")
            case .type(let text): try system.type(text, on: offender)
            }
        }
        return try waitForAll(timeout: .seconds(60))
    }

    @discardableResult
    func waitForAll(timeout: Duration) throws -> Set<String> {
        var losers = Set<String>()
        for part in parts {
            if try system.takeOutput(of: part.name).contains("lost") { losers.insert(part.name) }
        }
        for part in parts {
            if part.isAsked {
                _ = try system.run("true", on: part.name, timeout: timeout)
            } else if part.speaks {
                let text =
                    try system.wait(for: "\n", on: part.name, timeout: timeout)
                    + system.wait(for: "\n", on: part.name, timeout: timeout)
                if text.contains("lost") { losers.insert(part.name) }
            }
        }
        return losers
    }

    func listen(for duration: Duration) {
        let end = ContinuousClock.now + duration
        while ContinuousClock.now < end { system.listen(for: end - .now) }
    }

    // MARK: Results

    /// Lists the faults with their victims, and the predictions that never came true.
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
        let predicted = analysis.findings.filter { analysis.plan.tenants[$0.victim].kind != .consoleDriver }
        let never = predicted.filter { finding in
            let names = [finding.victim, finding.offender].map { analysis.plan.tenants[$0].name }
            return !seen.contains("\(names[0]) \(finding.effect) \(names[1])")
        }
        lines.append("  predicted \(predicted.count), never seen \(never.count):")
        lines += never.map { finding in
            let names = [finding.victim, finding.offender].map { analysis.plan.tenants[$0].name }
            return "    \(names[0]) \(finding.effect.participle) by \(names[1]): \(analysis.sentence(finding))"
        }
        return lines.joined(separator: "\n")
    }

    /// Writes the faults to the file from which `check --report` reads them.
    func save() throws {
        let file = HarmEvidence.file(Workspace(root: Repository.root), system.name)
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try JSONEncoder().encode(injections).write(to: file)
    }
}
