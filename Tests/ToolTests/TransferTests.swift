import SystemImage
import Testing

@testable import Workshop

@Suite struct TransferTests {
    @Test func readsTheRowsOfLinux() throws {
        var run = WorkloadRun()
        run.hear("workload: transfer.pipe.0 13037.4")
        #expect(throws: (any Error).self) { try LinuxTransfers.rows(of: run) }
        run.hear("workload: end 1")
        #expect(try LinuxTransfers.rows(of: run) == [BenchRow("transfer.pipe.0", 13037.4)])
    }

    @Test func findsCrossingsOfLinuxAmongTheMeasuredSizes() {
        let rows = [
            BenchRow("transfer.pipe.0", 10), BenchRow("transfer.pipe.48", 12), BenchRow("transfer.pipe.512", 40),
            BenchRow("transfer.memory.0", 11), BenchRow("transfer.memory.48", 12), BenchRow("transfer.memory.512", 14),
        ]
        #expect(
            IPCExperiment.crossings(in: rows, of: ["pipe", "memory"])
                == [BenchRow("cross.pipe-memory", 48, unit: "B")])
    }

    @Test func givesBytesToCrossingsAlone() {
        #expect(IPCExperiment.withUnit(BenchRow("cross.page-lease", 576)).unit == "B")
        #expect(IPCExperiment.withUnit(BenchRow("transfer.page.0", 350)).unit == "instructions")
    }

    @Test func namesTheOperationsOfXenBySizesInBytes() throws {
        var primitives = XenTransfers.names.flatMap { name, _ in
            [BenchRow("xen.\(name)", 9000.04), BenchRow("xen.\(name).Xen", 8000), BenchRow("xen.\(name).dom0", 1000)]
        }
        primitives += [BenchRow("xen.grant.page", 700), BenchRow("xen.grant.end", 300)]
        let rows = try XenTransfers.rows(of: primitives)
        #expect(rows.count == 2 * XenTransfers.names.count + 2 && rows.contains(BenchRow("grant.end", 300)))
        #expect(rows.contains(BenchRow("grant.copy.65536", 9000)))
        #expect(rows.contains(BenchRow("grant.copy.65536.hypervisor", 8000)))
        primitives.removeAll { $0.name == "xen.grant.copy.16.Xen" }
        #expect(throws: Failure.self) { try XenTransfers.rows(of: primitives) }
    }

    @Test func comparesPersistentGrantsWithGrantsForEachUse() {
        let kinds = BindingExperiment.grants(of: [
            BenchRow("grant.map-unmap.4096", 8000), BenchRow("grant.mapped.4096", 1000),
            BenchRow("grant.map-unmap.65536", 9000),
        ])
        #expect(kinds == [Payback(kind: "grant.4096", checked: 8000, bound: 1000, bind: 8000)])
    }
}
