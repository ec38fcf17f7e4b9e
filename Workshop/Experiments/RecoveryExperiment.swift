import Foundation
import SystemImage
import Tool

/// Experiment 11: how long does it take from the death of a part to service again, and what is lost?
struct RecoveryExperiment: Experiment {
    let name = "recovery"
    let number: Int? = 11
    let title = "recovery: from the death of each part to service again, and what is lost"
    let seconds = (quick: 30.0, whole: 100.0)

    let hypotheses = [
        Hypothesis(
            claim: "A server of disks that dies is back within 50 ms, and no request fails.",
            refutation: "A machine waits longer than 50 ms for its disk, or a request fails."
        ) { result in
            let names = ["driver", "storage", "backend"]
            let times = names.compactMap { result["recovery.\($0)", .entente]?.value }
            let losses = names.compactMap { result["lost.\($0)", .entente]?.value }
            guard times.count == names.count, losses.count == names.count else { return .open }
            let (time, lost) = (times.max() ?? 0, losses.reduce(0, +))
            let text = "at most \(Figure.text(time)) ms, \(Figure.text(lost)) requests lost"
            return time <= 50 && lost == 0 ? .holds(text) : .refuted(text)
        },
        Hypothesis.ratio(
            "A server that dies is back in a twentieth of the time that a machine needs to start again.",
            refutedIf: "The slowest server of disks takes more than a twentieth of the machine's time.",
            ("recovery.servers.most", .entente), over: ("recovery.monitor", .entente), atMost: 0.05),
        Hypothesis.ratio(
            "A server of disks is back in a fiftieth of the time that Xen's dom0 needs, which has the same drivers.",
            refutedIf: "The slowest server of disks takes more than a fiftieth of the time of dom0.",
            ("recovery.servers.most", .entente), over: ("recovery.dom0", .xen), atMost: 0.02),
        Hypothesis(
            claim: "A crash of dom0 ends every guest of the board.",
            refutation: "One of the two guests outlives dom0."
        ) { result in
            guard let lost = result["lost.dom0", .xen]?.value else { return .open }
            let text = "\(Figure.text(lost)) of \(XenRecovery.guests.count) guests began anew"
            return lost == Double(XenRecovery.guests.count) ? .holds(text) : .refuted(text)
        },
    ]

    /// The names of the figures, the tenants that die, and the tenants that wait for them.
    private static let parts = [
        ("pager", "pager", "reader"), ("driver", "block-driver", "store"), ("storage", "storage", "store"),
        ("backend", "store.disks", "store"), ("console", "serial", "plain"), ("component", "reader", "reader"),
        ("monitor", "store", "store"),
    ]

    func measure(_ run: ExperimentRun) throws {
        run.measure(.entente) {
            var schedule = FaultSchedule()
            for (_, part, _) in Self.parts {
                schedule.add(.killed, of: part, rest: part == "store" ? FaultSchedule.slotsToBoot : 0)
            }
            let outcome = try FaultTrial(workspace: run.workspace, schedule: schedule).run()
            try outcome.requireDeaths()
            try add(outcome, to: run)
        }
        // The starts of KVM's host and of Xen's first domain take longer than a quick form may.
        guard !run.isQuick else { return }
        run.measure(.kvm) { try measureKVM(run) }
        run.measure(.xen) {
            defer { run.noteXen() }
            run.add(
                try XenRecovery(workspace: run.workspace).rows(), of: .xen, cpu: XenBoard.cpu,
                software: XenExperiment.software)
        }
    }

    /// The monitor of a guest of KVM is its QEMU, and a script of the host starts it again at once.
    private func measureKVM(_ run: ExperimentRun) throws {
        run.note(version: try KVMHost.emulatorVersion(in: run.workspace), of: "debian-qemu")
        run.add(
            try run.faultsOfKVM().filter { !$0.name.hasPrefix("stall.") }, of: .kvm, cpu: "neoverse-n1",
            software: ReplicaFigures.software(of: .kvm))
    }

    private func add(_ outcome: FaultTrial.Outcome, to run: ExperimentRun) throws {
        let judge = FaultJudge(outcome: outcome)
        var times: [String: Double] = [:]
        for (name, part, victim) in Self.parts {
            let cells = judge.cells.filter { $0.offender == part && $0.victim.console == victim }
            guard let (slot, _) = outcome.schedule.windows.first(where: { $0.window.part == part }),
                let longest = cells.map(\.excess).max()
            else { throw Failure("'\(victim)' has no record of the death of '\(part)'") }
            let time = Double(longest) / 1000
            times[name] = time
            run.add(
                "recovery.\(name)", .entente, [time], unit: "ms", .virtualTime, cpu: "neoverse-n1",
                software: ["entente", "qemu", "linux"])
            // The lost things are requests of the disk, lines of a component, or lives of programs.
            let disk = TurnRecords.Voice(console: "store", process: "disk")
            let lost: (Int, String)
            switch name {
            case "driver", "storage", "backend":
                guard let record = outcome.records.slots[disk]?[slot] else {
                    throw Failure("the disk's user has no record of the death of '\(part)'")
                }
                lost = (Int(record.lost), "requests")
            case "console": lost = (judge.lostLines(of: "beat", slot: slot, period: FaultTrial.period), "lines")
            default: lost = (outcome.rebirths(in: slot), "programs")
            }
            run.add(
                "lost.\(name)", .entente, [Double(lost.0)], unit: lost.1, .count, cpu: "neoverse-n1",
                software: ["entente", "qemu", "linux"])
        }
        let servers = ["driver", "storage", "backend"].compactMap { times[$0] }
        run.add(
            "recovery.servers.most", .entente, [servers.max() ?? 0], unit: "ms", .virtualTime, cpu: "neoverse-n1",
            software: ["entente", "qemu", "linux"])
    }
}
