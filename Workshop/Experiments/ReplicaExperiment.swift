import Foundation
import SystemImage
import Tool

/// Experiment 1: is a virtual machine an efficient replica of the board, and which work makes it leave the processor?
struct ReplicaExperiment: Experiment {
    let name = "replica"
    let number: Int? = 1
    let title = "efficient replica: processor, memory, system calls, processes, files on 1 to 4 CPUs (Goldberg)"
    let seconds = (quick: 25.0, whole: 690.0)

    let hypotheses = [
        Hypothesis.ratio(
            "A machine executes nearly all instructions itself, so that a system below it adds at most 2 % to the work "
                + "of a processor, of memory, of processes and of files in memory.",
            refutedIf: "On one processor, Entente's board needs more than 1.02 times the instructions of the bare "
                + "board.",
            ("1-cpu.total", .entente), over: ("1-cpu.total", .native), atMost: 1.02),
        Hypothesis.ratio(
            "A monitor above a microhypervisor costs a machine no more than one inside a large kernel.",
            refutedIf: "On one processor, Entente's board needs more instructions than that of KVM for the same work.",
            ("1-cpu.total", .entente), over: ("1-cpu.total", .kvm), atMost: 1),
        Hypothesis.ratio(
            "A monitor at user level costs a machine hardly more than one inside the hypervisor.",
            refutedIf: "On one processor, Entente's board needs more than 1.01 times the instructions of that of Xen.",
            ("1-cpu.total", .entente), over: ("1-cpu.total", .xen), atMost: 1.01),
        Hypothesis.ratio(
            "The replica stays efficient on several processors.",
            refutedIf: "On four processors, Entente's board needs more than 1.02 times the instructions of the bare "
                + "board.",
            ("4-cpu.total", .entente), over: ("4-cpu.total", .native), atMost: 1.02),
        Hypothesis.ratio(
            "The replica is efficient for processes on two processors that wake each other up.",
            refutedIf: "A round trip of a byte between them costs Entente's board more than 1.05 times the "
                + "instructions of the bare board.",
            ("2-cpu.pipe-across", .entente), over: ("2-cpu.pipe-across", .native), atMost: 1.05),
        Hypothesis.ratio(
            "The replica is efficient for a disk, too.",
            refutedIf: "Requests of a disk cost Entente's board more than 1.25 times the instructions of the bare "
                + "board.",
            ("disk.total", .entente), over: ("disk.total", .native), atMost: 1.25),
        Hypothesis(
            claim: "System calls of a machine do not trap.",
            refutation: "A virtual processor of Entente leaves its machine more than once in 1000 system calls."
        ) { result in
            guard let exits = result["exits.per-1000-getppid", .entente] else { return .open }
            let text = "\(Figure.text(exits.value)) exits per 1000 calls, limit 1"
            return exits.value <= 1 ? .holds(text) : .refuted(text)
        },
    ]

    func measure(_ run: ExperimentRun) throws {
        let benchmark = ReplicaBenchmark(workspace: run.workspace, timeout: .seconds(1800))
        // The start of Xen's first domain takes longer than the work.
        let subjects = ReplicaBenchmark.subjects.filter { run.subjects.contains($0) && !(run.isQuick && $0 == .xen) }
        var figures = ReplicaFigures()
        if subjects.contains(.kvm) {
            run.note(version: try KVMHost.emulatorVersion(in: run.workspace), of: "debian-qemu")
        }
        defer { if subjects.contains(.xen) { run.noteXen() } }
        for work in Self.work(isQuick: run.isQuick) {
            // The subjects alternate, so that a change of the host meets all of them.
            for phase in 0..<(run.isQuick ? 1 : 3) {
                for subject in subjects where ReplicaBenchmark.can(subject, do: work) {
                    run.measure(subject) {
                        figures.add(
                            try benchmark.run(work, on: subject, phase: phase), of: work, on: subject, turn: phase)
                    }
                }
            }
            for subject in subjects { figures.addCosts(of: work, on: subject, to: run) }
        }
        guard !run.isQuick else { return }
        // The counts are nearly the same in each run.
        for subject in subjects where ReplicaBenchmark.can(subject, do: .calls) {
            run.measure(subject) {
                for work in [ReplicaBenchmark.Work.boot, .calls] {
                    figures.add(try benchmark.run(work, on: subject), of: work, on: subject)
                }
                figures.addExits(on: subject, to: run)
            }
        }
    }

    private static func work(isQuick: Bool) -> [ReplicaBenchmark.Work] {
        isQuick ? [.crew(1)] : [.crew(1), .crew(2), .crew(3), .crew(4), .disk]
    }
}
