import Foundation
import SystemImage
import Testing

@testable import Tool
@testable import Workshop

@Suite struct LatencyReportTests {
    private func report() -> LatencyReport {
        var report = LatencyReport()
        for line in [
            "[    1.0] control: control: periods 1000 missed 0 worst-ns 9", "[    1.0] debian: realtime: begins",
            "[    1.0] control: realtime: bucket 0 count 1", "[    1.0] control: realtime: bucket 390 count 7",
            "[    1.0] control: realtime: bucket 500 count 2",
            "[    1.0] control: realtime: periods 10 missed 0 min 0 mean 373 max 503",
            "[    1.0] control: realtime: p50 391 p99.9 503",
        ] { report.hear(line) }
        return report
    }

    @Test func isCompleteAtItsEnd() {
        var report = report()
        #expect(!report.isComplete)
        report.hear("[    1.0] control: realtime: end")
        #expect(report.isComplete)
    }

    @Test func keepsFiguresAndBuckets() {
        let report = report()
        #expect(report.figures["periods"] == 10 && report.figures["p99.9"] == 503 && report.figures["bucket"] == nil)
        #expect(report.buckets.map(\.count) == [1, 7, 2])
        #expect(report.octaves == [0: 1, 256: 9])
    }

    @Test func rowsHaveUnits() {
        let rows = report().rows("realtime.control")
        #expect(rows.contains(BenchRow("realtime.control.max", 503)))
        #expect(rows.contains(BenchRow("realtime.control.missed", 0, unit: "periods")))
        #expect(rows.contains(BenchRow("realtime.control.bucket.390", 7, unit: "periods")))
    }

    @Test func theTableHasBothColumns() {
        var other = LatencyReport()
        other.hear("[    1.0] debian: realtime: bucket 65536 count 3")
        let text = RealtimeBenchmark.Result(control: report(), linux: other).text
        #expect(text.contains(/max +503 +-/))
        #expect(text.contains(/256 to 511 +9 +0/) && text.contains(/65536 to 131071 +0 +3/))
    }
}

@Suite struct EntryRecordTests {
    /// Returns a file as the plugin lays it out: magic, dropped, octaves, paths, cores.
    private func file(_ paths: [[UInt64]], core: [UInt64] = [0, 0, 0, 0, 0, 0]) -> Data {
        var words: [UInt64] = [0x3153_4549_5254_4E45, 0] + Array(repeating: 0, count: 5 * 32)
        for path in paths + Array(repeating: [], count: 2048 - paths.count) {
            words += path + Array(repeating: 0, count: 71 - path.count)
        }
        words += core + Array(repeating: 0, count: 7 * 6)
        words[2 + 32 + 8] = 3
        return words.reduce(into: Data()) { data, word in withUnsafeBytes(of: word) { data.append(contentsOf: $0) } }
    }

    @Test func pathsOfSeveralRunsAreAdded() throws {
        var records = EntryRecords()
        try records.add(
            file([[77, 1, 2, 600, 400, 30, 2, 0x100 | 390 << 32, 0x200 | 10 << 32], [78, 0, 1, 9000, 9000, 0, 0]]))
        try records.add(file([[77, 1, 1, 500, 500, 20, 1, 0x300 | 500 << 32]]))
        let path = try #require(records.longestFirst.first)
        #expect(records.longestFirst.count == 1, "start-up is nobody's wait")
        #expect(path.count == 3 && path.total == 1100 && path.longest == 500)
        #expect(records.longestWait == 30)
        #expect(path.parts.map(\.function) == [0x300])
        #expect(records.longest(.start) == 9000 && records.count(.synchronous) == 3)
        #expect(records.octaves[.synchronous]?[8] == 6)
    }

    @Test func coresOfSeveralRunsAreAdded() throws {
        var records = EntryRecords()
        try records.add(file([], core: [10, 20, 3, 9, 2, 5]))
        try records.add(file([], core: [1, 2, 3, 4, 1, 8]))
        let sum = EntryRecords.Core(
            inside: 11, outside: 22, interrupts: 6, interruptInstructions: 13, mostInterrupts: 2, longestRun: 8)
        #expect(records.cores[0] == sum && records.cores[0].outside > 0 && records.cores[1].outside == 0)
    }

    @Test func damagedFilesAreRefused() {
        var records = EntryRecords()
        #expect(throws: Failure.self) { try records.add(Data(count: 100)) }
        #expect(throws: Failure.self) { try records.add(file([]).dropLast(8)) }
    }

    @Test(arguments: [
        (
            "generic specialization <Kernel.AArch64> of static KernelCore.Kernel.(makeReady in _54419A)(KernelCore.Ref<X>) -> ()",
            "Kernel.makeReady"
        ),
        ("(extension in Kernel):KernelCore.Kernel.map(X) -> Y", "Kernel.map"), ("memory_zero", "memory_zero"),
    ])
    func namesAreShort(name: String, short: String) {
        #expect(EntryRecords.shortName(name) == short)
    }
}
