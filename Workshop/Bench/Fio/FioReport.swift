import Foundation

/// The rates of all subjects in several runs.
struct FioReport {
    /// The rates of each job, one for each run.
    private var rates: [FioBenchmark.Subject: [String: [Double]]] = [:]

    mutating func add(_ results: [FioResult], of subject: FioBenchmark.Subject) {
        for job in FioJob.all {
            guard let result = results.first(where: { $0.job == job.name }) else { continue }
            let rate = job.isSequential ? result.throughput : result.rate(block: job.block)
            rates[subject, default: [:]][job.name, default: []].append(rate)
        }
    }

    /// Returns the median of a job's rates, or nil if there is none.
    func median(_ job: FioJob, of subject: FioBenchmark.Subject) -> Double? {
        rates[subject]?[job.name].flatMap { Self.median($0) }
    }

    static func median(_ values: [Double]) -> Double? {
        guard !values.isEmpty else { return nil }
        let sorted = values.sorted()
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }

    /// Returns the median of the ratios of two subjects, run by run.
    ///
    /// The runs of the subjects alternate, so that a change of the host's speed meets both.
    func ratio(_ job: FioJob, of subject: FioBenchmark.Subject, to other: FioBenchmark.Subject) -> Double? {
        guard let upper = rates[subject]?[job.name], let lower = rates[other]?[job.name] else { return nil }
        return Self.median(zip(upper, lower).map { $0 / $1 })
    }

    /// A ratio of two subjects' rates, and the least acceptable one.
    struct Aim {
        let subject: FioBenchmark.Subject
        let other: FioBenchmark.Subject
        let least: Double

        var name: String { "\(subject.rawValue)/\(other.rawValue)" }

        /// Returns a ratio beside the aim, with an exclamation mark if it misses the aim.
        func text(of ratio: Double?) -> String {
            guard let ratio else { return "-" }
            return String(format: "%.3f of %.2f", ratio, least) + (ratio < least ? "!" : " ")
        }
    }

    static func aims(_ job: FioJob) -> [Aim] {
        [
            Aim(subject: .whole, other: .native, least: job.aim), Aim(subject: .pool, other: .whole, least: 0.85),
            Aim(subject: .whole, other: .kvm, least: 1), Aim(subject: .pool, other: .kvm, least: 1),
        ]
    }

    var rows: [BenchRow] {
        FioJob.all.flatMap { job in
            FioBenchmark.Subject.allCases.compactMap { subject in
                median(job, of: subject).map {
                    BenchRow("disk.fio.\(job.name).\(subject.rawValue)", $0, unit: job.isSequential ? "MiB/s" : "IOPS")
                }
            }
                + Self.aims(job).flatMap { aim -> [BenchRow] in
                    guard let ratio = ratio(job, of: aim.subject, to: aim.other) else { return [] }
                    let name = "disk.fio.\(job.name).\(aim.name)"
                    return [BenchRow(name, ratio, unit: "ratio"), BenchRow(name + ".aim", aim.least, unit: "ratio")]
                }
        }
    }

    /// The medians and the ratios beside their aims. An exclamation mark shows an aim that is missed.
    var text: String {
        let subjects = FioBenchmark.Subject.allCases.filter { rates[$0] != nil }
        var lines = [Self.line("median rates", subjects.map(\.rawValue) + Self.aims(FioJob.all[0]).map(\.name))]
        for job in FioJob.all {
            let name = job.name + (job.isSequential ? " MiB/s" : " IOPS")
            let medians = subjects.map { median(job, of: $0).map { String(format: "%.0f", $0) } ?? "-" }
            let ratios = Self.aims(job).map { $0.text(of: ratio(job, of: $0.subject, to: $0.other)) }
            lines.append(Self.line(name, medians + ratios))
        }
        return lines.joined(separator: "\n")
    }

    static func line(_ name: String, _ columns: [String]) -> String {
        name.padding(toLength: 18, withPad: " ", startingAt: 0)
            + columns.map { String(repeating: " ", count: max(1, 16 - $0.count)) + $0 }.joined()
    }
}
