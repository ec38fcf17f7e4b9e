import ABI
import Entente
import Supervision

extension Supervisor {
    /// Writes `overrun: reader has used up its budget 8 times` for the first overrun and after each doubling.
    ///
    /// The query also lets the kernel report the next overrun.
    mutating func reportOverruns() {
        overruns.begin(at: Clock.now)
        for tenant in 0..<BootPlan.tenantCount where executor.tenants[tenant].isAlive {
            for index in BootPlan.tenant(tenant).edges {
                let edge = BootPlan.edge(index)
                if edge.kind == PlanEdgeKind.overrun.rawValue { reportOverruns(of: tenant, edge[0]) }
            }
        }
    }

    private mutating func reportOverruns(of tenant: Int, _ time: UInt32) {
        let count = scheduleControl(time, .timeUsed).words.w1
        guard count != 0, count >= 2 * executor.tenants[tenant].reportedOverruns else { return }
        executor.tenants[tenant].reportedOverruns = count
        log("overrun: \(name: BootPlan.tenant(tenant).name) has used up its budget \(count) times")
    }
}
