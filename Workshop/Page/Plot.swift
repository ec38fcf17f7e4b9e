import Foundation
import SystemImage
import Tool

/// A plot that a text asks for: bars for the figures of several subjects, or lines over a number at the end of names.
///
/// gnuplot draws it as SVG. Its ink is the colour of the text around it, so that it is readable on light and on dark
/// pages.
struct Plot {
    enum Kind: String { case bars, lines }

    let kind: Kind
    /// The name of the file without its extension.
    let identifier: String
    let title: String
    let figures: [Figure]
    let labels: [String: String]

    /// The colours of the series, which differ in lightness too.
    private static let colours = ["#3b82c4", "#e08a2e", "#4da167", "#a86bc4", "#c45a5a", "#8b8f96", "#b8a13a"]
    /// A colour that nothing else has, in the place of the ink.
    private static let ink = "#010203"

    /// The commands for gnuplot, with the data in them.
    var script: String {
        let series = kind == .bars ? barSeries : lineSeries
        let blocks = series.enumerated().map {
            "$data\($0.offset) << EOD\n\($0.element.rows.joined(separator: "\n"))\nEOD"
        }
        let height = kind == .bars ? 180 + 22 * series.count * (series.first?.rows.count ?? 1) / 2 : 420
        let style =
            kind == .bars
            ? "set style data histograms\nset style histogram clustered gap 1\nset style fill solid 0.9 noborder\n"
                + "set boxwidth 0.9\nset xtics rotate by -30 scale 0\nset logscale y\n"
            : "set logscale xy\nset key left top\n"
        let plots = series.enumerated().map { index, one in
            let colour = Self.colours[index % Self.colours.count]
            let key = one.title.replacing("'", with: "’")
            return kind == .bars
                ? "$data\(index) using 2:xtic(1) title '\(key)' linecolor rgb '\(colour)'"
                : "$data\(index) using 1:2 with linespoints title '\(key)' linewidth 2 pointtype 7 pointsize 0.5 "
                    + "linecolor rgb '\(colour)'"
        }
        return """
            set terminal svg size 820,\(min(max(height, 360), 900)) dynamic font 'sans-serif,13' name '\(identifier)'
            set border 3 linecolor rgb '\(Self.ink)'
            set tics textcolor rgb '\(Self.ink)' nomirror
            set key textcolor rgb '\(Self.ink)' outside top horizontal
            set grid ytics linecolor rgb '#8b8f96' linewidth 0.4
            set title '\(title.replacing("'", with: "’"))' textcolor rgb '\(Self.ink)'
            set ylabel '\(figures.first?.unit ?? "")' textcolor rgb '\(Self.ink)'
            set format y '%.0s %c'
            \(style)\(blocks.joined(separator: "\n"))
            plot \(plots.joined(separator: ", \\\n     "))

            """
    }

    private typealias Series = (title: String, rows: [String])

    /// A series for each subject, with a row for each name. A subject without a figure has a gap there.
    private var barSeries: [Series] {
        var names: [String] = []
        for figure in figures where !names.contains(figure.name) { names.append(figure.name) }
        return Subject.allCases.compactMap { subject in
            guard figures.contains(where: { $0.subject == subject }) else { return nil }
            let rows = names.map { name in
                let value = figures.first { $0.name == name && $0.subject == subject }?.value
                return "\"\(labels[name] ?? name)\" \(value.map { "\($0)" } ?? "NaN")"
            }
            return (subject.title, rows)
        }
    }

    /// A series for each subject and beginning of a name, with a row for each number at the end of names.
    private var lineSeries: [Series] {
        var series: [(key: String, title: String, points: [(Double, Double)])] = []
        for figure in figures {
            guard let dot = figure.name.lastIndex(of: "."),
                let x = Double(figure.name[figure.name.index(after: dot)...]), x > 0
            else { continue }
            let stem = String(figure.name[..<dot])
            let key = "\(stem) \(figure.subject.rawValue)"
            let index = series.firstIndex { $0.key == key }
            if index == nil {
                series.append((key, "\(figure.subject.title): \(labels[stem] ?? stem)", []))
            }
            series[index ?? series.count - 1].points.append((x, figure.value))
        }
        return series.map { one in
            (one.title, one.points.sorted { $0.0 < $1.0 }.map { "\($0.0) \($0.1)" })
        }
    }

    /// Draws the plot.
    ///
    /// - Returns: the text of the SVG file.
    func svg() throws -> String {
        guard Subprocess.find("gnuplot") != nil else {
            throw Failure("the plots are drawn by gnuplot, which this host lacks", remedy: "install gnuplot-nox")
        }
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("entente-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent("plot")
        try Data(script.utf8).write(to: file)
        return Self.adapted(try Subprocess("gnuplot", [file.path]).text())
    }

    /// Gives the ink the colour of the text of the page, or of the reader's theme where the file stands alone.
    static func adapted(_ svg: String) -> String {
        let style = "<style>svg{color:#1d2126}@media(prefers-color-scheme:dark){svg{color:#e4e7eb}}</style>"
        let coloured = svg.replacing(/rgb\(\s*1,\s*2,\s*3\)/, with: "currentColor")
            .replacing(ink, with: "currentColor")
        guard let end = coloured.firstRange(of: "<title>")?.lowerBound else { return coloured }
        return coloured[..<end] + style + "\n" + coloured[end...]
    }
}
