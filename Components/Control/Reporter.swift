import Entente

/// Counts the latencies and logs them: a line every 1000 periods, and a report after the last one. It never waits for
/// the console, because each turn of the loop logs at most one line, and only if the queue has room for it.
struct Reporter {
    private let periods: UInt64
    private let console = Console()
    private var latencies = Histogram()
    private var longestTurn: UInt64 = 0
    private var missed: UInt64 = 0
    private var isMeasuring = true
    private var step = Step.bucket(0)

    /// A part of the report.
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

    /// Notes the length of a turn.
    ///
    /// - Parameter ticks: the ticks from the wake-up to the end of the turn.
    mutating func noteTurn(_ ticks: UInt64) { longestTurn = max(longestTurn, Self.nanoseconds(ticks)) }

    /// With counted instructions, the emulator runs one instruction in a nanosecond.
    private static func nanoseconds(_ ticks: UInt64) -> UInt64 { ticks * 1_000_000_000 / Clock.frequency }

    // MARK: Lines

    private var hasRoom: Bool { console.hasRoom(for: 200) }

    private func writeProgress(_ count: UInt64) {
        guard hasRoom else { return }
        log("control: periods \(count) missed \(missed) worst-ns \(latencies.greatest)")
    }

    private mutating func writeReport() {
        if case .bucket(let first) = step { skipEmptyBuckets(from: first) }
        if case .silence = step { return }
        guard hasRoom else { return }
        log("realtime: \(takeStep())")
    }

    /// Returns the text of the present step, and goes on to the next step.
    private mutating func takeStep() -> LogText {
        switch step {
        case .bucket(let bucket):
            step = .bucket(bucket + 1)
            return "bucket \(Histogram.lowerBound(of: bucket)) count \(latencies.count(in: bucket))"
        case .summary:
            step = .percentiles
            let range: LogText = "min \(latencies.least) mean \(latencies.mean) max \(latencies.greatest)"
            return "periods \(latencies.count) missed \(missed) \(range) longest-turn \(longestTurn)"
        case .percentiles:
            step = .end
            let (half, most) = (latencies.percentile(500_000), latencies.percentile(990_000))
            return "p50 \(half) p99 \(most) p99.9 \(latencies.percentile(999_000))"
        case .end, .silence:
            step = .silence
            return "end"
        }
    }

    private mutating func skipEmptyBuckets(from first: Int) {
        var bucket = first
        while bucket < Histogram.bucketCount, latencies.count(in: bucket) == 0 { bucket += 1 }
        step = bucket < Histogram.bucketCount ? .bucket(bucket) : .summary
    }
}
