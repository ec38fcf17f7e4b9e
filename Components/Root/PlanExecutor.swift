import ABI
import Entente
import Supervision

/// Executes the plan. The first time all of it; when a tenant dies, root takes back what the tenant owned; when it
/// starts again, root executes the tenant's part, and the edges that it shares with those who live.
struct PlanExecutor: ~Copyable {
    var memory: Memory
    var tenants: FixedTable<TenantState>
    /// Seeds the random numbers of each life of each tenant.
    var random: RandomSource
    /// Nobody runs yet: an edge that fails is a fault of the plan.
    private(set) var isStarting = true

    /// - Parameter memory: has room for the tenants' states at `address`.
    init(_ memory: consuming Memory, tenantsAt address: UInt64) {
        self.memory = memory
        // SAFETY: written once, before root does anything else; root has one thread.
        random = RandomSource(seed: unsafe BootPlan.seed)
        tenants = FixedTable(at: UInt(address), count: BootPlan.tenantCount, repeating: TenantState())
    }

    /// Everything up to the point at which the tenants can start.
    mutating func build() {
        // The first of both is the memory that this executor uses.
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

    /// Binds what the tenant shares with others who live. A dead tenant is bound when it comes back.
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

    /// Destroys a tenant, with all that others have of it. Its memory and root's slots wait for its next life.
    mutating func tearDown(_ tenant: Int) {
        let record = BootPlan.tenant(tenant)
        tenants[tenant].isAlive = false
        // Time and contexts first: nothing runs any more while the rest goes.
        takeBack(UInt32(record.objects), .descendants)
        takeBack(UInt32(record.pages), .descendants)
        // The slots of things that are not made of its regions, such as mappings of the image.
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

    /// Executes an edge whose ends are there.
    private mutating func execute(_ index: Int) {
        let edge = BootPlan.edge(index)
        let status = perform(edge)
        if status == .ok { return }
        // A tenant that lives may have filled the slot, or used up its space's doorbells: then it goes without.
        if isStarting || edge.owner == edge.peer { fail("cannot execute an edge of the plan", status) }
        guard status == .occupied || status == .noMemory else {
            return log("root: an edge of \(name: name(edge.owner)) failed with status \(status.rawValue)")
        }
        let what: LogText =
            edge.kind == PlanEdgeKind.capability.rawValue
            ? "filled slot \(edge.words[2]) of its table" : "used up its doorbells"
        log("taken: \(name: name(edge.owner)) has \(what); what belongs there is missing until it restarts")
    }

    private func name(_ owner: UInt64) -> InlineArray<32, UInt8> {
        owner == PlanOwner.system ? InlineArray(repeating: 0) : BootPlan.tenant(Int(owner) - 1).name
    }
}

/// The state of a tenant that root keeps beside the plan.
struct TenantState {
    var isAlive = false
    var deaths: UInt64 = 0
    /// The overruns of its main thread's budget in this life that were reported.
    var reportedOverruns: UInt64 = 0
}
