import Foundation
import Tool

/// The wake-up latencies that a loop reports by lines `realtime: NAME VALUE …`. `Components/Control` and
/// `Guests/Linux/realtime.c` print them.
struct LatencyReport: Equatable {
    struct Bucket: Equatable {
        var start: UInt64
        var count: UInt64
    }

    private(set) var buckets: [Bucket] = []
    /// The figures by name: `periods`, `missed`, `min`, `mean`, `max`, `p50`, …
    private(set) var figures: [String: Double] = [:]
    private(set) var isComplete = false

    mutating func hear(_ line: String) {
        guard let start = line.firstRange(of: "realtime: ")?.upperBound else { return }
        if line[start...].split(separator: " ").first?.hasPrefix("end") == true { isComplete = true }
        let pairs = WorkloadRun.pairs(in: line, behind: "realtime: ")
        if pairs.count == 2, pairs[0].name == "bucket", pairs[1].name == "count" {
            buckets.append(Bucket(start: UInt64(pairs[0].value), count: UInt64(pairs[1].value)))
        } else {
            for pair in pairs { figures[pair.name] = pair.value }
        }
    }

    /// The periods by the power of two below their latency.
    var octaves: [UInt64: UInt64] {
        buckets.reduce(into: [:]) { sums, bucket in
            let octave = bucket.start == 0 ? 0 : UInt64(1) << (63 - bucket.start.leadingZeroBitCount)
            sums[octave, default: 0] += bucket.count
        }
    }

    static let names = ["periods", "missed", "min", "mean", "p50", "p99", "p99.9", "max"]

    func rows(_ prefix: String) -> [BenchRow] {
        let named = Self.names.compactMap { name in
            figures[name].map {
                BenchRow(
                    "\(prefix).\(name)", $0, unit: ["periods", "missed"].contains(name) ? "periods" : "instructions")
            }
        }
        return named + buckets.map { BenchRow("\(prefix).bucket.\($0.start)", Double($0.count), unit: "periods") }
    }
}
