import ABI
import Foundation

// The parts of every tenant: memory of its own, a table, a space, threads with their time, a notification and a
// portal.
extension PlanBuilder {
    var coreCount: Int { board.coreAffinities.count }

    /// Returns the core of a tenant's thread or virtual CPU of this number.
    func core(_ number: Int, of tenant: Int) -> Int { (tenants[tenant].core + number) % coreCount }

    /// Adds the nodes of a tenant, so that rules can refer to those of any other tenant.
    mutating func addTenant(_ index: Int) {
        let tenant = tenants[index]
        let threadCount = min(tenant.machine?.virtualCPUs ?? 1, coreCount)
        plan.tenants.append(
            TenantPlan(
                name: tenant.name, kind: tenant.kind, priority: tenant.priority, core: tenant.core,
                cores: (0..<threadCount).map { core($0, of: index) }, allowance: tenant.allowance,
                restart: tenant.restart,
                parent: groups.firstIndex { $0.members.contains(tenant.name) }))
        let failures = tenant.machine?.failureActions ?? 0
        plan.tenants[index].hasWatchdog = failures & FailureActions.hasWatchdog != 0
        var parts = TenantPlan.Parts()
        parts.pages = add(.region, "pages", of: index, lasts: true)
        parts.objects = add(.region, "objects", of: index, lasts: true)
        plan.tenants[index].parts = parts
        parts.portal = add(.portal, "portal", of: index, lasts: true)
        parts.console = lastingMemory("console", of: index, size: 2 * ConsoleQueue.size)
        parts.table = add(.capabilityTable, "table", of: index)
        parts.space = add(.addressSpace, "space", of: index)
        parts.memory = add(.extent, "memory", of: index)
        parts.notification = add(.notification, "notification", of: index)
        parts.threads = (0..<threadCount).map { addThread($0, of: index) }
        plan.tenants[index].parts = parts
    }

    private mutating func addThread(_ number: Int, of index: Int) -> Plan.NodeID {
        let suffix = number == 0 ? "" : "\(number)"
        let time = add(.schedulingContext, "time" + suffix, of: index)
        plan.nodes[time].parameter = UInt64(core(number, of: index))
        let thread = add(.thread, "thread" + suffix, of: index)
        let top = ComponentLayout.stackTop - UInt64(number) * ComponentLayout.stackStride
        let size = tenants[index].program.stackSize
        plan.nodes[thread].time = time
        plan.nodes[thread].stack = MemoryRange(base: top - size, size: size)
        plan.nodes[thread].guardBase = top - ComponentLayout.stackStride
        return thread
    }

    mutating func addProgram(_ index: Int) {
        let parts = plan.tenants[index].parts
        add(.capability(parts.table, table: parts.table, slot: InitialSlot.table, .all), .program, of: index)
        add(.capability(parts.space, table: parts.table, slot: InitialSlot.space, .all), .program, of: index)
        addSegments(of: tenants[index].program, index)
        for number in parts.threads.indices { addThread(number, index) }
        // A tenant has no `manage`, because a thread that could stop itself, or redirect the report of its stop,
        // would stay dead. The console driver has it, because it binds its thread to its signals and to its clock in
        // turn.
        let rights: Rights = tenants[index].kind == .consoleDriver ? .all : .write
        add(.capability(parts.threads[0], table: parts.table, slot: InitialSlot.thread, rights), .program, of: index)
        add(.portal(parts.portal, thread: parts.threads[0]), .program, of: index)
        let page = privateMemory(
            of: index, at: ComponentLayout.messagePages, size: MessagePage.size, .readWrite, .program)
        add(.messagePage(thread: parts.threads[0], parts.memory, offset: page), .program, of: index)
        add(.thread(parts.notification, thread: parts.threads[0]), .program, of: index)
        add(
            .capability(parts.notification, table: parts.table, slot: InitialSlot.notification, .all), .program,
            of: index)
        guard heapSize(of: index) > 0 else { return }
        _ = privateMemory(of: index, at: ComponentLayout.heap, size: heapSize(of: index), .readWrite, .program)
    }

    /// Adds a program's segments. Root maps read-only ones from the image, and gives writable ones memory of their
    /// own.
    private mutating func addSegments(of program: Program, _ index: Int) {
        let parts = plan.tenants[index].parts
        for segment in program.segments {
            let image = contents.place(segment.imageData)
            let rights = Rights(rawValue: segment.rights)
            guard rights.contains(.write) else {
                add(
                    .map(
                        root.image, space: parts.space, address: segment.address, offset: image,
                        size: segment.memorySize, rights),
                    .program, of: index)
                continue
            }
            let offset = privateMemory(of: index, at: segment.address, size: segment.memorySize, rights, .program)
            guard !segment.data.isEmpty else { continue }
            add(
                .contents(parts.memory, offset: offset, image: image, size: UInt64(segment.data.count)), .program,
                of: index)
        }
    }

    private mutating func addThread(_ number: Int, _ index: Int) {
        let tenant = tenants[index]
        let parts = plan.tenants[index].parts
        let thread = parts.threads[number]
        guard let time = plan.nodes[thread].time else { return }
        let core = core(number, of: index)
        // A monitor serves its machine, so it is a little more urgent.
        let priority =
            tenant.machine == nil ? tenant.priority : min(tenant.priority + 1, TenantDescription.priorities.upperBound)
        add(.time(time, core: core, priority: priority, tenant.allowance), .budget, of: index)
        if tenant.allowance != .unlimited, tenant.reportsOverruns {
            add(.overrun(time, root.notification, bits: SupervisorSignal.overrun), .supervision, of: index)
        }
        let portal = number == 0 ? addFaultPortal(index) : 0
        add(
            .configure(thread, space: parts.space, table: parts.table, portal: portal, time: time, core: core),
            .program,
            of: index)
        add(.stopped(thread, root.notification, bits: SupervisorSignal.death), .supervision, of: index)
        let stack = plan.nodes[thread].stack
        _ = privateMemory(of: index, at: stack.base, size: stack.size, .readWrite, .program)
        add(.registers(thread, first: 0, UInt64(number), UInt64(core)), .program, of: index)
        add(
            .registers(thread, first: RegisterNumber.stackPointer, stack.base + stack.size, tenant.program.entry),
            .program,
            of: index)
        add(.start(thread), .program, of: index)
    }
}
