import ABI
import Entente
import Supervision

extension SystemBuilder {
    /// A machine's RAM outlives it. Root does not touch it, because everybody waits for root: the machine's monitor
    /// maps and clears it on the machine's time.
    mutating func prepareMachine(_ record: TenantRecord, _ index: Int) {
        tenants[index].memory = memory.create(.extent, record.machine.memory.size, alignment: 1 << 21)
        if record.machine.eventPeer != 0 { tenants[index].eventLine = memory.create(.notification) }
    }

    /// A machine: a space of its own, virtual CPUs whose exits are calls of the monitor's threads. The monitor maps RAM
    /// into that space and its own.
    mutating func buildMachine(_ record: TenantRecord, _ index: Int) {
        let space = create(.addressSpace, record.machinePageTables, for: index)
        derive(tenants[index].memory, into: tenants[index].table, InitialSlot.machineMemory)
        derive(space, into: tenants[index].table, InitialSlot.machineSpace, rights: .write)
        mapModules(record.machine, index)
        let board = BootTable.header.board
        if board.clock.size != 0 {
            mapOwn(
                index, InitialSlot.devices, ComponentLayout.devices, offset: board.clock.base - board.devices.base,
                size: board.clock.size, .readOnly)
        }
        tenants[index].machineSpace = space
        let portals = buildPortals(index)
        for number in 0..<record.machine.virtualCPUs {
            buildVirtualCPU(number, record, index, portals)
        }
    }

    /// A portal to each of the monitor's threads.
    private mutating func buildPortals(_ index: Int) -> InlineArray<8, UInt32> {
        var portals = InlineArray<8, UInt32>(repeating: 0)
        for number in 0..<tenants[index].threadCount {
            portals[number] = create(.portal, UInt64(tenants[index].threads[number]), for: index)
        }
        return portals
    }

    /// The pieces of the image that the monitor loads, one behind the other.
    private mutating func mapModules(_ machine: MachineRecord, _ index: Int) {
        var placement = ModulePlacement()
        for number in 0..<8 {
            let segment = machine.segments[number]
            if segment.size == 0 { continue }
            let size = (segment.size + 4095) & ~4095
            mapOwn(
                index, InitialSlot.image, placement.place(segment), offset: segment.offset, size: size, .readOnly)
        }
    }

    private mutating func buildVirtualCPU(
        _ number: UInt64, _ record: TenantRecord, _ index: Int, _ portals: InlineArray<8, UInt32>
    ) {
        let core = record.core(of: number)
        let virtualCPU = create(.virtualCPU, for: index)
        let scheduling = create(.schedulingContext, for: index)
        configureTime(scheduling, core: core, priority: record.priority)
        let portal = takeSlot(for: index)
        let server = Int(number % UInt64(tenants[index].threadCount))
        derive(portals[server], into: InitialSlot.table, portal, badge: number)
        configure(virtualCPU, space: tenants[index].machineSpace, table: 0, portal: portal, scheduling, core)
        require(contextControl(virtualCPU, .setAffinity, Words(number)), "cannot number a virtual CPU")
        derive(virtualCPU, into: tenants[index].table, InitialSlot.firstVirtualCPU + UInt32(number))
        tenants[index].virtualCPUs[Int(number)] = virtualCPU
        tenants[index].virtualTimes[Int(number)] = scheduling
    }

    // MARK: Events between machines

    /// The doorbell by which this machine wakes its peer, and the interrupts by which others wake it.
    func connectEvents(_ index: Int) {
        if tenants[index].eventLine != 0 {
            require(
                invoke(
                    .doorbell, Selector(slot: tenants[index].machineSpace),
                    Words(MachineEvent.doorbell, UInt64(tenants[index].eventLine), 1)),
                "cannot bind a machine's doorbell")
        }
        for sender in 0..<SystemBuilder.tenantCount
        where BootTable.tenant(sender).machine.eventPeer == UInt64(index + 1) {
            require(
                invoke(
                    .notificationBind,
                    Selector(slot: tenants[sender].eventLine, form: NotificationBind.virtualInterrupt.rawValue),
                    Words(UInt64(tenants[index].virtualCPUs[0]), MachineEvent.interrupt)),
                "cannot bind a machine's event")
        }
    }
}
