import Foundation

/// The costs of requests of all subjects, as a table and as rows.
struct RequestReport {
    var costs: [RequestBenchmark.Subject: [RequestCost]]

    var rows: [BenchRow] {
        RequestBenchmark.tasks.indices.flatMap { index in
            RequestBenchmark.Subject.allCases.flatMap { subject in rows(of: subject, task: index) }
        }
    }

    private func rows(of subject: RequestBenchmark.Subject, task index: Int) -> [BenchRow] {
        guard let all = costs[subject], index < all.count else { return [] }
        let cost = all[index]
        let name = "disk.request.\(RequestBenchmark.tasks[index]).\(subject.rawValue)"
        var rows = [BenchRow(name, cost.total)]
        if subject != .native {
            rows += cost.parts.map { BenchRow("\(name).\($0.name)", $0.instructions) }
            if let native = costs[.native]?[index] { rows.append(BenchRow("\(name).added", cost.total - native.total)) }
            rows += cost.latencies.map { BenchRow("\(name).kernel: \($0.name)", $0.instructions) }
            rows += cost.entries.map { BenchRow("\(name).entries: \($0.kind)", $0.count, unit: "entries") }
        }
        return rows
    }

    /// Returns the rows, and for each task the functions that take most.
    ///
    /// - Parameter top: the number of functions for each task and subject.
    func text(top: Int) -> String {
        var lines = [BenchRow.table(rows)]
        guard top > 0 else { return lines[0] }
        for (index, task) in RequestBenchmark.tasks.enumerated() {
            for subject in RequestBenchmark.Subject.allCases where subject != .native {
                guard let all = costs[subject], index < all.count else { continue }
                let cost = all[index]
                lines.append("\n\(task), \(subject.rawValue): the functions with the most instructions for one request")
                lines += cost.functions.prefix(top).map {
                    String(format: "%10.1f  ", $0.instructions) + "\($0.part): \($0.name)"
                }
            }
        }
        return lines.joined(separator: "\n")
    }
}
