import Tool

/// The figures that a run of the workload printed.
struct WorkloadRun {
    typealias Figure = (name: String, value: Double)
    /// The figures of the `workload: NAME VALUE` lines.
    private(set) var figures: [Figure] = []
    /// The pairs of the line `entente: machine NAME exits: KIND COUNT …`.
    private(set) var exits: [Figure] = []

    var isComplete: Bool { !figures.isEmpty }

    subscript(name: String) -> Double? { figures.first { $0.name == name }?.value }

    mutating func hear(_ line: String) {
        figures += WorkloadRun.pairs(in: line, behind: "workload: ")
        if line.contains("entente: machine ") { exits += WorkloadRun.pairs(in: line, behind: " exits: ") }
    }

    /// Returns the pairs of a word and a number behind `mark`.
    static func pairs(in line: String, behind mark: String) -> [Figure] {
        guard let start = line.firstRange(of: mark)?.upperBound else { return [] }
        let words = line[start...].split(separator: " ")
        return stride(from: 0, to: words.count - words.count % 2, by: 2).compactMap { index in
            Double(words[index + 1]).map { (String(words[index]), $0) }
        }
    }

    /// Returns each figure of both runs, and the ratio of the totals.
    static func comparison(of machine: WorkloadRun, with bare: WorkloadRun) -> [BenchRow] {
        let rows = machine.figures.flatMap { figure in
            [BenchRow("guest.\(figure.name)", figure.value)]
                + (bare[figure.name].map { [BenchRow("guest.\(figure.name).bare", $0)] } ?? [])
        }
        guard let total = machine["total"], let bareTotal = bare["total"] else { return rows }
        return rows + [BenchRow("guest.efficiency", bareTotal / total, unit: "ratio")]
    }

    static func difference(_ more: WorkloadRun, _ less: WorkloadRun) -> [Figure] {
        more.exits.map { figure in
            (figure.name, figure.value - (less.exits.first { $0.name == figure.name }?.value ?? 0))
        }
    }
}
