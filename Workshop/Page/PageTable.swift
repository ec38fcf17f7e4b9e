/// Figures of several subjects as a table of Markdown, with a caption that says how they came about.
struct PageTable {
    let figures: [Figure]
    /// The titles for names. A name without a title stands for itself.
    let labels: PageLabels
    let software: [String: String]

    var markdown: String {
        let subjects = Subject.allCases.filter { subject in figures.contains { $0.subject == subject } }
        guard !subjects.isEmpty else { return "*This table's figures have not been measured yet.*" }
        var names: [String] = []
        for figure in figures where !names.contains(figure.name) { names.append(figure.name) }
        let common = commonUnit
        let head = [""] + subjects.map(\.title) + (common == nil ? ["unit"] : [])
        let rows = names.map { name in
            let unit = figures.first { $0.name == name }?.unit ?? ""
            return [labels[name] ?? "`\(name)`"] + subjects.map { cell(name, $0) } + (common == nil ? [unit] : [])
        }
        let lines = ["---"] + subjects.map { _ in "---:" } + (common == nil ? ["---"] : [])
        let table = [head, lines] + rows
        return (table.map { "| \($0.joined(separator: " | ")) |" } + ["", caption]).joined(separator: "\n")
    }

    /// The unit of all figures, or nil if they have several.
    private var commonUnit: String? {
        let units = Set(figures.map(\.unit))
        return units.count == 1 ? units.first : nil
    }

    private func cell(_ name: String, _ subject: Subject) -> String {
        guard let figure = figures.first(where: { $0.name == name && $0.subject == subject }) else { return "–" }
        let spread = figure.spread.map {
            $0.lowerBound == $0.upperBound ? "" : " (\(Figure.text($0.lowerBound))–\(Figure.text($0.upperBound)))"
        }
        return Figure.text(figure.value) + (spread ?? "") + (figure.origin == .quoted ? " *q*" : "")
    }

    /// Returns the CPU model of the figures, or each model with its subjects if there are several, or nil if there is
    /// none.
    private func processors(of measured: [Figure]) -> String? {
        let models = Set(measured.compactMap(\.cpu)).sorted()
        guard models.count > 1 else { return models.first }
        return models.map { model in
            let subjects = Set(measured.filter { $0.cpu == model }.map(\.subject))
            return "\(model) (\(Subject.allCases.filter(subjects.contains).map(\.title).joined(separator: ", ")))"
        }.joined(separator: ", ")
    }

    /// Says what the numbers are, which of them were measured in this run, and with what.
    var caption: String {
        let measured = figures.filter { $0.origin == .measured }
        let measures = Set(figures.map(\.measure)).sorted { $0.rawValue < $1.rawValue }.compactMap(\.sentence)
        let names = Set(measured.flatMap { $0.software ?? [] }).sorted()
        let versions = names.map { name in software[name].map { "\(name) \($0)" } ?? name }
        var sentences = (commonUnit.map { ["In \($0)."] } ?? []) + measures
        if measured.isEmpty {
            sentences.append("All figures are quoted.")
        } else if figures.contains(where: { $0.origin == .quoted }) {
            sentences.append("Measured in this run, except those marked *q*, which are quoted.")
        } else {
            sentences.append("All figures were measured in this run.")
        }
        if figures.contains(where: { $0.samples != nil }) {
            sentences.append("Medians of several runs, with the least and the greatest value.")
        }
        if let processors = processors(of: measured) { sentences.append("CPU model: \(processors).") }
        if !versions.isEmpty { sentences.append("With \(versions.joined(separator: ", ")).") }
        return "*" + sentences.joined(separator: " ").replacing("*q*", with: "q") + "*"
    }
}

extension Figure.Measure {
    /// A sentence that explains the measure below a table, or nil if the units speak for themselves.
    fileprivate var sentence: String? {
        switch self {
        case .instructions, .count: nil
        case .virtualTime: "Times are those of the board, on which an instruction takes a nanosecond."
        case .wallTime: "Times and rates are those of the host, and depend on its load."
        }
    }
}
