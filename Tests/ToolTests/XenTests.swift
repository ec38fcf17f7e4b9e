import Foundation
import SystemImage
import Testing

@testable import Tool
@testable import Workshop

/// The parts of the measurements on Xen that need no emulator.
@Suite struct XenTests {
    @Test func theVersionIsInTheImage() {
        let image = Data("Debian\0\0xen,xen-4.17\0 4.17.7+13-g2445b30a44-0+deb12u1\0gcc".utf8)
        #expect(XenPackages.version(inImage: image) == "4.17.7+13-g2445b30a44-0+deb12u1")
        #expect(XenPackages.version(inImage: Data("xen,xen-4.17".utf8)) == nil)
    }

    @Test func xenSaysWhereItsPartsLie() {
        var run = XenRun()
        run.hear("(XEN) BANK[0] 0x00000060000000-0x00000080000000 (512MB)")
        run.hear("(XEN) Grant table range: 0x00000040200000-0x00000040240000")
        run.hear("(XEN) BANK[1] 0x00000010000000-0x00000020000000 (256MB)")
        #expect(run.firstDomain == 0x2000_0000..<0x4000_0000)
        #expect(run.hypervisor == 0x20_0000..<0x40_0000)
        #expect(XenRun.range(in: "BANK[0] 0x30000000-0x60000000", behind: "BANK[0] ") == nil)
    }

    @Test func instructionsBelongToThePartInWhichTheyLie() {
        var run = XenRun()
        run.hear("(XEN) BANK[0] 0x00000060000000-0x00000080000000 (512MB)")
        run.hear("(XEN) Grant table range: 0x00000040200000-0x00000040240000")
        let places: [(UInt64, UInt64)] = [(0x20_0000, 1), (0x3F_FFFC, 2), (0x2000_0000, 30), (0x4000_0000, 400)]
        let record = RequestRecord(
            instructions: places.map { RequestRecord.Instruction(offset: $0.0, code: 0, executions: $0.1) })
        let counts = XenCounts(record, run)
        #expect(counts.hypervisor == 3 && counts.firstDomain == 30 && counts.guests == 400)
        #expect(counts.rows("a", count: 2).map(\.value) == [216.5, 1.5, 15, 200])
        #expect(counts.rows("a").map(\.name) == ["a", "a.Xen", "a.dom0", "a.domU"])
    }

    @Test func aDomainIsDescribedForItsStart() {
        let domain = XenDomain(name: "a", memory: 64, cpus: 2, disk: "/dev/vda")
        let text = domain.configuration
        #expect(text.contains("name = \"a\"\n") && text.contains("memory = 64\nvcpus = 2\n"))
        #expect(text.contains("disk = [\"phy:/dev/vda,xvda,w\"]\n") && !text.contains("rdinit"))
        let direct = XenDomain(name: "b", directArguments: "set").configuration
        #expect(direct.contains(" rdinit=/measure set\"\n") && !direct.contains("phy:"))
    }

    @Test func figuresAreReadFromLines() {
        let lines = ["xen: offer 8 3", "xen: grant.page 10.5", "xen: end", "other 1", "free: 1504", "free: x"]
        let figures = XenPrimitives.figures(in: lines)
        #expect(figures.map(\.name) == ["grant.page"] && figures.map(\.value) == [10.5])
        #expect(XenStart.values(in: lines, behind: "free: ") == [1504])
    }

    @Test func aStallIsTheTimeBeyondTheUsualOne() {
        let lines = [
            "pace: begins", "pace: sleep 596 10134", "pace: disk 592 2023409", "pace: disk x 1", "a pace: b 1 2",
        ]
        #expect(XenStall.stalls(in: lines) == ["sleep": 10.134, "disk": 2023.409])
        let rows = [
            BenchRow("xen.stall.none.none.disk", 20, unit: "ms"),
            BenchRow("xen.stall.dom0.hung.disk", 2020, unit: "ms"),
            BenchRow("xen.stall.store.hung.disk", 15, unit: "ms"),
            BenchRow("xen.stall.store.hung.sleep", 9, unit: "ms"),
        ]
        #expect(XenStall.excess(of: rows).map(\.name) == ["xen.stall.dom0.hung.disk", "xen.stall.store.hung.disk"])
        #expect(XenStall.excess(of: rows).map(\.value) == [2000, 0])
    }

    @Test func theLivesOfTheFirstDomainBecomeTimesAndLosses() throws {
        let lines = [
            "recovery: console 3.38 3.40", "lines: 390 pace: print 397 10098", "alive: disk", "alive: sleep",
            "recovery: monitor 10.50 11.75", "began: 2", "recovery: store 13.16 13.18", "known: 2 0", "dies: 12",
            "[   20.1] Kernel panic - not syncing: sysrq triggered crash", "alive: disk", "born: 2.30 16 2.80",
            "alive: sleep",
        ]
        #expect(
            try XenRecovery.rows(in: lines) == [
                BenchRow("recovery.console-output", 20, unit: "ms"), BenchRow("lost.console", 7, unit: "lines"),
                BenchRow("recovery.monitor", 1250, unit: "ms"), BenchRow("lost.monitor", 1, unit: "programs"),
                BenchRow("recovery.store", 20, unit: "ms"), BenchRow("lost.store", 2, unit: "machines"),
                BenchRow("recovery.dom0", 3500, unit: "ms"), BenchRow("lost.dom0", 2, unit: "machines"),
            ])
        // A board that stays off has no time, and a guest that never came back is not lost but a failure.
        #expect(throws: Failure.self) { try XenRecovery.rows(in: Array(lines.prefix(10))) }
        #expect(throws: Failure.self) { try XenRecovery.rows(in: lines.filter { !$0.hasPrefix("known") }) }
    }

    @Test func theScriptsOfTheFirstDomainAreScriptsOfTheShell() throws {
        for text in [XenRecovery.script] + XenStall.harms.map(XenStall.script) {
            try Subprocess("sh", ["-n", "-c", text]).run()
        }
    }

    /// The program and its reader have the same operations, in the same order.
    @Test func theOperationsAreThoseOfTheProgram() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let source = try String(contentsOf: root.appendingPathComponent("Guests/Linux/xen.c"), encoding: .utf8)
        let rows = source.matches(of: /\{"([a-z0-9.-]+)", [a-z_]+, \d+, (TURNS|\d+)\}/).map {
            "\($0.1) \($0.2 == "TURNS" ? "1000" : $0.2)"
        }
        #expect(rows == XenPrimitives.operations.map { "\($0.name) \($0.turns)" })
    }
}
