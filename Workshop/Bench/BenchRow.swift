import Foundation
import Tool

/// One figure of a benchmark.
struct BenchRow: Codable, Equatable {
    var name: String
    var value: Double
    var unit = "instructions"

    init(_ name: String, _ value: Double, unit: String = "instructions") {
        (self.name, self.value, self.unit) = (name, value, unit)
    }

    /// Reads a line `bench: NAME VALUE`, which may begin with a time.
    init?(line: String) {
        guard let words = BenchRow.words(of: line), words.count == 2, let value = Double(words[1]), value.isFinite
        else { return nil }
        (name, self.value) = (String(words[0]), value)
    }

    static func isEnd(line: String) -> Bool { words(of: line)?.elementsEqual(["end"]) ?? false }

    private static func words(of line: String) -> [Substring]? {
        // The last mark counts, because the console itself may have that name.
        line.ranges(of: "bench: ").last.map { line[$0.upperBound...].split(whereSeparator: \.isWhitespace) }
    }

    static func json(_ rows: [BenchRow]) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        return String(decoding: try encoder.encode(rows), as: UTF8.self)
    }

    static func table(_ rows: [BenchRow]) -> String {
        let width = rows.map(\.name.count).max() ?? 0
        return rows.map { row in
            let value = String(format: row.unit == "ratio" ? "%12.4f" : "%12.1f", row.value)
            return row.name.padding(toLength: width + 2, withPad: " ", startingAt: 0) + value + " \(row.unit)"
        }.joined(separator: "\n")
    }
}
