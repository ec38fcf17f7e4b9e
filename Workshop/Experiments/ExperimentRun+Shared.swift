extension ExperimentRun {
    /// The rows of `bench primitives`.
    func primitives() throws -> [BenchRow] {
        try shared.rows("primitives") { try PrimitiveBenchmark(workspace: workspace).rows(timeout: .seconds(600)) }
    }

    /// The rows of the programs that move data between address spaces, delegate and revoke.
    func transfers() throws -> [BenchRow] {
        try shared.rows("transfers") {
            try BenchSystem(workspace: workspace, path: "debate/ipc.yaml").rows(timeout: .seconds(300))
        }
    }

    /// The rows of checked operations and of bound ones.
    func bindings() throws -> [BenchRow] {
        try shared.rows("bindings") {
            try BenchSystem(workspace: workspace, path: "debate/binding.yaml").rows(timeout: .seconds(300))
        }
    }

    /// The rows of Xen's hypercalls, events and grants.
    func primitivesOfXen() throws -> [BenchRow] {
        defer { noteXen() }
        return try shared.rows("xen") { try XenPrimitives(workspace: workspace).rows() }
    }

    /// The rows of the exits and interrupts of a guest of KVM.
    func primitivesOfKVM() throws -> [BenchRow] {
        note(version: try KVMHost.emulatorVersion(in: workspace), of: "debian-qemu")
        return try shared.rows("kvm") { try KVMPrimitives(workspace: workspace).rows() }
    }

    /// The rows of the trial in which the QEMU of a guest of KVM fails.
    func faultsOfKVM() throws -> [BenchRow] {
        try shared.rows("kvm.faults") { try KVMFaultTrial(workspace: workspace).run().rows }
    }

    /// The rows of requests to the split disk of a guest of Xen.
    func requestsOfXen() throws -> [BenchRow] {
        defer { noteXen() }
        return try shared.rows("xen-disk") { try XenRequests(workspace: workspace).rows() }
    }

    /// Notes the version of Xen, once it is there.
    func noteXen() {
        if let version = XenPackages(workspace: workspace).versionText { note(version: version, of: "xen") }
    }
}
