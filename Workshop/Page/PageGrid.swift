/// Figures of one unit as a table of two dimensions, a row for each subject and thing.
struct PageGrid {
    enum Columns {
        /// The numbers behind the last dots of the names. The rest of a name is its row.
        case numbers
        /// These beginnings of names. The rest of a name is its row.
        case beginnings([String])
    }

    let figures: [Figure]
    let columns: Columns
    let labels: PageLabels
    let software: [String: String]

    private typealias Place = (row: String, column: String)

    /// Returns the row and the column of a name, or nil if the table has no place for it.
    private func place(of name: String) -> Place? {
        switch columns {
        case .numbers:
            guard let dot = name.lastIndex(of: "."), Double(name[name.index(after: dot)...]) != nil else { return nil }
            return (String(name[..<dot]), String(name[name.index(after: dot)...]))
        case .beginnings(let beginnings):
            guard let head = beginnings.first(where: { name.hasPrefix($0) }) else { return nil }
            return (String(name.dropFirst(head.count)), head)
        }
    }

    private var heads: [String] {
        switch columns {
        case .beginnings(let beginnings): return beginnings
        case .numbers:
            let numbers = Set(figures.compactMap { place(of: $0.name)?.column })
            return numbers.sorted { (Double($0) ?? 0) < (Double($1) ?? 0) }
        }
    }

    private func title(of column: String) -> String {
        if let title = labels[column] { return title }
        guard case .numbers = columns else { return "`\(column)`" }
        return Double(column).map(Figure.text) ?? column
    }

    var markdown: String {
        guard !figures.isEmpty else { return "*This table's figures have not been measured yet.*" }
        let heads = heads
        var rows: [(subject: Subject, thing: String, cells: [String: Figure])] = []
        for figure in figures {
            guard let place = place(of: figure.name) else { continue }
            if !rows.contains(where: { $0.subject == figure.subject && $0.thing == place.row }) {
                rows.append((figure.subject, place.row, [:]))
            }
            for index in rows.indices where rows[index].subject == figure.subject && rows[index].thing == place.row {
                rows[index].cells[place.column] = figure
            }
        }
        let lines = rows.map { row in
            [row.subject.title, labels[row.thing] ?? "`\(row.thing)`"]
                + heads.map { head in
                    row.cells[head].map { Figure.text($0.value) + ($0.origin == .quoted ? " *q*" : "") } ?? "–"
                }
        }
        let table = [["", ""] + heads.map(title), ["---", "---"] + heads.map { _ in "---:" }] + lines
        let caption = PageTable(figures: figures, labels: labels, software: software).caption
        return (table.map { "| \($0.joined(separator: " | ")) |" } + ["", caption]).joined(separator: "\n")
    }
}
