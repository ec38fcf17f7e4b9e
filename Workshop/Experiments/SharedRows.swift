/// Rows that several experiments of one session need. The first one measures them.
final class SharedRows {
    private var rows: [String: [BenchRow]] = [:]

    /// Returns the rows of a name, and measures them if nobody has done so before. If that fails, the next one tries
    /// again.
    func rows(_ name: String, _ measure: () throws -> [BenchRow]) rethrows -> [BenchRow] {
        if let known = rows[name] { return known }
        let measured = try measure()
        rows[name] = measured
        return measured
    }
}

extension ExperimentRun {
    /// The rows of `bench primitives`.
    func primitives() throws -> [BenchRow] {
        try shared.rows("primitives") { try PrimitiveBenchmark(workspace: workspace).rows(timeout: .seconds(600)) }
    }

    /// The rows of Xen's hypercalls, events and grants.
    func primitivesOfXen() throws -> [BenchRow] {
        try shared.rows("xen") { try XenPrimitives(workspace: workspace).rows() }
    }
}
