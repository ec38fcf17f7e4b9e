import ABI
import Entente
import Supervision

extension SystemBuilder {
    // MARK: Out of the tenant's estate

    /// An object of the tenant's present life; its capability's slot.
    mutating func create(_ kind: ObjectKind, _ parameter: UInt64 = 0, for index: Int) -> UInt32 {
        let slot = takeSlot(for: index)
        let region = tenants[index].estate?.region(for: kind) ?? 0
        let answer = Root.create(kind, parameter, of: region, in: slot)
        require(answer, "a tenant's memory does not suffice for its parts")
        if tenants[index].lives == 0 { memory.account.addOfEstate(kind, parameter, taken: answer.words.w0) }
        return slot
    }

    mutating func takeSlot(for index: Int) -> UInt32 { tenants[index].estate?.slots.take() ?? 0 }

    /// RAM, cleared. What has been used before, the kernel clears.
    mutating func clearedExtent(_ size: UInt64, for index: Int) -> UInt32 {
        let extent = create(.extent, size, for: index)
        if tenants[index].lives == 0 { memory.clear(extent, size: size) }
        return extent
    }

    /// Maps an extent into the tenant's own space.
    mutating func mapOwn(
        _ index: Int, _ extent: UInt32, _ address: UInt64, offset: UInt64 = 0, size: UInt64, _ rights: Rights
    ) {
        let slot = takeSlot(for: index)
        map(tenants[index].space, extent, address, offset: offset, size: size, rights, in: slot)
    }

    // MARK: The program

    /// Table, space, program, threads, notification and heap.
    mutating func buildProgram(_ record: TenantRecord, _ index: Int) {
        let table = create(.capabilityTable, SystemBuilder.tableSlots, for: index)
        let space = create(.addressSpace, record.pageTables, for: index)
        tenants[index].table = table
        tenants[index].space = space
        derive(table, into: table, InitialSlot.table)
        derive(space, into: table, InitialSlot.space)
        mapProgram(record.program, index)
        buildThreads(record, index)
        giveMessagePage(index)
        buildNotification(index)
        mapOwn(
            index, tenants[index].console, ComponentLayout.console, size: 2 * ConsoleRing.size, .readWrite)
        guard record.heapSize != 0 else { return }
        let heap = clearedExtent(record.heapSize, for: index)
        tenants[index].heap = heap
        mapOwn(index, heap, ComponentLayout.heap, size: record.heapSize, .readWrite)
    }

    /// Read-only segments are mapped where they lie in the image; writable ones get RAM of their own.
    private mutating func mapProgram(_ program: ProgramRecord, _ index: Int) {
        for number in 0..<4 {
            let segment = program.segments[number]
            if segment.memorySize == 0 { continue }
            let rights = Rights(rawValue: UInt8(truncatingIfNeeded: segment.rights))
            if !rights.contains(.write) {
                mapOwn(
                    index, InitialSlot.image, segment.address, offset: segment.offset, size: segment.memorySize, rights)
                continue
            }
            let copy = clearedExtent(segment.memorySize, for: index)
            memory.copy(imageOffset: segment.offset, size: segment.fileSize, to: copy)
            mapOwn(index, copy, segment.address, size: segment.memorySize, rights)
        }
    }

    /// A thread on each core that the tenant uses.
    private mutating func buildThreads(_ record: TenantRecord, _ index: Int) {
        // A monitor serves its machine: it is a little more urgent.
        let isMachine = record.kind == TenantKind.machine.rawValue
        let priority = isMachine ? min(record.priority + 1, 31) : record.priority
        for number in 0..<record.coreSpread { buildThread(number, record, index, priority: priority) }
        let main = tenants[index].threads[0]
        // No `manage`: a thread that could stop itself, or have somebody else told of its end, would stay dead. The
        // console driver, which root trusts, binds its thread to its calls and to its clock in turn.
        let isDriver = record.kind == TenantKind.consoleDriver.rawValue
        derive(main, into: tenants[index].table, InitialSlot.thread, rights: isDriver ? .all : .write)
        require(
            contextControl(main, .bindPortal, Words(UInt64(tenants[index].portal))), "cannot bind a portal to its thread")
    }

    private mutating func buildThread(_ number: UInt64, _ record: TenantRecord, _ index: Int, priority: UInt64) {
        let core = record.core(of: number)
        let thread = create(.thread, for: index)
        let scheduling = create(.schedulingContext, for: index)
        configureTime(scheduling, core: core, priority: priority, allowance: record.allowance)
        // The console driver uses up its budget whenever much is printed: to report that would print more.
        if record.allowance != .unlimited, index != SystemBuilder.consoleDriver { watchTime(scheduling, of: index) }
        let portal = faultPortal(of: index, thread: Int(number))
        let tenant = tenants[index]
        configure(thread, space: tenant.space, table: tenant.table, portal: portal, scheduling, core)
        require(
            contextControl(thread, .bindStopped, Words(UInt64(notification), SupervisorEvent.death)),
            "cannot bind the end of a thread")
        let stackTop = ComponentLayout.stackTop - number * ComponentLayout.stackStride
        let stack = clearedExtent(record.program.stackSize, for: index)
        mapOwn(index, stack, stackTop - record.program.stackSize, size: record.program.stackSize, .readWrite)
        setEntry(thread, record.program.entry, stackTop, number: number, core: core)
        tenants[index].threads[Int(number)] = thread
        tenants[index].threadCount = Int(number) + 1
    }

    /// The supervisor hears when the budget runs out.
    private mutating func watchTime(_ scheduling: UInt32, of index: Int) {
        tenants[index].time = scheduling
        require(
            invoke(
                .scheduleControl, Selector(slot: scheduling, form: ScheduleControl.bindOverrun.rawValue),
                Words(UInt64(notification), SupervisorEvent.overrun)), "cannot watch a budget")
    }

    /// The tenant's own notification, on which its first thread waits.
    private mutating func buildNotification(_ index: Int) {
        let slot = create(.notification, for: index)
        require(
            invoke(
                .notificationBind, Selector(slot: slot, form: NotificationBind.thread.rawValue),
                Words(UInt64(tenants[index].threads[0]))), "cannot bind a notification")
        derive(slot, into: tenants[index].table, InitialSlot.notification)
        tenants[index].notification = slot
    }
}
