/// The instructions of several starts of a Debian.
struct DebianBootReport {
    private(set) var counts: [DebianBootBenchmark.Subject: [UInt64]] = [:]
    /// The ratio that is aimed at.
    static let aim = 1.1

    mutating func add(_ count: UInt64, of subject: DebianBootBenchmark.Subject) {
        counts[subject, default: []].append(count)
    }

    /// The medians in instructions, and the median of the ratios of the runs.
    var rows: [BenchRow] {
        var rows = DebianBootBenchmark.Subject.allCases.compactMap { subject in
            counts[subject].map { BenchRow("boot.\(subject.rawValue)", Self.median($0.map { Double($0) })) }
        }
        if let native = counts[.native], let pool = counts[.pool], native.count == pool.count {
            let ratios = zip(pool, native).map { Double($0) / Double($1) }
            rows.append(BenchRow("boot.pool / native (aim \(Self.aim))", Self.median(ratios), unit: "ratio"))
        }
        return rows
    }

    var text: String { BenchRow.table(rows) }

    private static func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
}
