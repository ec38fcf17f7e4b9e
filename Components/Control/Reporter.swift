import ABI
import Entente

/// Keeps the latencies and says them: a line every 1000 periods, and a report after the last. It never waits for the console: a
/// turn writes one line at most, and only if the ring has room for it.
struct Reporter {
    private let periods: UInt64
    private let console = Console()
    private var latencies = Histogram()
    private var longestTurn: UInt64 = 0
    private var missed: UInt64 = 0
    private var isMeasuring = true
    private var step = Step.bucket(0)

    /// What of the report comes next.
    private enum Step {
        case bucket(Int)
        case summary, percentiles, end, silence
    }

    init(periods: UInt64) { self.periods = periods }

    mutating func record(_ wakeUp: PeriodicTimer.WakeUp, _ timer: PeriodicTimer) {
        guard isMeasuring else { return writeReport() }
        latencies.add(Self.nanoseconds(wakeUp.latency))
        missed = timer.missed
        isMeasuring = timer.count < periods
        if timer.count % 1000 == 0 { writeProgress(timer.count) }
    }

    /// - Parameter ticks: from a wake-up to the end of its turn.
    mutating func noteTurn(_ ticks: UInt64) { longestTurn = max(longestTurn, Self.nanoseconds(ticks)) }

    /// On the emulator with counted instructions a nanosecond is an instruction.
    private static func nanoseconds(_ ticks: UInt64) -> UInt64 { ticks * 1_000_000_000 / Clock.frequency }

    // MARK: Lines

    private var hasRoom: Bool { console.output.count + 200 < ConsoleRing.capacity }

    private func writeProgress(_ count: UInt64) {
        guard hasRoom else { return }
        console.beginLine()
        console.write("control:")
        write(" periods ", count)
        write(" missed ", missed)
        write(" worst-ns ", latencies.greatest)
        endLine()
    }

    private mutating func writeReport() {
        if case .bucket(let first) = step { skipEmptyBuckets(from: first) }
        if case .silence = step { return }
        guard hasRoom else { return }
        console.beginLine()
        console.write("realtime:")
        switch step {
        case .bucket(let bucket):
            write(" bucket ", Histogram.lowerBound(of: bucket))
            write(" count ", UInt64(latencies.count(in: bucket)))
            step = .bucket(bucket + 1)
        case .summary:
            write(" periods ", latencies.count)
            write(" missed ", missed)
            write(" min ", latencies.least)
            write(" mean ", latencies.mean)
            write(" max ", latencies.greatest)
            write(" longest-turn ", longestTurn)
            step = .percentiles
        case .percentiles:
            write(" p50 ", latencies.percentile(500_000))
            write(" p99 ", latencies.percentile(990_000))
            write(" p99.9 ", latencies.percentile(999_000))
            step = .end
        case .end, .silence:
            console.write(" end")
            step = .silence
        }
        endLine()
    }

    private mutating func skipEmptyBuckets(from first: Int) {
        var bucket = first
        while bucket < Histogram.bucketCount, latencies.count(in: bucket) == 0 { bucket += 1 }
        step = bucket < Histogram.bucketCount ? .bucket(bucket) : .summary
    }

    private func write(_ name: StaticString, _ value: UInt64) {
        console.write(name)
        console.write(decimal: value)
    }

    private func endLine() {
        console.write("\n")
        console.flush()
    }
}
