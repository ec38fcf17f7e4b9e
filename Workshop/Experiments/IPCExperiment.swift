import Foundation
import SystemImage
import Tool

/// Experiment 3: which ways of communication cost how much, for how much data, in a microkernel and elsewhere?
struct IPCExperiment: Experiment {
    let name = "ipc"
    let number: Int? = 3
    let title = "IPC for everything: control, data of 0 B to 1 MiB, delegation and revocation"
    let seconds = (quick: 20.0, whole: 45.0)

    let hypotheses = [
        Hypothesis.ratio(
            "Control alone costs a tenth of what it costs in a monolithic kernel: a call and its reply against a byte "
                + "through a pipe and one back.",
            refutedIf: "A call takes more than a tenth of the instructions of the round trip through pipes.",
            ("transfer.registers.0", .entente), over: ("transfer.pipe.0", .native), atMost: 0.1),
        Hypothesis.ratio(
            "Large data belongs in shared memory: for 64 KiB a ring with a shared window is cheaper than a lease, "
                + "for which the kernel copies (the position of Xen and of exokernels).",
            refutedIf: "A lease takes fewer instructions than the ring for 64 KiB.",
            ("transfer.ring.65536", .entente), over: ("transfer.lease.65536", .entente), atMost: 1),
        Hypothesis.ratio(
            "An item of 4 KiB by lease costs less than half of what it costs by pipes in Linux.",
            refutedIf: "The lease takes more than half of the pipes' instructions.",
            ("transfer.lease.4096", .entente), over: ("transfer.pipe.4096", .native), atMost: 0.5),
        Hypothesis.ratio(
            "Taking a page back without the holder's consent costs no more than giving it.",
            refutedIf: "The revocation of a delegated page takes more instructions than its delegation.",
            ("revoke.page", .entente), over: ("delegate.page", .entente), atMost: 1),
        Hypothesis.ratio(
            "An event from one machine to another costs half as much by a notification as by Xen's event channel.",
            refutedIf: "The round trip between machines takes more than half of Xen's instructions.",
            ("event.machine-round-trip", .entente), over: ("event.machine-round-trip", .xen), atMost: 0.5),
    ]

    func measure(_ run: ExperimentRun) throws {
        let cpu = "cortex-a57"
        run.measure(.entente) {
            run.add(try run.transfers().map(IPCExperiment.withUnit), of: .entente, cpu: cpu)
            // The prices of the mechanisms that machines use.
            let rows =
                try run.bindings()
                + ["primitives/1-exits.yaml", "primitives/4-events.yaml"].flatMap {
                    try BenchSystem(workspace: run.workspace, path: $0).rows(timeout: .seconds(300))
                }
            run.add(rows.filter { IPCExperiment.mechanisms.contains($0.name) }, of: .entente, cpu: cpu)
        }
        run.measure(.native) {
            let own = try BenchSystem(workspace: run.workspace, path: "primitives/1-exits.yaml")
                .bareRows(timeout: .seconds(300))
            run.add(own, of: .native, cpu: cpu, software: ["entente", "qemu"])
            let rows = try LinuxTransfers(workspace: run.workspace).rows(timeout: .seconds(600))
            run.add(
                rows + IPCExperiment.crossings(in: rows, of: ["pipe", "socket", "memory"]), of: .native, cpu: cpu,
                software: ["linux", "qemu"])
        }
        // Each of the others boots a whole Debian first, which a quick run has no time for.
        guard !run.isQuick else { return }
        run.measure(.kvm) {
            run.add(
                try run.primitivesOfKVM().filter { IPCExperiment.mechanisms.contains($0.name) }, of: .kvm,
                cpu: "neoverse-n1", software: ["linux", "debian-qemu", "qemu"])
        }
        run.measure(.xen) {
            let rows = try run.primitivesOfXen()
            run.add(try XenTransfers.rows(of: rows), of: .xen, cpu: "neoverse-n1", software: ["xen", "linux", "qemu"])
        }
    }

    private static let mechanisms: Set = [
        "exit.hypercall", "exit.mmio", "exit.gicd-read", "interrupt.self-ipi", "interrupt.timer", "interrupt.wfi",
        "event.machine-round-trip", "bound.doorbell", "bound.interrupt",
    ]

    /// Gives the unit to a row of a program, which prints numbers alone.
    static func withUnit(_ row: BenchRow) -> BenchRow {
        row.name.hasPrefix("cross.") ? BenchRow(row.name, row.value, unit: "B") : row
    }

    /// The sizes of items, among those that were measured, from which on one way is no dearer than another one.
    static func crossings(in rows: [BenchRow], of ways: [String]) -> [BenchRow] {
        ways.flatMap { first in
            ways.filter { $0 != first }.compactMap { second in
                CrossingPoint.size(rows.costs(of: "transfer.\(first)"), rows.costs(of: "transfer.\(second)"))
                    .map { BenchRow("cross.\(first)-\(second)", $0, unit: "B") }
            }
        }
    }
}
