import ABI
@_spi(Kernel) import Entente
import Supervision

/// Executes the plan: the whole plan at the start, and a tenant's part after its death. Root then revokes everything
/// that the tenant owned, and executes that part again, with the edges that the tenant shares with living ones.
struct PlanExecutor: ~Copyable {
    var memory: Memory
    var tenants: FixedTable<TenantState>
    /// The source of the seeds for each life of each tenant.
    var random: RandomSource
    /// True until the tenants run. An edge that fails until then is a fault of the plan.
    private(set) var isStarting = true

    /// - Parameter memory: has room for the tenants' states at `address`.
    init(_ memory: consuming Memory, tenantsAt address: UInt64) {
        self.memory = memory
        // SAFETY: written once, before root does anything else; root has one thread.
        random = RandomSource(seed: unsafe BootPlan.seed)
        tenants = FixedTable(at: UInt(address), count: BootPlan.tenantCount, repeating: TenantState())
    }

    /// Builds everything up to the point at which the tenants can start.
    mutating func build() {
        // The first node and the first edge are the memory that this executor uses.
        for index in BootPlan.lastingNodes.dropFirst() { memory.create(BootPlan.node(index), isFirst: true) }
        for index in BootPlan.systemEdges.dropFirst() { execute(index) }
        for tenant in 0..<BootPlan.tenantCount { construct(tenant) }
        for index in BootPlan.sharedEdges { execute(index) }
        memory.settle()
        isStarting = false
    }

    /// Makes a tenant with everything that is its own. It does not run yet.
    mutating func construct(_ tenant: Int) {
        let record = BootPlan.tenant(tenant)
        for index in record.nodes { memory.create(BootPlan.node(index), isFirst: tenants[tenant].deaths == 0) }
        tenants[tenant].isAlive = true
        for index in record.edges { execute(index) }
    }

    /// Executes the edges that the tenant shares with living ones. A dead tenant's edges follow when it restarts.
    mutating func connect(_ tenant: Int) {
        let owner = PlanOwner.tenant(tenant)
        for index in BootPlan.sharedEdges {
            let edge = BootPlan.edge(index)
            if edge.owner == owner || edge.peer == owner, isAlive(edge.owner), isAlive(edge.peer) { execute(index) }
        }
    }

    func start(_ tenant: Int) {
        for index in BootPlan.tenant(tenant).edges {
            let edge = BootPlan.edge(index)
            guard edge.kind == PlanEdgeKind.start.rawValue else { continue }
            require(contextControl(edge[0], .start), "cannot start a context")
        }
    }

    /// Destroys a tenant, with all that others have of it. Its memory and root's slots remain for its next life.
    mutating func tearDown(_ tenant: Int) {
        let record = BootPlan.tenant(tenant)
        tenants[tenant].isAlive = false
        // Scheduling contexts and contexts go first, so that nothing of the tenant runs while root removes the rest.
        takeBack(UInt32(record.objects), .descendants)
        takeBack(UInt32(record.pages), .descendants)
        // These slots hold things that are not made of the tenant's regions, such as mappings of the image.
        for slot in record.slots { takeBack(slot, .delete) }
        tenants[tenant].deaths += 1
        tenants[tenant].reportedOverruns = 0
        for index in record.edges {
            let edge = BootPlan.edge(index)
            if edge.kind == PlanEdgeKind.lives.rawValue, edge.words[2] != 0 { execute(index) }
        }
    }

    private func isAlive(_ owner: UInt64) -> Bool {
        owner == PlanOwner.system || tenants[Int(owner) - 1].isAlive
    }

    /// Executes an edge whose ends exist.
    private mutating func execute(_ index: Int) {
        let edge = BootPlan.edge(index)
        let status = perform(edge)
        if status == .ok { return }
        // A living tenant may have filled the slot, or used up its space's doorbells. It then goes without this edge.
        if isStarting || edge.owner == edge.peer { fail("cannot execute an edge of the plan", status) }
        guard status == .occupied || status == .noMemory else {
            return log("root: an edge of \(name: name(edge.owner)) failed with status \(status.rawValue)")
        }
        let what: LogText =
            edge.kind == PlanEdgeKind.capability.rawValue
            ? "filled slot \(edge.words[2]) of its table" : "used up its doorbells"
        log("taken: \(name: name(edge.owner)) has \(what); a part of its plan is missing until it restarts")
    }

    private func name(_ owner: UInt64) -> InlineArray<32, UInt8> {
        owner == PlanOwner.system ? InlineArray(repeating: 0) : BootPlan.tenant(Int(owner) - 1).name
    }
}

/// The state of a tenant that root keeps beside the plan.
struct TenantState {
    var isAlive = false
    var deaths: UInt64 = 0
    /// The number of overruns of its main thread's budget in this life that root has reported.
    var reportedOverruns: UInt64 = 0
}
