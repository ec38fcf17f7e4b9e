/// The figures of the experiment on efficient replicas, from the runs of each kind of work.
struct ReplicaFigures {
    typealias Work = ReplicaBenchmark.Work

    private var runs: [(work: Work, subject: Subject, turn: Int, run: ReplicaRun)] = []

    /// - Parameter turn: the number of the turn in which all subjects do the work.
    mutating func add(_ run: ReplicaRun, of work: Work, on subject: Subject, turn: Int = 0) {
        runs.append((work, subject, turn, run))
    }

    private func runs(of work: Work, on subject: Subject) -> [ReplicaRun] {
        runs.filter { $0.work == work && $0.subject == subject }.map(\.run)
    }

    /// Returns the runs of the bare board and of a subject in the same turns.
    private func pairs(of work: Work, on subject: Subject) -> [(native: ReplicaRun, other: ReplicaRun)] {
        runs.filter { $0.work == work && $0.subject == subject }.compactMap { one in
            runs.first { $0.work == work && $0.subject == .native && $0.turn == one.turn }.map { ($0.run, one.run) }
        }
    }

    static func name(of work: Work) -> String {
        if case .crew(let processors) = work { "\(processors)-cpu" } else { work == .disk ? "disk" : work.argument }
    }

    /// Adds the cost of each task, that of all tasks together, and the efficiency of a subject: the instructions of the
    /// bare board for all tasks divided by those with the subject, in the same turn of runs. The ratio of a task is the
    /// cost with the subject divided by that of the bare board.
    func addCosts(of work: Work, on subject: Subject, to run: ExperimentRun) {
        let prefix = Self.name(of: work)
        let found = runs(of: work, on: subject)
        guard let first = found.first else { return }
        func add(_ name: String, _ samples: [Double], unit: String, _ measure: Figure.Measure) {
            run.add(
                "\(prefix).\(name)", subject, samples, unit: unit, measure, cpu: "neoverse-n1",
                software: Self.software(of: subject))
        }
        for (index, task) in first.tasks.enumerated() {
            let samples = found.compactMap { index < $0.tasks.count ? $0.tasks[index].cost : nil }
            add(task.name, samples, unit: "instructions", .instructions)
        }
        add("total", found.map(\.total), unit: "instructions", .instructions)
        let pairs = pairs(of: work, on: subject)
        guard subject != .native, !pairs.isEmpty else { return }
        add("efficiency", pairs.map { $0.native.total / $0.other.total }, unit: "ratio", .instructions)
        for task in first.tasks {
            let ratios = pairs.compactMap { native, other in
                other.cost(of: task.name).flatMap { cost in native.cost(of: task.name).map { cost / $0 } }
            }
            run.add(
                "ratio.\(prefix).\(task.name)", subject, ratios, unit: "ratio", .instructions, cpu: "neoverse-n1",
                software: Self.software(of: subject))
        }
    }

    /// Adds the exits of a boot, and those for 1000 system calls, which are the difference of a run with a million of
    /// them and one without. Xen counts none. A plugin counts those below Xen and below Entente.
    func addExits(on subject: Subject, to run: ExperimentRun) {
        guard let calls = runs(of: .calls, on: subject).last, let boot = runs(of: .boot, on: subject).last else {
            return
        }
        func add(_ suffix: String, boot: Double, calls: Double) {
            for (name, value) in [("boot", boot), ("per-1000-getppid", (calls - boot) / 1000)] {
                run.add(
                    "exits.\(name)\(suffix)", subject, [value], unit: "exits", .count, cpu: "neoverse-n1",
                    software: Self.software(of: subject))
            }
        }
        if !boot.exits.isEmpty {
            add("", boot: boot.exitCount, calls: calls.exitCount)
            add(".to-user-level", boot: boot.userLevelExits, calls: calls.userLevelExits)
        }
        if let ofBoot = boot.crossings, let ofCalls = calls.crossings {
            add(".by-plugin", boot: Double(ofBoot), calls: Double(ofCalls))
        }
    }

    static func software(of subject: Subject) -> [String] {
        switch subject {
        case .entente: ["entente", "qemu", "linux"]
        case .kvm: ["qemu", "linux", "debian-qemu"]
        case .xen: ["qemu", "linux", "xen"]
        default: ["qemu", "linux"]
        }
    }
}

extension ReplicaRun {
    /// The instructions of all tasks.
    var total: Double { tasks.reduce(0) { $0 + $1.instructions } }

    func cost(of task: String) -> Double? { tasks.first { $0.name == task }?.cost }

    /// All exits, as the system counts them. Entente's `monitor` counts a part of the others once more.
    var exitCount: Double {
        exits["exits"] ?? exits.filter { $0.key != "monitor" }.reduce(0) { $0 + $1.value }
    }

    /// The exits that a program at user level answers: Entente's monitor, or QEMU below KVM.
    var userLevelExits: Double { exits["monitor"] ?? exits["mmio_exit_user"] ?? 0 }
}
