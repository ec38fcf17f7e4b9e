import ABI

@testable import KernelCore

/// One step of a script. It is concrete, so that a script keeps its meaning when other steps are left out.
enum ModelStep: CustomStringConvertible {
    /// The current context of the core performs this, if it is root or if it is not.
    case operate(Int, Request, byRoot: Bool)
    /// The core takes its interrupts.
    case interrupts(Int)
    case advance(UInt64)
    /// A device raises bits of a tenant's notification, or of root's, on a core.
    case raise(Int, UInt32, UInt64)
    /// A tenant fills its memory with words of its own.
    case fill(UInt32, UInt64)
    /// A tenant writes a word of its message page.
    case write(UInt32, Int, UInt64)

    var description: String {
        switch self {
        case .operate(let core, let request, let isRoot):
            let words = request.words.map { "0x" + String($0, radix: 16) }.joined(separator: ", ")
            let name = Operation(rawValue: request.operation).map { "\($0)" } ?? "?"
            return ".operate(\(core), Request(operation: \(request.operation), selector: Selector(slot: "
                + "\(request.selector.slot), form: \(request.selector.form)), words: [\(words)]), byRoot: \(isRoot)),  // \(name)"
        case .interrupts(let core): return ".interrupts(\(core)),"
        case .advance(let ticks): return ".advance(\(ticks)),"
        case .raise(let core, let slot, let bits): return ".raise(\(core), \(slot), \(bits)),"
        case .fill(let slot, let value): return ".fill(\(slot), \(value)),"
        case .write(let slot, let index, let value): return ".write(\(slot), \(index), 0x\(String(value, radix: 16))),"
        }
    }
}

/// The slots of things in root's table and in each tenant's.
enum ModelSlots {
    static let tenants = 6
    static let cores = 2
    /// The notification by which root is told to act.
    static let rootNotification: UInt32 = 40
    /// Returns the first slot of tenant N in root's table.
    static func base(_ tenant: Int) -> UInt32 { 50 + 20 * UInt32(tenant) }
    static let region: UInt32 = 0, table: UInt32 = 1, space: UInt32 = 2, thread: UInt32 = 3, time: UInt32 = 4
    static let notification: UInt32 = 5, portal: UInt32 = 6, extent: UInt32 = 7, page: UInt32 = 8
    /// The slots for root's random operations.
    static let rootFree: Range<UInt32> = 170..<200
    /// The size of the used part of root's table.
    static let rootLimit = 210

    /// The size of a tenant's own table: the capabilities that it was given, and then those that it makes.
    static let tableCount: UInt64 = 48
    static let portals: UInt32 = 8, notifications: UInt32 = 14, neighbour: UInt32 = 20, ownPage: UInt32 = 21
    static let tenantFree: Range<UInt32> = 22..<46
}

/// The operations of root that complete a tenant from its remains, and tell the others of it.
struct ModelTenantPlan {
    let tenant: Int
    private var steps: [Request] = []

    static func steps(_ tenant: Int, hasRegion: Bool) -> [Request] {
        var plan = ModelTenantPlan(tenant: tenant)
        plan.makeObjects(hasRegion: hasRegion)
        plan.fillTable()
        plan.configure()
        return plan.steps
    }

    private init(tenant: Int) { self.tenant = tenant }

    private func own(_ part: UInt32) -> UInt32 { ModelSlots.base(tenant) + part }
    private mutating func add(_ operation: Operation, _ slot: UInt32, form: UInt32 = 0, _ words: UInt64...) {
        steps.append(
            Request(
                operation: operation.rawValue, selector: Selector(slot: slot, form: form),
                words: words + Array(repeating: 0, count: 6 - words.count)))
    }
    private mutating func create(
        _ kind: ObjectKind, _ part: UInt32, _ parameter: UInt64 = 0, from region: UInt32? = nil
    ) {
        add(
            .create, region ?? own(ModelSlots.region), form: UInt32(kind.rawValue), parameter, UInt64(own(part)),
            kind == .extent ? 4096 : 0)
    }

    private mutating func makeObjects(hasRegion: Bool) {
        if !hasRegion { create(.region, ModelSlots.region, 256 << 10, from: RootSlot.firstRegion) }
        create(.capabilityTable, ModelSlots.table, ModelSlots.tableCount)
        create(.addressSpace, ModelSlots.space, 8)
        create(.thread, ModelSlots.thread)
        create(.schedulingContext, ModelSlots.time)
        create(.notification, ModelSlots.notification)
        create(.portal, ModelSlots.portal)
        create(.extent, ModelSlots.extent, 8 * 4096)
        create(.extent, ModelSlots.page, 4096)
    }

    private mutating func give(_ source: UInt32, _ slot: UInt32, rights: UInt64 = 15, to table: UInt32? = nil) {
        add(.derive, source, UInt64(table ?? own(ModelSlots.table)), UInt64(slot), rights)
    }

    private mutating func fillTable() {
        let parts = [
            ModelSlots.table, ModelSlots.space, ModelSlots.thread, ModelSlots.notification, ModelSlots.region,
            ModelSlots.extent, ModelSlots.time,
        ]
        for (index, part) in parts.enumerated() { give(own(part), UInt32(index + 1)) }
        for other in 0..<ModelSlots.tenants {
            let base = ModelSlots.base(other), number = UInt32(other)
            give(base + ModelSlots.portal, ModelSlots.portals + number)
            give(base + ModelSlots.notification, ModelSlots.notifications + number, rights: UInt64(2 + 8 * (other & 1)))
            // The others may have lost their capabilities with this one's former life.
            give(own(ModelSlots.portal), ModelSlots.portals + UInt32(tenant), to: base + ModelSlots.table)
            give(
                own(ModelSlots.notification), ModelSlots.notifications + UInt32(tenant), rights: 10,
                to: base + ModelSlots.table)
        }
        give(
            ModelSlots.base((tenant + 1) % ModelSlots.tenants) + ModelSlots.table, ModelSlots.neighbour, rights: 2)
        give(own(ModelSlots.page), ModelSlots.ownPage)
    }

    /// Returns requests that restore capabilities which the tenant may have given away or deleted. Most of them still
    /// exist.
    static func refill(_ tenant: Int) -> [Request] {
        var plan = ModelTenantPlan(tenant: tenant)
        plan.fillTable()
        return plan.steps
    }

    private mutating func configure() {
        let core = UInt64(tenant % ModelSlots.cores)
        add(
            .scheduleControl, own(ModelSlots.time), form: ScheduleControl.configure.rawValue, core,
            UInt64(10 + tenant / 2),
            1000, tenant == 3 ? 700 : 0, 2000)
        add(
            .contextControl, own(ModelSlots.thread), form: ContextControl.configure.rawValue,
            UInt64(own(ModelSlots.space)),
            UInt64(own(ModelSlots.table)), 0, UInt64(own(ModelSlots.time)), core)
        add(
            .contextControl, own(ModelSlots.thread), form: ContextControl.bindPortal.rawValue,
            UInt64(own(ModelSlots.portal)))
        add(
            .notificationBind, own(ModelSlots.notification), form: NotificationBind.thread.rawValue,
            UInt64(own(ModelSlots.thread)))
        add(
            .contextControl, own(ModelSlots.thread), form: ContextControl.setMessagePage.rawValue,
            UInt64(own(ModelSlots.page)))
        add(.map, own(ModelSlots.space), UInt64(own(ModelSlots.extent)), 0, 0, 4 * 4096, 3, UInt64(own(9)))
        add(.contextControl, own(ModelSlots.thread), form: ContextControl.start.rawValue)
    }
}
