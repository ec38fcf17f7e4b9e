import Foundation

/// The costs of snapshots of disks with different contents, as rows.
struct SnapshotReport {
    /// The results by the MiB that were written before, in their order.
    var results: [(mebibytes: Int, result: SnapshotBenchmark.Result)] = []

    var rows: [BenchRow] {
        results.flatMap { mebibytes, result in
            SnapshotBenchmark.Step.allCases.flatMap { rows("disk.snapshots.\(mebibytes)MiB", $0, result) }
        } + comparisons
    }

    /// Returns the instructions of a step and of its parts. The guest does nothing but wait during an order.
    private func rows(
        _ prefix: String, _ step: SnapshotBenchmark.Step, _ result: SnapshotBenchmark.Result
    ) -> [BenchRow] {
        guard let cost = result.costs[step] else { return [] }
        let name = "\(prefix).\(step.rawValue)"
        let parts = cost.parts.filter { !step.isOrder || $0.name != RequestCost.guest }
        var rows = [BenchRow(name, parts.reduce(0) { $0 + $1.instructions })]
        rows += parts.map { BenchRow("\(name).\($0.name)", $0.instructions) }
        if let time = result.times[step] {
            rows.append(BenchRow("\(name).time", (time / .milliseconds(1)), unit: "ms of the host"))
        }
        return rows
    }

    /// The ratios that the snapshots' constant time promises.
    private var comparisons: [BenchRow] {
        let chains = results.compactMap { mebibytes, result -> BenchRow? in
            guard let chain = result.costs[.readOfChain]?.total, let read = result.costs[.read]?.total else {
                return nil
            }
            return BenchRow("disk.snapshots.\(mebibytes)MiB.read-chain/read", chain / read, unit: "ratio")
        }
        guard results.count > 1, let first = results.first, let last = results.last else { return chains }
        return chains
            + SnapshotBenchmark.Step.allCases.filter(\.isOrder).compactMap { step in
                guard let less = first.result.costs[step]?["Storage"], let more = last.result.costs[step]?["Storage"],
                    less > 0
                else { return nil }
                let name = "disk.snapshots.\(step.rawValue).Storage.\(last.mebibytes)MiB/\(first.mebibytes)MiB"
                return BenchRow(name, more / less, unit: "ratio")
            }
    }
}
