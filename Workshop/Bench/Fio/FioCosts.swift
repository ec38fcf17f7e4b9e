import Foundation

/// The executed instructions of the whole board for one request of fio, on all subjects.
///
/// They hardly depend on the host's load. The ratio of two subjects is that of their rates on a board whose disk
/// answers at once, so that the processor alone limits them.
struct FioCosts {
    var costs: [FioBenchmark.Subject: [RequestCost]] = [:]

    private typealias Subject = FioBenchmark.Subject

    private func total(_ job: Int, of subject: Subject) -> Double? { costs[subject]?[job].total }

    /// Returns the rate of one subject divided by that of another.
    private func ratio(_ job: Int, of subject: Subject, to other: Subject) -> Double? {
        guard let cost = total(job, of: subject), let otherCost = total(job, of: other) else { return nil }
        return otherCost / cost
    }

    /// Returns the entries into the exit loop of the monitor, each of which is a system call of it.
    private func monitorExits(_ job: Int, of subject: Subject) -> Double? {
        guard let cost = costs[subject]?[job], subject == .whole || subject == .pool else { return nil }
        return cost.entries.first { $0.kind == "calls of Monitor" }?.count ?? 0
    }

    var rows: [BenchRow] {
        FioJob.all.enumerated().flatMap { index, job in
            let name = "disk.fio.\(job.name)"
            var rows: [BenchRow] = []
            for subject in Subject.allCases {
                guard let cost = costs[subject]?[index] else { continue }
                rows.append(BenchRow("\(name).\(subject.rawValue)", cost.total))
                guard let exits = monitorExits(index, of: subject) else { continue }
                rows += cost.parts.map { BenchRow("\(name).\(subject.rawValue).\($0.name)", $0.instructions) }
                rows.append(BenchRow("\(name).\(subject.rawValue).exits to the monitor", exits, unit: "entries"))
            }
            return rows
                + FioReport.aims(job).compactMap { aim in
                    ratio(index, of: aim.subject, to: aim.other).map {
                        BenchRow("\(name).\(aim.name) by instructions", $0, unit: "ratio")
                    }
                }
        }
    }

    /// The instructions, the ratios of rates beside their aims, and the exits to the monitor.
    var text: String {
        let subjects = Subject.allCases.filter { costs[$0] != nil }
        var lines = [
            FioReport.line(
                "instructions", subjects.map(\.rawValue) + FioReport.aims(FioJob.all[0]).map(\.name) + ["to monitor"])
        ]
        for (index, job) in FioJob.all.enumerated() {
            let totals = subjects.map { total(index, of: $0).map { String(format: "%.0f", $0) } ?? "-" }
            let ratios = FioReport.aims(job).map { $0.text(of: ratio(index, of: $0.subject, to: $0.other)) }
            let exits = subjects.compactMap { monitorExits(index, of: $0) }.max()
            lines.append(
                FioReport.line(job.name, totals + ratios + [exits.map { String(format: "%.3f", $0) } ?? "-"]))
        }
        return lines.joined(separator: "\n")
    }
}
