import Foundation
import Testing

@testable import Tool
@testable import Workshop

@Suite struct BenchTests {
    @Test func aRowHasANameAndANumber() throws {
        let row = try #require(BenchRow(line: "[    1.041370] bench: bench: exit.mmio 553.0"))
        #expect(row == BenchRow("exit.mmio", 553))
        for line in ["[ 1.0] bench: hello", "bench: end", "bench: exit.mmio", "bench: exit.mmio nan", "bench: a 1 2"] {
            #expect(BenchRow(line: line) == nil, "\(line)")
        }
    }

    @Test func theEndIsALineOfItsOwn() {
        #expect(BenchRow.isEnd(line: "[ 1.0] bench: bench: end"))
        #expect(!BenchRow.isEnd(line: "[ 1.0] bench: the end"))
        #expect(!BenchRow.isEnd(line: "bench: end 1"))
    }

    @Test func pairsAreWordsAndNumbersInTurn() {
        let pairs = WorkloadRun.pairs(
            in: "[ 1.0] root: memory in KiB: total 1024 free 7 odd", behind: "memory in KiB: ")
        #expect(pairs.map(\.name) == ["total", "free"])
        #expect(pairs.map(\.value) == [1024, 7])
        #expect(WorkloadRun.pairs(in: "nothing here", behind: "memory in KiB: ").isEmpty)
    }

    @Test func runsAreCompared() {
        let machine = run([
            "workload: loop 102.0", "workload: total 2000.0", "entente: machine debian exits: memory 9 hypercall 4",
        ])
        let bare = run(["workload: loop 100.0", "workload: total 1900.0"])
        let rows = WorkloadRun.comparison(of: machine, with: bare)
        #expect(rows.contains(BenchRow("guest.loop.bare", 100)) && rows.contains(BenchRow("guest.loop", 102)))
        #expect(rows.last == BenchRow("guest.efficiency", 0.95, unit: "ratio"))
        let less = run(["entente: machine debian exits: memory 2 hypercall 4"])
        #expect(WorkloadRun.difference(machine, less).map(\.value) == [7, 0])
    }

    /// A primitive may grow by 2 %, and no further without a new file of counts.
    @Test func dearerPrimitivesAreNoticed() {
        let counts = PrimitiveCounts([BenchRow("a", 100), BenchRow("b", 100), BenchRow("gone", 1)])
        let lines = counts.growth(to: [BenchRow("a", 102), BenchRow("b", 102.5), BenchRow("new", 1)])
        #expect(lines == ["b: 102, and 100 before", "new: not counted before", "gone: not measured"])
    }

    @Test func ratiosKeepTheirDecimals() {
        #expect(BenchRow.table([BenchRow("guest.efficiency", 0.9951, unit: "ratio")]).contains("0.9951 ratio"))
    }

    private func run(_ lines: [String]) -> WorkloadRun {
        var run = WorkloadRun()
        for line in lines { run.hear("[    1.0] debian: \(line)") }
        return run
    }
}
