import Foundation
import SystemImage
import Tool

/// A benchmark of Entente that answers no question of the debate. `bench NAME` has more options for it.
struct BenchmarkExperiment: Experiment {
    let name: String
    let title: String
    let seconds: (quick: Double, whole: Double)
    var cpu: String?
    let rows: @Sendable (ExperimentRun) throws -> [BenchRow]

    func measure(_ run: ExperimentRun) throws { run.add(try rows(run), of: .entente, cpu: cpu) }

    static let all = [
        BenchmarkExperiment(
            name: "primitives", title: "instructions of each primitive operation", seconds: (20, 20), cpu: "cortex-a57"
        ) { try $0.primitives() },
        BenchmarkExperiment(
            name: "efficiency", title: "a Debian machine beside the same kernel on the bare board", seconds: (60, 60),
            cpu: "neoverse-n1"
        ) { try EfficiencyBenchmark(workspace: $0.workspace).rows(timeout: .seconds(900)) },
        BenchmarkExperiment(
            name: "memory", title: "uses of a board's RAM with one Debian machine", seconds: (10, 10)
        ) { run in
            let file = run.workspace.root.appendingPathComponent("Benchmarks/systems/efficiency.yaml")
            let benchmark = MemoryBenchmark(workspace: run.workspace, timeout: .seconds(300))
            return try benchmark.rows(of: Manifest.load(path: file.path))
        },
        BenchmarkExperiment(
            name: "machines", title: "memory and instructions of a crowd of idle Debian machines", seconds: (90, 600)
        ) {
            let benchmark = MemoryBenchmark(workspace: $0.workspace, timeout: .seconds(3600))
            return try benchmark.rows(of: MachineCrowd(count: $0.isQuick ? 4 : 50))
        },
        BenchmarkExperiment(
            name: "realtime", title: "wake-up latencies of a control loop and of a thread in Linux",
            seconds: (120, 900)
        ) { run in
            let benchmark = RealtimeBenchmark(workspace: run.workspace, periods: run.isQuick ? 1000 : 10_000)
            var result = try benchmark.run(timeout: .seconds(3600))
            result.bare = try benchmark.runBare(timeout: .seconds(3600))
            return result.rows
        },
        BenchmarkExperiment(
            name: "disk", title: "instructions of one request of a machine's disk", seconds: (180, 300)
        ) { run in
            let benchmark = RequestBenchmark(
                workspace: run.workspace, count: run.isQuick ? 200 : 1000, timeout: .seconds(1800))
            var report = RequestReport(costs: [:])
            for subject in RequestBenchmark.Subject.allCases {
                report.costs[subject] = try benchmark.costs(of: subject)
            }
            return report.rows
        },
        BenchmarkExperiment(
            name: "fio", title: "instructions of Debian's fio in a machine, on the bare board and under KVM",
            seconds: (400, 400)
        ) { run in
            let benchmark = FioBenchmark(workspace: run.workspace, timeout: .seconds(1800))
            var costs = FioCosts()
            for subject in FioBenchmark.Subject.allCases { costs.costs[subject] = try benchmark.costs(of: subject) }
            return costs.rows
        },
        BenchmarkExperiment(
            name: "debian-boot", title: "instructions of the start of a whole Debian from its disk",
            seconds: (300, 300)
        ) { run in
            let benchmark = DebianBootBenchmark(workspace: run.workspace, timeout: .seconds(1800))
            var report = DebianBootReport()
            for subject in DebianBootBenchmark.Subject.allCases {
                report.add(try benchmark.instructions(of: subject), of: subject)
            }
            return report.rows
        },
        BenchmarkExperiment(
            name: "snapshots", title: "instructions of snapshots and clones of a running machine's disk",
            seconds: (100, 300)
        ) { run in
            let benchmark = SnapshotBenchmark(
                workspace: run.workspace, count: run.isQuick ? 200 : 1000, timeout: .seconds(1800))
            var report = SnapshotReport()
            for mebibytes in run.isQuick ? [4, 128] : [16, 1024] {
                report.results.append((mebibytes, try benchmark.result(written: mebibytes)))
            }
            return report.rows
        },
        BenchmarkExperiment(
            name: "entries", title: "instructions of each entry into the kernel", seconds: (300, 300)
        ) { run in
            let folder = run.workspace.state.appendingPathComponent("entries-\(UUID().uuidString)")
            defer { try? FileManager.default.removeItem(at: folder) }
            setenv(EntryCounter.variable, folder.path, 1)
            defer { unsetenv(EntryCounter.variable) }
            try EntryCampaign(workspace: run.workspace).run()
            return try EntryRecords(folder: folder).rows
        },
    ]
}
