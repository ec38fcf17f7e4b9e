import Foundation
import Testing

@testable import Tool
@testable import Workshop

/// The parts of `bench disk --fio` that need no emulator.
@Suite struct FioTests {
    @Test func aLineOfAMachineIsAResult() throws {
        let read = try #require(FioResult(line: "[   38.896941] debian: fio: read1;0;40000;526;0;0"))
        #expect(read == FioResult(job: "read1", size: 40000, time: 526))
        let write = try #require(FioResult(line: "[   38.896941] debian: fio: fsync;0;0;0;4000;1684"))
        #expect(write.rate(block: 4) == 1000 / 1.684)
        #expect(FioResult(job: "read-1MiB", size: 2048, time: 500).throughput == 4)
    }

    @Test(arguments: [
        "fio: begins", "fio: read1;0;40000;526;0", "fio: read1;5;40000;526;0;0", "fio: read1;0;0;0;0;0",
        "fio: read1;0;a;526;0;0", "read1;0;40000;526;0;0",
    ])
    func otherLinesAreNone(_ line: String) {
        #expect(FioResult(line: line) == nil)
    }

    /// The numbers of the fields are those of the documentation of fio's terse output.
    @Test func theChosenFieldsAreNameErrorSizesAndTimes() {
        let terse = (1...130).map { "f\($0)" }
        let chosen = FioResult.fields.split(separator: ",").compactMap { Int($0) }.map { terse[$0 - 1] }
        // Reads have their size in field 6, and writes 41 fields later.
        #expect(chosen == ["f3", "f5", "f6", "f9", "f\(6 + 41)", "f\(9 + 41)"])
    }

    @Test func jobsFollowEachOtherAndTheFirstOneFillsTheDisk() throws {
        let text = FioJob.file(share: 0.5, mark: nil)
        let sections = text.split(separator: "[").dropFirst().map { String($0) }
        #expect(sections.map { $0.prefix { $0 != "]" } } == ["fill"] + FioJob.all.map { Substring($0.name) })
        #expect(sections[1].contains("iodepth=1\n") && sections[1].contains("io_size=20000k\n"))
        #expect(sections.last!.contains("fsync=1\n"))
        #expect(text.contains("stonewall=1\n") && text.contains("size=256m\n") && !text.contains("exec_prerun"))
        let counted = FioJob.file(share: 0.0001, mark: "/mark")
        #expect(counted.ranges(of: "exec_prerun=/mark begin\nexec_postrun=/mark end\n").count == FioJob.all.count)
        #expect(counted.contains("io_size=128k\n"))
    }

    @Test func ratiosAreMediansOfTheRunsBesideTheirAims() throws {
        var report = FioReport()
        for (native, whole) in [(100.0, 80.0), (200, 140), (50, 100)] {
            report.add([FioResult(job: "read1", size: native * 4, time: 1000)], of: .native)
            report.add([FioResult(job: "read1", size: whole * 4, time: 1000)], of: .whole)
        }
        let job = try #require(FioJob.all.first)
        #expect(report.median(job, of: .native) == 100 && report.median(job, of: .whole) == 100)
        #expect(report.ratio(job, of: .whole, to: .native) == 0.8)
        #expect(report.median(job, of: .kvm) == nil && report.ratio(job, of: .pool, to: .kvm) == nil)
        #expect(report.rows.contains(BenchRow("disk.fio.read1.whole/native", 0.8, unit: "ratio")))
        #expect(report.rows.contains(BenchRow("disk.fio.read1.whole/native.aim", 0.75, unit: "ratio")))
        #expect(report.text.contains("0.800 of 0.75 ") && !report.text.contains("0.800 of 0.75!"))
        #expect(FioReport.median([4, 1, 3, 2]) == 2.5 && FioReport.median([]) == nil)
    }

    @Test func costsAreComparedAsRates() {
        var native = RequestCost()
        native.parts = [(name: RequestCost.guest, instructions: 20_000)]
        var whole = native
        whole.parts.append((name: "Storage", instructions: 20_000))
        whole.entries = [(kind: "calls of Monitor", count: 0.25)]
        var costs = FioCosts()
        costs.costs = [.native: [native] + Array(repeating: native, count: FioJob.all.count - 1)]
        costs.costs[.whole] = [whole] + Array(repeating: native, count: FioJob.all.count - 1)
        #expect(costs.rows.contains(BenchRow("disk.fio.read1.whole", 40_000)))
        #expect(costs.rows.contains(BenchRow("disk.fio.read1.whole/native by instructions", 0.5, unit: "ratio")))
        #expect(costs.rows.contains(BenchRow("disk.fio.read1.whole.exits to the monitor", 0.25, unit: "entries")))
        #expect(costs.text.contains("0.500 of 0.75!") && costs.text.contains("1.000 of 0.90 "))
    }

    @Test func librariesAreReadFromTheDynamicSection() {
        let text = """
            Dynamic section at offset 0x1b4d30 contains 46 entries:
             0x0000000000000001 (NEEDED)             Shared library: [librados.so.2]
             0x0000000000000001 (NEEDED)             Shared library: [libc.so.6]
             0x000000000000000e (SONAME)             Library soname: [libother.so.1]
            """
        #expect(DebianProgram.needed(inDynamicSection: text) == ["librados.so.2", "libc.so.6"])
    }
}
