import Foundation
import SystemImage
import Tool

/// Everything that is measured on Xen for the experiments of the debate.
struct XenExperiment: Experiment {
    let name = "xen"
    let title = "Xen with a Debian dom0: hypercalls, events, grants, starts, Linux's work, requests of a split disk"
    let seconds = (quick: 90.0, whole: 180.0)

    func measure(_ run: ExperimentRun) throws {
        guard run.subjects.contains(.xen) else { return }
        let workspace = run.workspace
        try XenPackages(workspace: workspace).prepare()
        defer { run.noteXen() }
        for (part, rows) in [
            ("primitives", { try run.primitivesOfXen() }),
            ("start", { try XenStart(workspace: workspace, count: run.isQuick ? 2 : 8).rows() }),
            ("workload", { try XenWorkload(workspace: workspace).rows() }),
            ("requests", { try XenRequests(workspace: workspace, count: run.isQuick ? 200 : 1000).rows() }),
        ] as [(String, () throws -> [BenchRow])] {
            run.attempt(part) {
                run.add(try rows().map(Self.withoutSubject), of: .xen, cpu: XenBoard.cpu, software: Self.software)
            }
        }
    }

    static let software = ["qemu", "linux", "xen"]

    /// Removes the subject from the name of a row, because a figure has it beside the name.
    static func withoutSubject(_ row: BenchRow) -> BenchRow {
        BenchRow(String(row.name.trimmingPrefix("xen.")), row.value, unit: row.unit)
    }
}
