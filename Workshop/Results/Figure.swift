import Foundation

/// One figure of one subject, with everything that a reader needs to judge it.
struct Figure: Codable, Equatable {
    /// The kind of a figure's value.
    enum Measure: String, Codable {
        /// Executed instructions. They repeat exactly, or nearly so if the host's disk is involved.
        case instructions
        /// The board's own time, in which each instruction takes a nanosecond and an idle board waits.
        case virtualTime = "virtual time"
        /// The host's time, which depends on its load.
        case wallTime = "wall time"
        /// A number of things, such as lines, exits or KiB, that does not depend on time.
        case count
    }

    enum Origin: String, Codable { case measured, quoted }

    /// Words with dots between them. Name and subject together are unique in an experiment.
    var name: String
    var subject: Subject
    /// The median of the samples, if there are several.
    var value: Double
    /// The unit of the value, such as `instructions`, `ns`, `KiB` or `ratio`.
    var unit: String
    var measure: Measure
    var origin = Origin.measured
    /// The values of all runs, if there was more than one.
    var samples: [Double]?
    /// The CPU model of the board.
    var cpu: String?
    /// The names of the software that took part, whose versions are in `BenchResults.software`.
    var software: [String]?
    /// The configuration and the method, if the figure is quoted.
    var source: String?

    /// The place of the figure in its experiment.
    var key: Key { Key(name: name, subject: subject) }

    struct Key: Hashable {
        var name: String
        var subject: Subject
    }

    /// The least and the greatest sample.
    var spread: ClosedRange<Double>? {
        guard let samples, let least = samples.min(), let most = samples.max() else { return nil }
        return least...most
    }

    /// Returns the median: the mean of the two middle values if their number is even.
    ///
    /// - Precondition: there is a value.
    static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        let middle = sorted.count / 2
        return sorted.count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
    }
}

extension Figure {
    /// A value for tables: as many decimals as a reader needs, and commas between thousands.
    static func text(_ value: Double) -> String {
        let magnitude = abs(value)
        if value == value.rounded() || magnitude >= 1000 { return grouped(value) }
        // Three decimals, or two digits behind the zeros of a smaller value.
        let decimals = max(3, 1 - Int(log10(min(magnitude, 1)).rounded(.down)))
        return String(
            format: magnitude >= 100 ? "%.0f" : magnitude >= 10 ? "%.1f" : magnitude >= 1 ? "%.2f" : "%.\(decimals)f",
            value)
    }

    private static func grouped(_ value: Double) -> String {
        let digits = String(format: "%.0f", abs(value))
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index).isMultiple(of: 3) { text.append(",") }
            text.append(digit)
        }
        return value < 0 && digits != "0" ? "-" + text : text
    }
}
