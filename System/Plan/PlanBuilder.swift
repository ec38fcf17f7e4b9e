import ABI
import Foundation

/// Makes the plan of a system. Each feature of a manifest is a rule, in a file of its own, that adds nodes, edges and
/// resources. No other part of the project chooses slots, sizes or addresses.
struct PlanBuilder {
    let board: Board
    /// The image's physical address modulo 2 MiB.
    let imageResidue: UInt64
    let tenants: [Tenant]
    let groups: [GroupDescription]
    let sharedMemory: [SharedMemoryDescription]
    let disks: SystemDisks
    var contents: ImageContents
    var plan = Plan()
    /// The nodes that the kernel has made.
    private(set) var root = RootNodes()
    /// The use that each tenant has made of its private memory, the slots of its table, and its addresses.
    var usage: [TenantUsage]
    /// The tenants of the capabilities in root's own table.
    var rootCapabilities: [Int] = []
    /// The ranges of spaces that monitors and pagers map later, without root.
    var reservations: [Plan.NodeID: [MappedRange]] = [:]

    struct RootNodes {
        var table = 0, space = 0, thread = 0, devices = 0, image = 0, notification = 0, console = 0
    }

    init(
        board: Board, imageResidue: UInt64, tenants: [Tenant], groups: [GroupDescription], onFailure: OnFailure,
        sharedMemory: [SharedMemoryDescription], disks: SystemDisks, contents: ImageContents
    ) {
        (self.board, self.imageResidue, self.tenants) = (board, imageResidue, tenants)
        (self.groups, self.sharedMemory, self.disks, self.contents) = (groups, sharedMemory, disks, contents)
        usage = tenants.map { _ in TenantUsage() }
        (plan.groups, plan.onFailure) = (groups, onFailure)
    }

    /// Returns the plan, with the contents that it puts into the image.
    mutating func build() throws(Failure) -> Plan {
        addRoot()
        try checkDevices()
        for index in tenants.indices {
            addTenant(index)
            addMachineNodes(index)
        }
        addRootConsole()
        for index in tenants.indices {
            addProgram(index)
            addConsole(index)
            addCalls(index)
            addPaging(index)
            if tenants[index].machine != nil { addMachine(index) }
            addDevices(index)
        }
        // These rules bind to parts of other tenants, which must be configured by then.
        for index in tenants.indices { addEvents(index) }
        addSharedMemory()
        addDisks()
        for index in tenants.indices { addConfiguration(index) }
        for index in tenants.indices { setSizes(index) }
        try assignRootSlots()
        return plan
    }

    // MARK: Nodes and edges

    @discardableResult
    mutating func add(_ node: Plan.Node) -> Plan.NodeID {
        plan.nodes.append(node)
        return plan.nodes.count - 1
    }

    /// Adds an object of a tenant's life, or one that outlives it.
    mutating func add(
        _ kind: ObjectKind, _ name: String, of tenant: Int, _ parameter: UInt64 = 0, lasts: Bool = false,
        alignment: UInt64 = 4096
    ) -> Plan.NodeID {
        let parts = plan.tenants[tenant].parts
        let isPages = kind == .extent || kind == .addressSpace
        return add(
            Plan.Node(
                name: "\(tenants[tenant].name)/\(name)", kind: kind, owner: .tenant(tenant), lasts: lasts,
                parameter: parameter, alignment: alignment, region: lasts ? nil : isPages ? parts.pages : parts.objects)
        )
    }

    mutating func add(
        _ action: Plan.Action, _ feature: Plan.Feature, of owner: Plan.Owner, with peer: Plan.Owner? = nil
    ) {
        plan.edges.append(Plan.Edge(owner: owner, peer: peer == owner ? nil : peer, feature: feature, action: action))
    }

    mutating func add(_ action: Plan.Action, _ feature: Plan.Feature, of tenant: Int, with peer: Int? = nil) {
        add(action, feature, of: .tenant(tenant), with: peer.map { .tenant($0) })
    }

    mutating func add(_ resource: NamedResource, of tenant: Int) { plan.tenants[tenant].resources.append(resource) }

    /// Takes free slots of a tenant's table, and returns the first.
    mutating func slot(of tenant: Int, count: UInt32 = 1) -> UInt32 {
        defer { usage[tenant].nextSlot += count }
        return usage[tenant].nextSlot
    }

    /// Takes free addresses of a tenant's space, with an unmapped page behind them.
    ///
    /// - Parameter residue: the address modulo 2 MiB, for memory that large page-table entries can map.
    mutating func address(of tenant: Int, size: UInt64, residue: UInt64? = nil) -> UInt64 {
        usage[tenant].take(size, residue: residue)
    }

    /// Maps a part of a tenant's private memory at `address`, and returns its offset in the extent.
    mutating func privateMemory(
        of tenant: Int, at address: UInt64, size: UInt64, _ rights: Rights, _ feature: Plan.Feature
    ) -> UInt64 {
        let offset = usage[tenant].privateSize
        usage[tenant].privateSize += size
        let parts = plan.tenants[tenant].parts
        add(
            .map(parts.memory, space: parts.space, address: address, offset: offset, size: size, rights), feature,
            of: tenant)
        return offset
    }

    /// Adds memory that outlives the tenant. The caller maps it by `map`.
    mutating func lastingMemory(_ name: String, of tenant: Int, size: UInt64, alignment: UInt64 = 4096) -> Plan.NodeID {
        add(.extent, name, of: tenant, size, lasts: true, alignment: alignment)
    }

    /// Adds a capability in root's own table, as a part of a context, and returns its slot. `assignSlots` chooses the
    /// final slot.
    mutating func addRootCapability(
        _ source: Plan.NodeID, badge: UInt64, _ feature: Plan.Feature, of tenant: Int
    ) -> UInt32 {
        rootCapabilities.append(tenant)
        let number = Self.provisional + UInt32(rootCapabilities.count - 1)
        add(.capability(source, table: root.table, slot: number, .all, badge: badge), feature, of: tenant)
        return number
    }

    /// The first of the numbers that stand for slots of root until `assignSlots` has chosen them.
    static let provisional: UInt32 = 1 << 24

    // MARK: Root

    /// Adds the nodes that the kernel has made, and root's own memory and notification.
    private mutating func addRoot() {
        func given(_ kind: ObjectKind, _ name: String, _ slot: UInt32) -> Plan.Node {
            Plan.Node(name: "root/\(name)", kind: kind, owner: .system, lasts: true, isGiven: true, slot: slot)
        }
        // Root's state of each part takes less than this.
        let size = UInt64((tenants.count + groups.count) * 256).aligned(to: 4096)
        let state = add(Plan.Node(name: "root/state", kind: .extent, owner: .system, lasts: true, parameter: size))
        root.table = add(given(.capabilityTable, "table", InitialSlot.table))
        root.space = add(given(.addressSpace, "space", InitialSlot.space))
        root.thread = add(given(.thread, "thread", InitialSlot.thread))
        root.devices = add(given(.extent, "devices", RootSlot.devices))
        root.image = add(given(.extent, "image", RootSlot.image))
        root.notification = add(Plan.Node(name: "root/notification", kind: .notification, owner: .system, lasts: true))
        add(
            .map(state, space: root.space, address: ComponentLayout.heap, offset: 0, size: size, .readWrite), .program,
            of: .system)
        add(
            .capability(root.notification, table: root.table, slot: InitialSlot.notification, .all), .program,
            of: .system)
        add(.thread(root.notification, thread: root.thread), .program, of: .system)
    }

    private mutating func addRootConsole() {
        let size = 2 * ConsoleQueue.size
        root.console = add(Plan.Node(name: "root/console", kind: .extent, owner: .system, lasts: true, parameter: size))
        add(
            .map(root.console, space: root.space, address: ComponentLayout.console, offset: 0, size: size, .readWrite),
            .console, of: .system)
    }
}

/// The use that a tenant has made of its slots, memory and addresses.
struct TenantUsage {
    var nextSlot = InitialSlot.firstAssigned
    var privateSize: UInt64 = 0
    var fileAddress: UInt64?
    /// For a machine: the addresses at which its monitor sees its modules, the board's clock, and the regions with
    /// doorbells.
    var modules: [UInt64] = []
    var clock: UInt64 = 0
    var doorbells: UInt64 = 0
    /// The number of interrupts that have bits of its notification.
    var interrupts = 0
    /// The memory for devices, with the index of its resource.
    var dma: [(extent: Plan.NodeID, resource: Int)] = []
    /// The next address for small memory, in a gigabyte that has a page table anyway.
    private var next = ComponentLayout.devices
    /// The next address for memory that is large, or has no room there.
    private var nextHigh = ComponentLayout.assigned

    private static let large: UInt64 = 1 << 21
    /// The first bit for interrupts. The program uses the bits below it, and regions those from
    /// `SharedRegions.firstEvent` on.
    static let firstInterruptBit: UInt64 = 48

    mutating func take(_ size: UInt64, residue: UInt64?) -> UInt64 {
        let isLarge = residue != nil || size >= Self.large || next + size > ComponentLayout.heap
        if !isLarge {
            defer { next += size.aligned(to: 4096) + 4096 }
            return next
        }
        let address = nextHigh + (residue ?? 0)
        nextHigh = (address + size + 4096).aligned(to: Self.large)
        return address
    }
}

extension Rights {
    static let readWrite: Rights = [.read, .write]
}
