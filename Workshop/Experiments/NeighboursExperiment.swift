import Foundation
import SystemImage
import Tool

/// Experiment 9: what does a tenant get beside a hostile one, and does real time survive beside time-sharing?
struct NeighboursExperiment: Experiment {
    let name = "neighbours"
    let number: Int? = 9
    let title = "resources beside a hostile neighbour, and real time beside time-sharing (DROPS)"
    let seconds = (quick: 30.0, whole: 1850.0)

    /// The least share in percent that the victim must get where two machines have equal rights.
    private static let fairShare = 48.0

    let hypotheses = [
        Hypothesis(
            claim: "A machine gets half of a core that it shares with one hostile machine of equal rights, whatever "
                + "that one does.",
            refutation: "With one of the attacks, Entente's victim gets less than 48 % of the core."
        ) { result in
            let shares = result.figures.filter { $0.name.hasPrefix("share.") && $0.subject == .entente }
            guard let worst = shares.min(by: { $0.value < $1.value }) else { return .open }
            let text = "\(worst.name): \(Figure.text(worst.value)) %, limit 48"
            return worst.value >= fairShare ? .holds(text) : .refuted(text)
        },
        Hypothesis(
            claim: "A machine that reads its disk block by block keeps a quarter of its rate beside a machine of the "
                + "same core and the same pool that reads and writes blocks of all sizes without pause.",
            refutation: "Entente's reader keeps less than 25 % of its rate."
        ) { result in
            guard let share = result["share-of-disk.disk", .entente] else { return .open }
            let text = "\(Figure.text(share.value)) %, limit 25"
            return share.value >= 25 ? .holds(text) : .refuted(text)
        },
        Hypothesis.ratio(
            "A control loop beside a machine wakes up sooner than a real-time thread of a Linux that has the board to "
                + "itself.",
            refutedIf: "The longest wake-up latency of the loop is greater than that of the thread on the bare board.",
            ("latency.control.max", .entente), over: ("latency.thread.max", .native), atMost: 1),
    ]

    func measure(_ run: ExperimentRun) throws {
        measureShares(run)
        try measureRealTime(run)
        if !run.isQuick { measureOtherCores(run) }
    }

    private func measureShares(_ run: ExperimentRun) {
        // A quick run has no time to boot the hosts of the other systems.
        let subjects = run.isQuick ? [.entente] : NeighbourBenchmark.subjects
        var figures = NeighbourFigures()
        // The subjects alternate, so that a change of the host meets all of them.
        for turn in 0..<(run.isQuick ? 1 : 3) {
            let benchmark = NeighbourBenchmark(
                workspace: run.workspace, rounds: run.isQuick ? 20 : 30, phase: turn, timeout: .seconds(1800))
            for subject in subjects {
                run.measure(subject) {
                    try benchmark.run(run.isQuick ? Self.quickCases : Self.cases, on: subject) {
                        figures.add($1, of: $0, on: subject, turn: turn)
                    }
                    if subject == .xen { run.noteXen() }
                    if subject == .kvm {
                        run.note(version: try KVMHost.emulatorVersion(in: run.workspace), of: "debian-qemu")
                    }
                }
            }
        }
        // The figures that were found before a failure are kept.
        for subject in subjects { figures.addShares(of: subject, to: run) }
    }

    private static let quickCases = [
        NeighbourCase(work: .compute, attack: nil), NeighbourCase(work: .compute, attack: .spin),
    ]
    private static let cases =
        [NeighbourCase(work: .compute, attack: nil)]
        + NeighbourCase.Attack.ofProcessor.map { NeighbourCase(work: .compute, attack: $0) }
        + [
            NeighbourCase(work: .compute, attack: .disk), NeighbourCase(work: .read, attack: nil),
            NeighbourCase(work: .read, attack: .spin), NeighbourCase(work: .read, attack: .disk),
        ]

    /// A loop of a period of a millisecond beside Linux under load, and a real-time thread in that Linux.
    private func measureRealTime(_ run: ExperimentRun) throws {
        let benchmark = RealtimeBenchmark(workspace: run.workspace, periods: run.isQuick ? 200 : 5000)
        func add(_ name: String, _ subject: Subject, _ report: LatencyReport, cpu: String = "cortex-a57") throws {
            for part in ["p50", "p99", "max"] {
                guard let value = report.figures[part] else { throw Failure("no latency of the \(name) was measured") }
                run.add(
                    "latency.\(name).\(part)", subject, [value], unit: "ns", .virtualTime, cpu: cpu,
                    software: ReplicaFigures.software(of: subject))
            }
        }
        run.measure(.entente) {
            let result = try benchmark.run(timeout: .seconds(1800))
            try add("control", .entente, result.control)
            try add("thread", .entente, result.linux)
        }
        run.measure(.native) { try add("thread", .native, benchmark.runBare(timeout: .seconds(1800))) }
        // A quick run has no time to boot the hosts of the other systems.
        guard !run.isQuick else { return }
        let peers = RealtimePeers(workspace: run.workspace, periods: benchmark.periods)
        for (subject, cpu) in [(Subject.kvm, KVMBoard.cpu), (.xen, XenBoard.cpu)] {
            run.measure(subject) {
                try add("control", subject, peers.report(on: subject, .besideLoad), cpu: cpu)
                try add("thread", subject, peers.report(on: subject, .withLoad), cpu: cpu)
            }
        }
    }

    /// The loop on a core of its own, with hostile components on three others.
    private func measureOtherCores(_ run: ExperimentRun) {
        run.measure(.entente) {
            let benchmark = RealtimeBenchmark(workspace: run.workspace, periods: 200)
            let report = try benchmark.runBesideNeighbours(timeout: .seconds(1800))
            let figures: [(name: String, value: Double, unit: String, measure: Figure.Measure)] = [
                ("missed", report.latencies.figures["missed"] ?? 0, "periods", .count),
                ("interrupts-per-ms.max", Double(report.core.mostInterrupts), "interrupts", .count),
                ("interrupt-share", report.partsPerMillion, "ppm", .instructions),
                ("kept-from-core.max", Double(report.core.longestRun), "instructions", .instructions),
            ]
            for figure in figures {
                run.add(
                    "other-cores.\(figure.name)", .entente, [figure.value], unit: figure.unit, figure.measure,
                    cpu: "cortex-a57", software: ReplicaFigures.software(of: .entente))
            }
        }
    }
}
