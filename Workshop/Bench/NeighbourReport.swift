import Tool

/// The result of `bench realtime` with hostile components on three other cores: the latencies of the loop on core 0,
/// and the time that core 0 lost to interrupts.
struct NeighbourReport {
    /// The latencies of the loop. The emulator runs the cores in turn, so they count instructions of all four cores.
    var latencies: LatencyReport
    /// The figures of core 0, in its own instructions.
    var core: EntryRecords.Core

    /// The attacks of `Tests/Programs/InterruptFlood` that each neighbour repeats: revocations, timers, and stops.
    static let attacks: UInt64 = 1 + 2 + 8

    /// The share of core 0's instructions that belong to entries begun by interrupts, in millionths.
    var partsPerMillion: Double {
        let all = core.inside + core.outside
        return all == 0 ? 0 : Double(core.interruptInstructions) * 1_000_000 / Double(all)
    }

    var rows: [BenchRow] {
        let prefix = "realtime.neighbours"
        return latencies.rows("\(prefix).all-cores") + [
            BenchRow("\(prefix).interrupts", Double(core.interrupts), unit: "interrupts"),
            BenchRow("\(prefix).interrupts-per-ms.max", Double(core.mostInterrupts), unit: "interrupts"),
            BenchRow("\(prefix).interrupt-share", partsPerMillion, unit: "ppm"),
            BenchRow("\(prefix).kept-from-core.max", Double(core.longestRun)),
        ]
    }

    var text: String {
        func line(_ name: String, _ value: Double) -> String {
            name.padding(toLength: 56, withPad: " ", startingAt: 0) + String(Int(value.rounded()))
        }
        func latency(_ name: String) -> Double { latencies.figures[name] ?? 0 }
        return [
            "with hostile neighbours on three other cores",
            line("  periods", latency("periods")),
            line("  missed", latency("missed")),
            line("  interrupts of core 0, per period", Double(core.interrupts) / max(latency("periods"), 1)),
            line("  the most within a millisecond", Double(core.mostInterrupts)),
            line("  their instructions, per million of core 0", partsPerMillion),
            line("  longest run of entries on core 0, its instructions", Double(core.longestRun)),
            line("  longest latency, instructions of all four cores", latency("max")),
        ].joined(separator: "\n")
    }
}
