/// The figures of an experiment as a table for a terminal: a line for each name, and a column for each subject.
struct ResultsTable {
    let result: ExperimentResult

    var text: String {
        let subjects = Subject.allCases.filter { subject in result.figures.contains { $0.subject == subject } }
        var names: [String] = []
        for figure in result.figures where !names.contains(figure.name) { names.append(figure.name) }
        let head = [result.name] + subjects.map(\.title) + ["unit"]
        let rows = names.map { name in
            let unit = result.figures.first { $0.name == name }?.unit ?? ""
            return [name] + subjects.map { cell(result[name, $0]) } + [unit]
        }
        let notes = result.failures.sorted { $0.key < $1.key }.map { "not measured: \($0.key): \($0.value)" }
        return (aligned([head] + rows) + notes).joined(separator: "\n")
    }

    /// A value, with a q if it is quoted.
    private func cell(_ figure: Figure?) -> String {
        guard let figure else { return "-" }
        return Figure.text(figure.value) + (figure.origin == .quoted ? " q" : "")
    }

    private func aligned(_ rows: [[String]]) -> [String] {
        guard let head = rows.first else { return [] }
        let widths = head.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            row.indices.map { column in
                let space = String(repeating: " ", count: widths[column] - row[column].count)
                // Names and units stand on the left, numbers on the right.
                return column == 0 || column == row.count - 1 ? row[column] + space : space + row[column]
            }.joined(separator: "  ").trimmingTrailingSpaces
        }
    }
}

extension String {
    fileprivate var trimmingTrailingSpaces: String {
        var text = self
        while text.last == " " { text.removeLast() }
        return text
    }
}
