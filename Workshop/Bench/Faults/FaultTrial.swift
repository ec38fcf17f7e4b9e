import Foundation
import SystemImage
import Tool

/// Runs a system in which one part after the other fails at a given time, and listens to all others.
///
/// Time follows the instructions, and no order comes from the host. An idle board jumps to its next timer while it
/// waits for the host's disk, so times of disks depend on the host and are too long. All others are nearly the same at
/// each run.
struct FaultTrial {
    let workspace: Workspace
    let schedule: FaultSchedule
    var timeout = Duration.seconds(420)

    static let system = "Benchmarks/systems/faults.yaml"
    /// The time between two turns in microseconds.
    static let period: UInt64 = 5_000

    struct Outcome {
        var records: TurnRecords
        var schedule: FaultSchedule
        var voices: [TurnRecords.Voice]
        /// The harm that the plan of the unchanged manifest predicts.
        var analysis: HarmAnalysis

        /// Checks that each part that was to die has been started again. A part that made no system call in its window
        /// would show nothing.
        func requireDeaths() throws {
            var rest = records.returns
            for case let (_, window) in schedule.windows where window.kind == .killed {
                guard let index = rest.firstIndex(of: window.part) else {
                    throw Failure("'\(window.part)' did not die, or did not come back")
                }
                rest.remove(at: index)
            }
        }

        /// Returns the number of programs that began another life in a fault's slots.
        func rebirths(in slot: Int) -> Int {
            let span = schedule.span(of: slot)
            return records.births.values.reduce(0) { $0 + $1.count(where: span.contains) }
        }
    }

    func run() throws -> Outcome {
        let file = workspace.root.appendingPathComponent(Self.system)
        let described = try Manifest.load(path: file.path)
        let manifest = try instrumented(described)
        let voices = self.voices(of: manifest)
        let folder = workspace.state.appendingPathComponent("faults-\(UUID().uuidString)")
        try workspace.make(folder)
        defer { try? FileManager.default.removeItem(at: folder) }
        var options = BootOptions.deterministic
        options.disks = folder
        let boot = try PreparedBoot(manifest, workspace: workspace, options: options) { name, program in
            try FaultyProgram(windows: schedule.windows(of: name)).program(from: program)
        }
        let records = try Progress.step("Breaking the parts of '\(manifest.name)'") {
            try listen(to: boot.start(workspace: workspace), voices: Set(voices))
        }
        return Outcome(
            records: records, schedule: schedule, voices: voices,
            analysis: HarmAnalysis(try described.planWithPlaceholders()))
    }

    /// Returns the system with the slots in the arguments of the programs that count their turns.
    private func instrumented(_ described: Manifest) throws -> Manifest {
        var manifest = described
        let times = [FaultSchedule.start, FaultSchedule.slot, UInt64(schedule.slots)]
        for index in manifest.tenants.indices {
            switch manifest.tenants[index] {
            case .component(var component):
                guard component.program == .target("Turns") else { continue }
                component.arguments = [Self.period] + times + [component.name == "beat" ? 1 : 0]
                manifest.tenants[index] = .component(component)
            case .machine(let machine):
                let words = ([Self.period] + times).map(String.init)
                let disk = machine.disks.isEmpty ? [] : ["/dev/vda"]
                let changed = try LinuxWorkload(workspace: workspace, name: "turns").added(
                    to: machine, running: (["/turns"] + words + disk).joined(separator: " "))
                manifest.tenants[index] = .machine(changed)
            }
        }
        return manifest
    }

    private func voices(of manifest: Manifest) -> [TurnRecords.Voice] {
        manifest.tenants.flatMap { tenant -> [TurnRecords.Voice] in
            switch tenant {
            case .component(let component):
                component.program == .target("Turns") ? [.init(console: component.name, process: "self")] : []
            case .machine(let machine):
                (["cpu", "console"] + (machine.disks.isEmpty ? [] : ["disk"])).map {
                    .init(console: machine.name, process: $0)
                }
            }
        }
    }

    private func listen(to session: Session, voices: Set<TurnRecords.Voice>) throws -> TurnRecords {
        defer { session.end() }
        let deadline = ContinuousClock.now + timeout
        var records = TurnRecords()
        while ContinuousClock.now < deadline {
            for event in session.wait(timeout: deadline - .now) {
                switch event {
                case .line(let channel, let text):
                    guard let name = session.channels.first(where: { $0.number == channel })?.name else { continue }
                    records.hear(text, on: name)
                    if !text.contains("beat"), !text.contains("turns: ") { Progress.say("\(name): \(text)") }
                case .ended: throw Failure("the board went off before all parts had reported")
                case .output, .readable: break
                }
            }
            if voices.isSubset(of: records.ended) { return records }
        }
        let missing = voices.subtracting(records.ended).map { "\($0.console) (\($0.process))" }.sorted()
        throw Failure(
            "these did not report their end in time: \(missing.joined(separator: ", "))",
            remedy: "see \(session.files.logs.shortPath)", status: ExitStatus.timeout)
    }
}
