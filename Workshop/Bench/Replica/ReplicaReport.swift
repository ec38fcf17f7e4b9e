/// The figures of `ReplicaBenchmark`.
struct ReplicaReport {
    typealias Subject = ReplicaBenchmark.Subject
    typealias Work = ReplicaBenchmark.Work

    private(set) var runs: [(subject: Subject, work: Work, run: ReplicaRun)] = []

    mutating func add(_ run: ReplicaRun, of work: Work, on subject: Subject) { runs.append((subject, work, run)) }

    private func run(of work: Work, on subject: Subject) -> ReplicaRun? {
        runs.first { $0.subject == subject && $0.work == work }?.run
    }

    private static func name(of work: Work) -> String {
        if case .crew(let processors) = work { "\(processors)-cpu" } else { work.argument }
    }

    /// The costs of each task, and the efficiency: the instructions of the bare board for all tasks, divided by those
    /// of a system. Then come the exits for 1000 system calls.
    var rows: [BenchRow] {
        var rows: [BenchRow] = []
        for (subject, work, run) in runs where !run.tasks.isEmpty {
            let prefix = "replica.\(Self.name(of: work))"
            let native = self.run(of: work, on: .native)
            for task in run.tasks {
                rows.append(BenchRow("\(prefix).\(task.name).\(subject.rawValue)", task.cost))
                guard subject != .native, let bare = native?.tasks.first(where: { $0.name == task.name }) else { continue }
                rows.append(
                    BenchRow("\(prefix).\(task.name).\(subject.rawValue)/native", task.cost / bare.cost, unit: "ratio"))
            }
            let total = run.tasks.reduce(0) { $0 + $1.instructions }
            if subject != .native, let native {
                let bare = native.tasks.reduce(0) { $0 + $1.instructions }
                rows.append(BenchRow("\(prefix).efficiency.\(subject.rawValue)", bare / total, unit: "ratio"))
            }
        }
        return rows + exitRows
    }

    private var exitRows: [BenchRow] {
        Subject.allCases.flatMap { subject -> [BenchRow] in
            guard let calls = run(of: .calls, on: subject), let boot = run(of: .boot, on: subject) else { return [] }
            return Set(calls.exits.keys).union(boot.exits.keys).sorted().map { kind in
                let difference = (calls.exits[kind] ?? 0) - (boot.exits[kind] ?? 0)
                return BenchRow(
                    "replica.exits-per-1000-getppid.\(subject.rawValue).\(kind)", difference / 1000, unit: "exits")
            }
        }
    }
}
