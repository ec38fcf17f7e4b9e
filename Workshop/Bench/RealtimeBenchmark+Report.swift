import Foundation
import Tool

extension RealtimeBenchmark.Result {
    var rows: [BenchRow] {
        control.rows("realtime.control") + linux.rows("realtime.linux-fifo")
            + (bare?.rows("realtime.linux-fifo.bare") ?? [])
            + (neighbours?.rows ?? [])
    }

    /// The figures as a table, with a column for each.
    var text: String {
        func line(_ name: String, _ values: [String]) -> String {
            name.padding(toLength: 24, withPad: " ", startingAt: 0)
                + values.map { String(repeating: " ", count: max(1, 22 - $0.count)) + $0 }.joined()
        }
        func figure(_ report: LatencyReport, _ name: String) -> String {
            report.figures[name].map { String(format: "%.0f", $0) } ?? "-"
        }
        let reports = [control, linux] + (bare.map { [$0] } ?? [])
        let titles = ["component 'control'", "Linux SCHED_FIFO 99", "the same bare"].prefix(reports.count)
        var lines = [line("instructions", Array(titles))]
        lines += LatencyReport.names.map { name in line(name, reports.map { figure($0, name) }) }
        lines += ["", "periods with a latency of"]
        let octaves = Set(reports.flatMap(\.octaves.keys)).sorted()
        lines += octaves.map { octave in
            line("  \(octave) to \(max(2 * octave, 1) - 1)", reports.map { "\($0.octaves[octave] ?? 0)" })
        }
        if let neighbours { lines += ["", neighbours.text] }
        return lines.joined(separator: "\n")
    }
}
