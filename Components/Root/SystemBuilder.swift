import ABI
import Entente

/// Builds every tenant of the image's table: the console driver first, because all others get a console from it.
struct SystemBuilder {
    var memory = Memory()
    /// Root's fault portal on each core.
    var faultPortals = InlineArray<8, UInt32>(repeating: 0)
    /// The console driver's notification, for its clients; and its space and table.
    var consoleNotification: UInt32 = 0
    var consoleSpace: UInt32 = 0
    var consoleTable: UInt32 = 0

    mutating func build() {
        buildRootThreads()
        guard BootTable.tenantCount > 0 else { fail("the image holds no tenant", .badArgument) }
        var tenants = InlineArray<64, TenantHandles>(repeating: TenantHandles())
        for index in 0..<min(BootTable.tenantCount, ConsoleChannel.maximum - 2) {
            tenants[index] = buildTenant(index)
        }
        connectPeers(tenants)
        connectServers(tenants)
        memory.settle()
        rootConsole.withLock { console in
            memory.account.write(to: console)
            console.beginLine()
            console.write("root: starting ")
            console.write(decimal: UInt64(BootTable.tenantCount))
            console.write(" tenants on ")
            console.write(decimal: BootTable.coreCount)
            console.write(" cores\n")
            console.flush()
        }
        for index in 0..<min(BootTable.tenantCount, ConsoleChannel.maximum - 2) { start(tenants[index]) }
    }

    /// The machines that wake one another.
    private mutating func connectPeers(_ tenants: borrowing InlineArray<64, TenantHandles>) {
        for index in 0..<min(BootTable.tenantCount, ConsoleChannel.maximum - 2) {
            let machine = BootTable.tenant(index).machine
            if machine.eventPeer == 0 { continue }
            connectPeer(tenants[index], tenants[Int(machine.eventPeer) - 1])
        }
    }

    /// A thread of root's on every core, with a fault portal.
    private mutating func buildRootThreads() {
        faultPortals[0] = memory.create(.portal, UInt64(InitialSlot.thread))
        for core in 1..<max(BootTable.coreCount, 1) {
            let thread = memory.create(.thread)
            let scheduling = buildScheduling(core: core, priority: 30)
            configure(thread, space: InitialSlot.space, table: InitialSlot.table, portal: 0, scheduling, core)
            let stackTop = ComponentLayout.stackTop - core * ComponentLayout.stackStride
            let stack = memory.create(.extent, BootTable.header.root.stackSize)
            map(
                InitialSlot.space, stack, stackTop - BootTable.header.root.stackSize,
                size: BootTable.header.root.stackSize, .readWrite)
            setEntry(thread, BootTable.header.root.entry, stackTop, number: core, core: core)
            faultPortals[Int(core)] = memory.create(.portal, UInt64(thread))
            contextControl(thread, .start)
        }
    }

    mutating func buildScheduling(core: UInt64, priority: UInt64) -> UInt32 {
        let scheduling = memory.create(.schedulingContext)
        let answer = invoke(
            .scheduleControl, Selector(slot: scheduling, form: ScheduleControl.configure.rawValue),
            Words(core, priority, Clock.frequency / 100))
        if answer.status != .ok { fail("cannot configure a scheduling context", answer.status) }
        return scheduling
    }

    func configure(
        _ context: UInt32, space: UInt32, table: UInt32, portal: UInt32, _ scheduling: UInt32, _ core: UInt64
    ) {
        let answer = contextControl(
            context, .configure, Words(UInt64(space), UInt64(table), UInt64(portal), UInt64(scheduling), core))
        if answer.status != .ok { fail("cannot configure a context", answer.status) }
    }

    func setEntry(_ thread: UInt32, _ entry: UInt64, _ stackTop: UInt64, number: UInt64, core: UInt64) {
        writeRegisters(thread, first: 0, count: 2, number, core)
        writeRegisters(thread, first: RegisterNumber.stackPointer, count: 2, stackTop, entry)
    }

    private func start(_ tenant: TenantHandles) {
        for number in 0..<tenant.threadCount {
            let answer = contextControl(tenant.threads[number], .start)
            if answer.status != .ok { fail("cannot start a thread", answer.status) }
        }
    }
}

/// Root's slots of what a tenant is made of.
struct TenantHandles {
    var table: UInt32 = 0
    var space: UInt32 = 0
    var notification: UInt32 = 0
    var threads = InlineArray<8, UInt32>(repeating: 0)
    var threadCount = 0
    /// Of a machine.
    var machineSpace: UInt32 = 0
    var firstVirtualCPU: UInt32 = 0
}
