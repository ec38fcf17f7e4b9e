import Foundation
import SystemImage
import Tool

/// Experiment 3: which ways of communication cost how much, for how much data, in a microkernel and elsewhere?
struct IPCExperiment: Experiment {
    let name = "ipc"
    let number: Int? = 3
    let title = "IPC for everything: control, data of 0 B to 1 MiB, delegation and revocation"
    let seconds = (quick: 20.0, whole: 20.0)

    let hypotheses = [
        Hypothesis.ratio(
            "Control alone costs a tenth of what it costs in a monolithic kernel: a call and its reply against a byte "
                + "through a pipe and one back.",
            refutedIf: "A call takes more than a tenth of the instructions of the round trip through pipes.",
            ("transfer.registers.0", .entente), over: ("transfer.pipe.0", .native), atMost: 0.1),
        Hypothesis.ratio(
            "Large data belongs into shared memory: for 64 KiB a ring with a shared window is cheaper than a lease, "
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
            let rows = try BenchSystem(workspace: run.workspace, path: "debate/ipc.yaml").rows(timeout: .seconds(300))
            run.add(rows.map(IPCExperiment.withUnit), of: .entente, cpu: cpu)
            let events = BenchSystem(workspace: run.workspace, path: "primitives/4-events.yaml")
            run.add(try events.rows(timeout: .seconds(300)), of: .entente, cpu: cpu)
        }
        run.measure(.native) {
            let rows = try LinuxTransfers(workspace: run.workspace).rows(timeout: .seconds(600))
            run.add(
                rows + IPCExperiment.crossings(in: rows, of: ["pipe", "socket", "memory"]), of: .native, cpu: cpu,
                software: ["linux", "qemu"])
        }
        // Xen boots a whole Debian first, which a quick run has no time for.
        guard !run.isQuick else { return }
        run.measure(.xen) {
            run.add(
                Self.named(try XenPrimitives(workspace: run.workspace).rows()), of: .xen, cpu: XenBoard.cpu,
                software: XenExperiment.software)
        }
    }

    /// The rows of Xen's primitives that have counterparts here, under their names. An event counts without the two
    /// Linux kernels and processes that send and receive it, as on Entente, whose machines run no system. Data by a
    /// grant counts with the system call of the process that asks for it.
    private static let xen = [
        ("event.round-trip.Xen", "event.machine-round-trip"), ("event.round-trip", "event.linux-round-trip"),
        ("grant.copy.1", "transfer.grant-copy.4096"), ("grant.copy.16", "transfer.grant-copy.65536"),
        ("grant.copy.256", "transfer.grant-copy.1048576"),
        ("mapped.copy.1", "transfer.mapped-grant.4096"), ("mapped.copy.16", "transfer.mapped-grant.65536"),
        ("mapped.copy.256", "transfer.mapped-grant.1048576"),
        ("grant.map-unmap.1", "grant.map-and-unmap.4096"), ("grant.map-unmap.16", "grant.map-and-unmap.65536"),
        ("grant.map-unmap.256", "grant.map-and-unmap.1048576"), ("grant.page", "grant.begin.4096"),
        ("grant.end", "grant.end.4096"),
    ]

    static func named(_ rows: [BenchRow]) -> [BenchRow] {
        xen.compactMap { old, new in
            rows.first { $0.name == "xen.\(old)" }.map { BenchRow(new, $0.value, unit: $0.unit) }
        }
    }

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
