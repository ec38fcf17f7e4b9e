extension ExperimentRun {
    /// The rows of `bench primitives`.
    func primitives() throws -> [BenchRow] {
        try shared.rows("primitives") { try PrimitiveBenchmark(workspace: workspace).rows(timeout: .seconds(600)) }
    }

    /// The rows of Xen's hypercalls, events and grants.
    func primitivesOfXen() throws -> [BenchRow] {
        try shared.rows("xen") { try XenPrimitives(workspace: workspace).rows() }
    }

    /// The rows of requests to the split disk of a guest of Xen.
    func requestsOfXen() throws -> [BenchRow] {
        try shared.rows("xen-disk") { try XenRequests(workspace: workspace).rows() }
    }
}
