import Foundation
import SystemImage
import Tool

/// The instructions of each primitive as they were when somebody last looked at them.
struct PrimitiveCounts {
    private let counts: [String: Double]

    init(_ rows: [BenchRow]) { counts = Dictionary(rows.map { ($0.name, $0.value) }) { $1 } }

    init(file: URL) throws { counts = try JSONDecoder().decode([String: Double].self, from: Data(contentsOf: file)) }

    func write(to file: URL) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        try (encoder.encode(counts) + Data("\n".utf8)).writeWhole(to: file)
    }

    /// The greatest growth that needs no decision.
    static let tolerance = 0.02

    /// Returns a line for each primitive that costs more than here and for each that one side lacks.
    func growth(to rows: [BenchRow]) -> [String] {
        let unknown = rows.compactMap { row -> String? in
            guard let count = counts[row.name] else { return "\(row.name): not counted before" }
            guard row.value > count * (1 + Self.tolerance) else { return nil }
            return "\(row.name): \(Figure.text(row.value)), and \(Figure.text(count)) before"
        }
        let names = Set(rows.map(\.name))
        return unknown + counts.keys.filter { !names.contains($0) }.sorted().map { "\($0): not measured" }
    }
}
