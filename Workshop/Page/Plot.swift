import Foundation
import SystemImage
import Tool

/// A plot that a text asks for: a dot for each figure of several subjects, or lines over a number at the end of names.
///
/// gnuplot draws it as SVG. Its ink is the colour of the text around it, so that it is readable on light and on dark
/// pages.
struct Plot {
    enum Kind: String { case dots, lines }

    let kind: Kind
    /// The name of the file without its extension.
    let identifier: String
    let title: String
    /// The title of the horizontal axis of lines. That of dots is the figures' unit.
    var horizontal = ""
    let figures: [Figure]
    let labels: PageLabels

    /// The colours of the series, which differ in lightness too.
    private static let colours = ["#3b82c4", "#e08a2e", "#4da167", "#a86bc4", "#c45a5a", "#8b8f96", "#b8a13a"]
    /// Filled shapes of gnuplot, so that the series can be told apart without their colours.
    private static let shapes = [7, 5, 9, 13, 11, 15, 6]
    /// A colour that nothing else has, in the place of the ink.
    private static let ink = "#010203"

    /// The commands for gnuplot, with the data in them.
    var script: String {
        let series = kind == .dots ? dotSeries : lineSeries
        let blocks = series.enumerated().map { index, one in
            "$data\(index) << EOD\n\(one.rows.joined(separator: "\n"))\nEOD"
        }
        let plots = series.enumerated().map { index, one in
            let style = kind == .dots ? "points" : "linespoints linewidth 2"
            return "$data\(index) using 1:2 with \(style) pointtype \(Self.shapes[index % Self.shapes.count]) "
                + "pointsize \(kind == .dots ? 1.1 : 0.6) linecolor rgb '\(Self.colours[index % Self.colours.count])' "
                + "title '\(Self.quoted(one.title))'"
        }
        return """
            set terminal svg size 820,\(height) dynamic font 'sans-serif,13'
            set border 3 linecolor rgb '\(Self.ink)'
            set tics textcolor rgb '\(Self.ink)' nomirror
            \(key)
            set tmargin at screen \(1 - place(kind == .dots ? 64 : 36))
            set label 1 '\(Self.quoted(title))' at screen 0.5, screen \(1 - place(16)) center textcolor rgb '\(Self.ink)'
            \(axes)
            \(blocks.joined(separator: "\n"))
            plot \(plots.joined(separator: ", \\\n     "))

            """
    }

    private static func quoted(_ text: String) -> String { text.replacing("'", with: "’") }

    private var height: Int { kind == .dots ? 130 + 26 * names.count : 440 }

    /// Returns a distance in pixels as a part of the height.
    private func place(_ pixels: Int) -> Double { Double(pixels) / Double(height) }

    /// The names of the series stand below the title of dots, and beside lines, where there are more of them.
    private var key: String {
        let colour = "textcolor rgb '\(Self.ink)'"
        guard kind == .dots else {
            let place = "at screen 0.57, screen 0.85 left top"
            return "set rmargin at screen 0.56\nset key \(colour) \(place) vertical Left reverse"
        }
        return "set key \(colour) at screen 0.5, screen \(1 - place(28)) center top horizontal Left reverse"
    }

    private var axes: String {
        let unit = Self.quoted(figures.first?.unit ?? "")
        guard kind == .dots else {
            return """
                set logscale xy
                set format xy '%.0s %c'
                set grid linecolor rgb '#8b8f96' linewidth 0.4
                set xlabel '\(Self.quoted(horizontal))' textcolor rgb '\(Self.ink)'
                set ylabel '\(unit)' textcolor rgb '\(Self.ink)'
                """
        }
        let values = figures.map(\.value).filter { $0 > 0 }
        let isWide = (values.max() ?? 1) >= 10 * (values.min() ?? 1)
        let tics = names.enumerated().map { "'\(Self.quoted(labels[$1] ?? $1))' \(-$0)" }
        return """
            \(isWide ? "set logscale x\nset format x '%.0s %c'" : "set offsets graph 0.05, graph 0.05, 0, 0")
            set grid xtics ytics linecolor rgb '#8b8f96' linewidth 0.4
            set ytics (\(tics.joined(separator: ", ")))
            set yrange [\(-names.count):1]
            set xlabel '\(unit)' textcolor rgb '\(Self.ink)'
            """
    }

    private typealias Series = (title: String, rows: [String])

    /// The names in their order, each once.
    private var names: [String] {
        var names: [String] = []
        for figure in figures where !names.contains(figure.name) { names.append(figure.name) }
        return names
    }

    /// A series for each subject: its figures over the lines of their names.
    private var dotSeries: [Series] {
        Subject.allCases.compactMap { subject in
            let rows = names.enumerated().compactMap { line, name in
                figures.first { $0.name == name && $0.subject == subject }.map { "\($0.value) \(-line)" }
            }
            return rows.isEmpty ? nil : (subject.title, rows)
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
        return Self.adapted(try Subprocess("gnuplot", [file.path]).text(), description: description)
    }

    /// The plotted figures as an element of SVG. Programs that read a page aloud use it, and the check of a page
    /// against its results, which does not draw.
    var description: String {
        let series = kind == .dots ? dotSeries : lineSeries
        let text = series.map { "\($0.title): \($0.rows.joined(separator: ", "))" }.joined(separator: "; ")
        let quoted = text.replacing("&", with: "&amp;").replacing("<", with: "&lt;")
        return "<desc>\(quoted)</desc>"
    }

    /// Gives the ink the colour of the text of the page, or of the reader's theme where the file stands alone.
    static func adapted(_ svg: String, description: String = "") -> String {
        let style = "<style>svg{color:#1d2126}@media(prefers-color-scheme:dark){svg{color:#e4e7eb}}</style>"
        let coloured = svg.replacing(/rgb\(\s*1,\s*2,\s*3\)/, with: "currentColor")
            .replacing(ink, with: "currentColor").replacing(" color=\"black\"", with: "")
        guard let end = coloured.firstRange(of: "<title>")?.lowerBound else { return coloured }
        return coloured[..<end] + style + "\n" + description + coloured[end...]
    }
}
