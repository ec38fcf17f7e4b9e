/// The tenants that each tenant can use, or be used by, through chains of calls and signals.
///
/// The rules of time ask for them once for each pair of a victim and a more urgent time. They are found once here,
/// because a system with a hundred tenants has ten thousand such pairs.
struct HarmRelations {
    /// For each tenant, those that run on its time, because it calls them, directly or through others.
    private(set) var servers: [[Int]] = []
    /// For each tenant, those on whose time it runs, because they call it, directly or through others.
    private(set) var callers: [[Int]] = []
    /// For each tenant, those that can wake it, directly, or through tenants that they ring or call, or that call them
    /// and ring for each answer.
    private(set) var wakers: [[Int]] = []

    init() {}

    init(_ plan: Plan, calls: [(client: Int, server: Int)], wakes: [(sender: Int, receiver: Int)]) {
        let none = plan.tenants.indices.map { _ in Set<Int>() }
        var (called, calling, senders) = (none, none, none)
        for call in calls {
            called[call.client].insert(call.server)
            calling[call.server].insert(call.client)
        }
        for wake in wakes { senders[wake.receiver].insert(wake.sender) }
        servers = plan.tenants.indices.map { start in Self.reach(from: called[start], except: start) { called[$0] } }
        callers = plan.tenants.indices.map { start in Self.reach(from: calling[start], except: start) { calling[$0] } }
        wakers = plan.tenants.indices.map { receiver in
            Self.reach(from: senders[receiver], except: receiver) { sender in
                // The console driver wakes its clients only when it looks, at most once in a millisecond.
                plan.tenants[sender].kind == .consoleDriver
                    ? [] : senders[sender].union(calling[sender]).union(called[sender])
            }
        }
    }

    /// Returns `first` and all tenants that follow from it, without `start`, in the order of their indices.
    private static func reach(from first: Set<Int>, except start: Int, _ next: (Int) -> Set<Int>) -> [Int] {
        var found: Set<Int> = []
        var rest = Array(first)
        while let tenant = rest.popLast() {
            guard tenant != start, found.insert(tenant).inserted else { continue }
            rest += next(tenant)
        }
        return found.sorted()
    }
}
