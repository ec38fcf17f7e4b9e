import Foundation
import Testing

@testable import Tool
@testable import Workshop

@Suite struct NeighbourTests {
    @Test func timesAreReadFromALine() throws {
        let line = "[   12.5] victim: neighbour: median 20000000 mean 21000000 longest 60000000"
        let times = try #require(NeighbourCase.Times(line: line))
        #expect(times.median == 2e7 && times.mean == 2.1e7 && times.longest == 6e7)
        #expect(NeighbourCase.Times(line: "victim: neighbour: begin") == nil)
        #expect(NeighbourCase(work: .compute, attack: .disk).time(of: times) == 2.1e7)
        #expect(NeighbourCase(work: .read, attack: .disk).time(of: times) == 2e7)
    }

    private let cases = [
        NeighbourCase(work: .compute, attack: nil), NeighbourCase(work: .compute, attack: .spin),
        NeighbourCase(work: .read, attack: .disk),
    ]

    @Test func bothMachinesHaveADiskIfOneUsesIt() {
        #expect(cases.map(\.usesDisks) == [false, false, true])
        #expect(NeighbourCase(work: .compute, attack: .disk).usesDisks)
    }

    /// A share compares times of one turn. The figure is the median of the turns, and the longest piece that of all.
    @Test func aShareComparesTimesOfOneTurn() {
        var figures = NeighbourFigures()
        for (turn, (alone, beside)) in [(10, 20), (12, 16), (10, 40)].enumerated() {
            figures.add(times(alone), of: cases[0], on: .xen, turn: turn)
            figures.add(times(beside), of: cases[1], on: .xen, turn: turn)
        }
        // Nothing is known of the victim alone in this turn.
        figures.add(times(50), of: cases[1], on: .xen, turn: 3)
        let run = ExperimentRun(workspace: Workspace(root: URL(fileURLWithPath: "/")))
        figures.addShares(of: .xen, to: run)
        figures.addShares(of: .kvm, to: run)
        #expect(run.figures.map(\.name) == ["piece.alone", "share.spin", "longest.spin"])
        #expect(run.figures.map(\.samples) == [[10, 12, 10], [50, 75, 25], nil])
        #expect(run.figures.map(\.value) == [10, 50, 100])
    }

    /// Times of pieces in milliseconds. The longest piece takes twice the mean.
    private func times(_ mean: Int) -> NeighbourCase.Times {
        NeighbourCase.Times(line: "neighbour: median 1 mean \(mean)000000 longest \(2 * mean)000000")!
    }

    /// Only lines behind the mark of a case count, and each belongs to that case.
    @Test func timesOnXenBelongToTheCaseBefore() {
        func line(_ mean: Int) -> String { "neighbour: median 1 mean \(mean) longest 3" }
        let lines = [
            line(9), "case: compute-alone", "neighbour: begin", line(10), "case: read-disk", line(20), "case: other",
            line(30),
        ]
        let times = NeighbourBenchmark.times(ofXen: lines, cases)
        #expect(times.map(\.0.victim) == ["compute-alone", "read-disk"])
        #expect(times.map(\.1.mean) == [10, 20])
    }

    /// The attacker starts before the victim, ends after it, and is gone before the next case begins.
    @Test func anAttackLastsAsLongAsItsVictim() throws {
        let kvm = NeighbourBenchmark.scriptOfKVM(cases)
        let xen = NeighbourBenchmark.scriptOfXen(cases)
        for script in [kvm, xen] { try Subprocess("sh", ["-n", "-c", script]).run() }
        #expect(
            kvm.split(separator: "\n") == [
                "begin compute-alone", "await compute-alone", "begin compute-spin-attacker", "begin compute-spin",
                "await compute-spin", "finish compute-spin-attacker", "await compute-spin-attacker",
                "begin read-disk-attacker", "begin read-disk", "await read-disk", "finish read-disk-attacker",
                "await read-disk-attacker",
            ])
        let commands = xen.split(separator: "\n").filter { !$0.contains("show") && !$0.contains("echo") }
        #expect(
            commands == [
                "start compute-alone", "start compute-spin-attacker &", "start compute-spin",
                "xl destroy compute-spin-attacker", "wait $!", "start read-disk-attacker &", "start read-disk",
                "xl destroy read-disk-attacker", "wait $!",
            ])
    }

    /// The entries of the table follow the 446 bytes of code, and have their first sector and their sectors at the end
    /// (UEFI 2.10, 5.2.1).
    @Test func theDiskHasTwoPartitionsThatDoNotOverlap() {
        let disk = NeighbourBenchmark.partitioned
        func number(_ offset: Int) -> Int { (0..<4).reduce(0) { $0 | Int(disk[offset + $1]) << (8 * $1) } }
        #expect(disk.count == 64 << 20 && disk[510] == 0x55 && disk[511] == 0xaa)
        #expect(disk[450] == 0x83 && disk[466] == 0x83)
        let (first, second) = (number(454), number(470))
        #expect(first > 0 && first + number(458) <= second && second + number(474) <= disk.count / 512)
        // The reader and the attacker use 8 MiB.
        #expect(min(number(458), number(474)) >= 8 << 11)
    }

    @Test func aGuestOfKVMWritesItsConsoleToAFile() {
        #expect(KVMGuest.console(file: nil).hasPrefix("stdio,id=serial,"))
        #expect(KVMGuest.console(file: "/tmp/one") == "file,path=/tmp/one,id=serial")
    }
}
