/// The figures of one subject as a table of offenders and victims: what was observed, and what had been predicted.
///
/// The names are `VALUES.OFFENDER.KIND.VICTIM`, and those of the predictions `PREDICTIONS.OFFENDER.KIND.VICTIM` with 1
/// for a predicted pair. Only the name of a victim may have dots in it.
struct PageMatrix {
    /// The observed figures, whose names begin with `values`.
    let figures: [Figure]
    let values: String
    /// The predictions by the rest of their names.
    let predictions: [Substring: Double]
    /// An observed figure above this limit is printed in bold.
    let limit: Double
    let labels: PageLabels

    /// - Parameters:
    ///   - subject: the subject whose figures are shown.
    ///   - all: all figures of the experiment.
    init(
        _ subject: Subject, of all: [Figure], values: String, predictions: String, limit: Double,
        labels: PageLabels
    ) {
        // Quoted figures have no place here, because the caption says that all were measured.
        let own = all.filter { $0.subject == subject && $0.origin == .measured }
        figures = own.filter { $0.name.hasPrefix(values) }
        self.predictions = Dictionary(
            own.filter { $0.name.hasPrefix(predictions) }.map {
                ($0.name.dropFirst(predictions.count), $0.value)
            }
        ) { $1 }
        (self.values, self.limit, self.labels) = (values, limit, labels)
    }

    private typealias Cell = (fault: String, victim: String, name: Substring, value: Double)

    private var cells: [Cell] {
        figures.compactMap { figure in
            let rest = figure.name.dropFirst(values.count)
            let words = rest.split(separator: ".", maxSplits: 2)
            guard words.count == 3 else { return nil }
            return ("\(words[0]), \(words[1])", String(words[2]), rest, figure.value)
        }
    }

    var markdown: String {
        let cells = cells
        guard !cells.isEmpty else { return "*This table's figures have not been measured yet.*" }
        var (faults, victims): ([String], [String]) = ([], [])
        for cell in cells {
            if !faults.contains(cell.fault) { faults.append(cell.fault) }
            if !victims.contains(cell.victim) { victims.append(cell.victim) }
        }
        let head = ["offender"] + victims.map { labels[$0] ?? "`\($0)`" }
        let rows = faults.map { fault in
            [labels[fault] ?? fault]
                + victims.map { victim in
                    cells.first { $0.fault == fault && $0.victim == victim }.map(text) ?? "–"
                }
        }
        let table = [head, ["---"] + victims.map { _ in "---:" }] + rows
        return (table.map { "| \($0.joined(separator: " | ")) |" } + ["", caption]).joined(separator: "\n")
    }

    private func text(_ cell: Cell) -> String {
        let value = Figure.text(cell.value.rounded())
        return (cell.value > limit ? "**\(value)**" : value) + (predictions[cell.name] == 1 ? " p" : "")
    }

    private var caption: String {
        "*In \(figures.first?.unit ?? ""), rounded. Bold figures are above \(Figure.text(limit))"
            + (predictions.isEmpty ? "" : ", and a p marks a pair that had been predicted")
            + ". All figures were measured in this run.*"
    }
}
