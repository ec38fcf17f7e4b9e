import ABI
import Entente
import RuntimeSupport

extension SystemBuilder {
    /// Slots of a tenant's table.
    private static var tableSlots: UInt64 { 160 }

    mutating func buildTenant(_ index: Int) -> TenantHandles {
        let record = BootTable.tenant(index)
        var tenant = TenantHandles()
        tenant.table = memory.create(.capabilityTable, Self.tableSlots)
        tenant.space = memory.create(.addressSpace, Self.pageTables(record))
        derive(tenant.table, into: tenant.table, InitialSlot.table)
        derive(tenant.space, into: tenant.table, InitialSlot.space)
        mapProgram(record.program, tenant.space)
        buildThreads(record, index, &tenant)
        buildNotification(&tenant)
        if index == 0 {
            consoleNotification = tenant.notification
            consoleSpace = tenant.space
            consoleTable = tenant.table
            connectRootConsole()
            grantSerialPort(tenant)
        }
        connectConsole(tenant, client: index + 1)
        if record.heapSize != 0 { mapHeap(record.heapSize, tenant.space) }
        giveMessagePage(tenant)
        if record.kind == TenantKind.machine.rawValue { buildMachine(record, index, &tenant) }
        writeConfiguration(record, index, tenant)
        return tenant
    }

    /// Image, stacks, configuration, console, devices and heap need about ten tables; each GiB of guest RAM one, each module
    /// two for its ends that fill no 2 MiB.
    private static func pageTables(_ record: TenantRecord) -> UInt64 {
        let base = 13 + record.heapSize >> 21 + record.coreSpread
        guard record.kind == TenantKind.machine.rawValue else { return base }
        var modules: UInt64 = 0
        for index in 0..<8 where record.machine.segments[index].size != 0 { modules += 2 }
        return base + record.machine.memory.size >> 30 + 1 + modules
    }

    /// Read-only segments are mapped where they lie in the image; writable ones get RAM of their own.
    private mutating func mapProgram(_ program: ProgramRecord, _ space: UInt32) {
        for index in 0..<4 {
            let segment = program.segments[index]
            if segment.memorySize == 0 { continue }
            let rights = Rights(rawValue: UInt8(truncatingIfNeeded: segment.rights))
            if !rights.contains(.write) {
                map(
                    space, InitialSlot.image, segment.address, offset: segment.offset, size: segment.memorySize, rights)
                continue
            }
            let block = memory.block(segment.memorySize)
            entente_copy_blocks(
                block.address, BootTable.imageAddress + segment.offset, (segment.fileSize + 63) & ~63)
            memory.release(block)
            map(space, block.extent, segment.address, size: segment.memorySize, rights)
        }
    }

    /// A thread on each core that the tenant uses.
    private mutating func buildThreads(_ record: TenantRecord, _ index: Int, _ tenant: inout TenantHandles) {
        // A monitor serves its machine: it is a little more urgent.
        let isMachine = record.kind == TenantKind.machine.rawValue
        let priority = isMachine ? min(record.priority + 1, 31) : record.priority
        for number in 0..<record.coreSpread {
            let core = record.core(of: number)
            let thread = memory.create(.thread)
            let portal = memory.slots.take()
            let badge = FaultBadge(tenant: index, thread: Int(number))
            derive(faultPortals[Int(core)], into: InitialSlot.table, portal, badge: badge.bits)
            let scheduling = buildScheduling(core: core, priority: priority)
            configure(thread, space: tenant.space, table: tenant.table, portal: portal, scheduling, core)
            let stackTop = ComponentLayout.stackTop - number * ComponentLayout.stackStride
            let stack = memory.block(record.program.stackSize)
            memory.release(stack)
            map(tenant.space, stack.extent, stackTop - stack.size, size: stack.size, .readWrite)
            setEntry(thread, record.program.entry, stackTop, number: number, core: core)
            tenant.threads[Int(number)] = thread
            tenant.threadCount = Int(number) + 1
        }
        derive(tenant.threads[0], into: tenant.table, InitialSlot.thread)
    }

    /// The tenant's own notification, on which its first thread waits.
    private mutating func buildNotification(_ tenant: inout TenantHandles) {
        tenant.notification = memory.create(.notification)
        let answer = invoke(
            .notificationBind, Selector(slot: tenant.notification, form: NotificationBind.thread.rawValue),
            Words(UInt64(tenant.threads[0])))
        if answer.status != .ok { fail("cannot bind a notification", answer.status) }
        derive(tenant.notification, into: tenant.table, InitialSlot.notification)
    }

    private mutating func mapHeap(_ size: UInt64, _ space: UInt32) {
        let block = memory.block(size)
        memory.release(block)
        map(space, block.extent, ComponentLayout.heap, size: size, .readWrite)
    }

    // MARK: Consoles

    /// Root's own console: client 0 of the driver.
    private mutating func connectRootConsole() {
        let pages = memory.block(2 * ConsoleRing.size)
        memory.release(pages)
        map(InitialSlot.space, pages.extent, ComponentLayout.console, size: pages.size, .readWrite)
        map(consoleSpace, pages.extent, clientAddress(0), size: pages.size, .readWrite)
        derive(consoleNotification, into: InitialSlot.table, InitialSlot.consoleOutput, rights: .write, badge: 1)
    }

    private mutating func connectConsole(_ tenant: TenantHandles, client: Int) {
        let pages = memory.block(2 * ConsoleRing.size)
        memory.release(pages)
        map(tenant.space, pages.extent, ComponentLayout.console, size: pages.size, .readWrite)
        map(consoleSpace, pages.extent, clientAddress(client), size: pages.size, .readWrite)
        derive(consoleNotification, into: tenant.table, InitialSlot.consoleOutput, rights: .write, badge: 1)
        derive(
            tenant.notification, into: consoleTable, InitialSlot.firstConsoleInput + UInt32(client), rights: .write,
            badge: 1)
    }

    private func clientAddress(_ client: Int) -> UInt64 {
        ComponentLayout.console + UInt64(client + 1) * 2 * ConsoleRing.size
    }

    /// The driver's device registers and interrupt.
    private mutating func grantSerialPort(_ tenant: TenantHandles) {
        let serial = BootTable.header.board.serial
        map(
            tenant.space, InitialSlot.devices, ComponentLayout.devices,
            offset: serial.base - BootTable.header.board.devices.base, size: serial.size, .readWrite)
        let slot = memory.createInterrupt(BootTable.header.board.serialInterrupt)
        derive(slot, into: tenant.table, InitialSlot.firstInterrupt)
    }

    // MARK: Configuration

    private mutating func writeConfiguration(_ record: TenantRecord, _ index: Int, _ tenant: TenantHandles) {
        let page = memory.block(4096)
        // SAFETY: root just mapped the page there, cleared, and it is larger than the structure.
        let configuration = unsafe UnsafeMutablePointer<ComponentConfiguration>(bitPattern: UInt(page.address))
            .unsafelyUnwrapped
        // SAFETY: as above.
        unsafe fill(&configuration.pointee, record, index)
        memory.release(page)
        map(tenant.space, page.extent, ComponentLayout.configuration, size: 4096, .readOnly)
    }

    private func fill(_ configuration: inout ComponentConfiguration, _ record: TenantRecord, _ index: Int) {
        configuration.name = record.name
        configuration.channel = UInt64(index + 2)
        configuration.heapSize = record.heapSize
        configuration.arguments = record.arguments
        configuration.consoleClients = index == 0 ? UInt64(BootTable.tenantCount + 1) : 0
        configuration.cores = coreMask(record)
        fill(&configuration.connections, record)
        if record.kind == TenantKind.machine.rawValue { fill(&configuration.machine, record) }
    }

    private func coreMask(_ record: TenantRecord) -> UInt64 {
        var mask: UInt64 = 0
        for number in 0..<record.coreSpread { mask |= 1 << record.core(of: number) }
        return mask
    }

    /// The monitor's view of its machine: modules are numbered from `ComponentLayout.modules` on.
    private func fill(_ machine: inout MachineConfiguration, _ record: TenantRecord) {
        var segments = record.machine.segments
        var placement = ModulePlacement()
        for index in 0..<8 where segments[index].size != 0 {
            segments[index].offset = placement.place(segments[index]) - ComponentLayout.modules
        }
        var cores = InlineArray<8, UInt64>(repeating: 0)
        for number in 0..<min(record.machine.virtualCPUs, 8) { cores[Int(number)] = record.core(of: number) }
        machine.memory = record.machine.memory
        machine.virtualCPUs = record.machine.virtualCPUs
        machine.entry = record.machine.entry
        machine.argument = record.machine.argument
        machine.restarts = record.machine.restarts
        machine.segments = segments
        machine.cores = cores
    }
}
