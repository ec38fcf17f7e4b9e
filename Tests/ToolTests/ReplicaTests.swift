import Foundation
import SystemImage
import Testing

@testable import Tool
@testable import Workshop

/// The parts of the experiment on efficient replicas that need no emulator.
@Suite struct ReplicaTests {
    @Test func aTaskHasANameAndACount() throws {
        let run = try run(["loop": 100])
        #expect(run.tasks == [ReplicaRun.Task(name: "loop", count: 50, instructions: 100)])
        #expect(run.tasks[0].cost == 2 && run.total == 100)
    }

    @Test func eachTaskMustBeCounted() {
        var run = ReplicaRun()
        run.hear("[ 1.0] debian: task: loop count 50 ticks 7")
        #expect(throws: Failure.self) { try run.count(record([])) }
    }

    @Test func onlyTheLineOfTheEndIsNoTask() {
        var run = ReplicaRun()
        for line in ["task: end", "task: ", "workload: boot 7.0"] { run.hear(line) }
        #expect(run.tasks.isEmpty)
    }

    @Test func exitsAreThoseOfTheSystemBelow() {
        var entente = ReplicaRun()
        entente.hear("[ 1.0] debian: entente: machine debian exits: hypercall 18 memory 524 monitor 541")
        #expect(entente.exitCount == 542 && entente.userLevelExits == 541)
        var kvm = ReplicaRun()
        kvm.hear(.exits("guest", ["exits": 90, "mmio_exit_user": 7, "mmio_exit_kernel": 2]))
        #expect(kvm.exitCount == 90 && kvm.userLevelExits == 7)
    }

    @Test func aFigureIsTheMedianAndTheEfficiencyComparesRunsOfOneTurn() throws {
        var figures = ReplicaFigures()
        for (turn, (native, entente)) in [(100.0, 125.0), (90, 100), (110, 110)].enumerated() {
            figures.add(try run(["loop": native]), of: .crew(2), on: .native, turn: turn)
            figures.add(try run(["loop": entente]), of: .crew(2), on: .entente, turn: turn)
        }
        // The bare board's run of this turn failed.
        figures.add(try run(["loop": 110]), of: .crew(2), on: .entente, turn: 3)
        let experiment = ExperimentRun(workspace: Workspace(root: URL(fileURLWithPath: "/")))
        for subject in [Subject.native, .entente, .kvm] {
            figures.addCosts(of: .crew(2), on: subject, to: experiment)
        }
        let found = experiment.figures
        let names = ["2-cpu.loop", "2-cpu.total"]
        #expect(found.map(\.name) == names + names + ["2-cpu.efficiency", "ratio.2-cpu.loop"])
        #expect(found[0].value == 2 && found[0].spread == 1.8...2.2)
        #expect(found[3].value == 110)
        #expect(found[4].samples == [0.8, 0.9, 1] && found[4].subject == .entente)
        #expect(found[5].samples == [1.25, 2.0 / 1.8, 1])
    }

    @Test func exitsOfCallsAreADifference() {
        var figures = ReplicaFigures()
        for (work, count) in [(ReplicaBenchmark.Work.boot, 1000.0), (.calls, 1500)] {
            var run = ReplicaRun()
            run.hear(.exits("guest", ["exits": count, "mmio_exit_user": 3]))
            figures.add(run, of: work, on: .kvm)
        }
        let experiment = ExperimentRun(workspace: Workspace(root: URL(fileURLWithPath: "/")))
        figures.addExits(on: .kvm, to: experiment)
        figures.addExits(on: .entente, to: experiment)
        let result = experiment.figures.map { "\($0.name) \($0.value)" }
        #expect(
            result == [
                "exits.boot 1000.0", "exits.per-1000-getppid 0.5", "exits.boot.to-user-level 3.0",
                "exits.per-1000-getppid.to-user-level 0.0",
            ])
    }

    @Test func exitsOfXenAreThoseOfThePlugin() {
        var figures = ReplicaFigures()
        for (work, count) in [(ReplicaBenchmark.Work.boot, 500), (.calls, 700)] {
            var run = ReplicaRun()
            run.crossings = UInt64(count)
            figures.add(run, of: work, on: .xen)
        }
        let experiment = ExperimentRun(workspace: Workspace(root: URL(fileURLWithPath: "/")))
        figures.addExits(on: .xen, to: experiment)
        #expect(
            experiment.figures.map { "\($0.name) \($0.value)" } == [
                "exits.boot.by-plugin 500.0", "exits.per-1000-getppid.by-plugin 0.2",
            ])
    }

    /// Ways of the first domain into Xen are not exits of the guest.
    @Test func exitsOfXenAreTheWaysIntoIt() throws {
        var data = Data(count: 8 << 20)
        /// Notes a way between parts of 2 MiB.
        func note(_ from: Int, _ to: Int, _ count: UInt64) {
            withUnsafeBytes(of: count) {
                data.replaceSubrange(8 * (1024 * from + to)..<8 * (1024 * from + to + 1), with: $0)
            }
        }
        // The hypervisor is part 5, the first domain has the parts 8 to 15, and a guest the parts 20 and 21.
        for (from, to, count) in [
            (0, 5, 1), (5, 8, 40), (9, 5, 40), (20, 5, 300), (21, 5, 7), (5, 20, 307), (20, 21, 9),
        ] {
            note(from, to, UInt64(count))
        }
        var places = XenRun()
        var run = ReplicaRun()
        #expect(throws: Failure.self) { try run.count(CrossingRecord(data), places) }
        places.hear("(XEN) Grant table range: 0x00000040a00000-0x00000040a40000")
        places.hear("(XEN) BANK[0] 0x00000041000000-0x00000042000000 (16MB)")
        try run.count(CrossingRecord(data), places)
        #expect(run.crossings == 307 && run.exits.isEmpty)
        #expect(throws: Failure.self) { try CrossingRecord(Data(count: 8)) }
    }

    @Test func exitsAreCountedBelowEachSystem() {
        let work: [ReplicaBenchmark.Work] = [.crew(1), .crew(2), .crew(4), .disk, .calls, .boot]
        for subject in [Subject.entente, .kvm, .xen] {
            #expect(work.allSatisfy { ReplicaBenchmark.can(subject, do: $0) })
        }
        #expect(work.map { ReplicaBenchmark.can(.native, do: $0) } == [true, true, true, true, false, false])
    }

    @Test func aHypothesisOfTooManyTrapsIsRefuted() throws {
        let hypothesis = try #require(ReplicaExperiment().hypotheses.last)
        var result = ExperimentResult(name: "replica", command: "", seconds: 0)
        #expect(hypothesis.test(result) == .open)
        for (value, holds) in [(0.2, true), (1.5, false)] {
            result.figures = [
                Figure(
                    name: "exits.per-1000-getppid", subject: .entente, value: value, unit: "exits", measure: .count)
            ]
            let verdict = hypothesis.test(result)
            #expect(holds ? verdict == .holds("0.200 exits per 1000 calls, limit 1") : verdict != .open)
            if case .refuted = verdict { #expect(!holds) } else { #expect(holds) }
        }
    }

    /// The first word is the count, the second one the number of marks. A mark has the kind in its lowest bit.
    private func record(_ marks: [UInt64]) throws -> InstructionRecord {
        let words: [UInt64] = [99, UInt64(marks.count)] + marks + [0]
        return try InstructionRecord(words.withUnsafeBytes { Data($0) })
    }

    private func run(_ tasks: KeyValuePairs<String, Double>) throws -> ReplicaRun {
        var run = ReplicaRun()
        var marks: [UInt64] = []
        for (name, instructions) in tasks {
            run.hear("[    1.0] debian: task: \(name) count 50 ticks 7")
            marks += [10 << 1, (10 + UInt64(instructions)) << 1 | 1]
        }
        try run.count(record(marks))
        return run
    }

    @Test func marksMakeSpans() throws {
        #expect(try record([]).count == 99)
        #expect(try record([2 << 1, 5 << 1 | 1, 7 << 1, 8 << 1, 20 << 1 | 1, 30 << 1 | 1]).spans == [3, 12])
        #expect(throws: Failure.self) { try InstructionRecord(Data(count: 8)) }
        let short: [UInt64] = [1, 2, 3]
        #expect(throws: Failure.self) { try InstructionRecord(short.withUnsafeBytes { Data($0) }) }
    }
}
