import Foundation
import SystemImage
import Tool

/// Experiment 7: who stands still if a server dies, hangs or becomes slow?
struct LiabilityExperiment: Experiment {
    let name = "liability"
    let number: Int? = 7
    let title = "liability inversion: who stands still if a server is killed, hung or slowed"
    let seconds = (quick: 45.0, whole: 230.0)

    let hypotheses = [
        Hypothesis(
            claim: "Only those stand still that depend on the offender by the manifest, and the plan names them.",
            refutation: "A part stands still, and its plan does not name the offender."
        ) { result in
            guard let wrong = result["wrong.predictions", .entente], let all = result["cells", .entente] else {
                return .open
            }
            let text = "\(Figure.text(wrong.value)) of \(Figure.text(all.value)) pairs were not predicted"
            return wrong.value == 0 ? .holds(text) : .refuted(text)
        },
        Hypothesis(
            claim: "A control loop keeps its period of 5 ms to within 1 ms, whatever happens to any server.",
            refutation: "A fault of another part delays the loop by more than 1 ms."
        ) { result in
            guard let delay = result["delay.control.most", .entente] else { return .open }
            let text = "\(Figure.text(delay.value)) ms"
            return delay.value <= 1 ? .holds(text) : .refuted(text)
        },
        Hypothesis(
            claim: "While Xen's dom0 hangs, a guest that only computes loses less than 50 ms, and one that reads its "
                + "disk stands still.",
            refutation: "The first guest loses more, or the second one loses less than 1.9 of the 2 s."
        ) { result in
            guard let idle = result["stall.dom0.hung.sleep", .xen], let disk = result["stall.dom0.hung.disk", .xen]
            else { return .open }
            let text = "\(Figure.text(idle.value)) ms and \(Figure.text(disk.value)) ms"
            return idle.value < 50 && disk.value >= 1900 ? .holds(text) : .refuted(text)
        },
        Hypothesis(
            claim: "The death of xenstored delays no running guest of Xen by more than 50 ms, and ends the toolstack.",
            refutation: "A guest loses more, or a command of the toolstack succeeds within 2 s."
        ) { result in
            let guests = XenStall.guests.compactMap { result["stall.xenstored.killed.\($0)", .xen]?.value }
            guard guests.count == XenStall.guests.count,
                let toolstack = result["stall.xenstored.killed.toolstack", .xen]?.value
            else { return .open }
            let text = "\(Figure.text(guests.max() ?? 0)) ms and \(Figure.text(toolstack)) ms"
            return (guests.max() ?? 0) <= 50 && toolstack >= 2000 ? .holds(text) : .refuted(text)
        },
        Hypothesis(
            claim: "A guest of Xen that prints stands still while xenconsoled hangs.",
            refutation: "The guest loses less than half of the 2 s."
        ) { result in
            guard let stall = result["stall.xenconsoled.hung.print", .xen]?.value else { return .open }
            let text = "\(Figure.text(stall)) ms"
            return stall >= 1000 ? .holds(text) : .refuted(text)
        },
    ]

    /// The parts that fail, by the names of the figures, and their tenants. The monitor is the last one, because its
    /// machine boots anew.
    static let offenders = [
        ("pager", "pager"), ("driver", "block-driver"), ("storage", "storage"), ("console", "serial"),
        ("monitor", "store"),
    ]

    func measure(_ run: ExperimentRun) throws {
        run.measure(.entente) {
            var schedule = FaultSchedule()
            for (_, part) in Self.offenders {
                for kind in [FaultWindow.Kind.hung, .slowed] { schedule.add(kind, of: part) }
                schedule.add(.killed, of: part, rest: part == "store" ? FaultSchedule.slotsToBoot : 0)
            }
            let outcome = try FaultTrial(workspace: run.workspace, schedule: schedule).run()
            let judge = FaultJudge(outcome: outcome)
            if !judge.gaps.isEmpty { throw Failure("there is no record of \(judge.gaps.joined(separator: ", "))") }
            try outcome.requireDeaths()
            add(judge, to: run)
        }
        // The starts of KVM's host and of Xen's first domain take longer than a quick form may.
        guard !run.isQuick else { return }
        run.measure(.kvm) { try measureKVM(run) }
        run.measure(.xen) {
            defer { run.noteXen() }
            run.add(
                try XenStall(workspace: run.workspace).excess().map(XenExperiment.withoutSubject), of: .xen,
                cpu: XenBoard.cpu, software: XenExperiment.software)
        }
    }

    /// The monitor of a guest of KVM is its QEMU.
    private func measureKVM(_ run: ExperimentRun) throws {
        run.note(version: try KVMHost.emulatorVersion(in: run.workspace), of: "debian-qemu")
        run.add(
            try run.faultsOfKVM().filter { $0.name.hasPrefix("stall.") }, of: .kvm, cpu: "neoverse-n1",
            software: ReplicaFigures.software(of: .kvm))
    }

    private func add(_ judge: FaultJudge, to run: ExperimentRun) {
        func count(_ name: String, _ value: Int, _ unit: String) {
            run.add(name, .entente, [Double(value)], unit: unit, .count, software: ["entente"])
        }
        let cells = judge.cells
        for cell in cells {
            let offender = Self.offenders.first { $0.1 == cell.offender }?.0 ?? cell.offender
            let pair = "\(offender).\(cell.kind).\(cell.victim.name)"
            run.add(
                "stall.\(pair)", .entente, [Double(cell.excess) / 1000], unit: "ms", .virtualTime,
                cpu: "neoverse-n1", software: ["entente", "qemu", "linux"])
            count("predicted.\(pair)", cell.isPredicted ? 1 : 0, "prediction")
        }
        let others = cells.filter { !$0.isOwn }
        count("cells", others.count, "pairs")
        count("still.observed", others.count(where: \.standsStill), "pairs")
        count("still.predicted", others.count(where: \.isPredicted), "pairs")
        count("still.not-predicted", others.count { !$0.isPredicted }, "pairs")
        count("wrong.predictions", others.count(where: \.isWrong), "pairs")
        let delays = cells.filter { $0.victim.console == "control" }.map { Double($0.excess) / 1000 }
        run.add(
            "delay.control.most", .entente, [delays.max() ?? 0], unit: "ms", .virtualTime, cpu: "neoverse-n1",
            software: ["entente", "qemu", "linux"])
        for cell in cells where cell.isWrong {
            Progress.say("    not predicted: \(cell.offender) \(cell.kind), \(cell.victim.name) \(cell.excess) us")
        }
    }
}
