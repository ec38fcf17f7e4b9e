import ABI
import Entente

extension SystemBuilder {
    /// A machine: RAM that its monitor sees as well, a space of its own, virtual CPUs whose exits are calls of the monitor's
    /// threads.
    mutating func buildMachine(_ record: TenantRecord, _ index: Int, _ monitor: inout TenantHandles) {
        let gigabytes = record.machine.memory.size >> 30 + 1
        let space = memory.create(.addressSpace, 3 + gigabytes)
        let ram = memory.block(record.machine.memory.size, alignment: 1 << 21)
        memory.release(ram)
        memory.map(space, ram.extent, record.machine.memory.base, size: ram.size, .all)
        memory.map(monitor.space, ram.extent, record.machine.memory.base, size: ram.size, .readWrite)
        mapModules(record.machine, monitor.space)
        monitor.machineSpace = space
        let portals = buildPortals(monitor)
        for number in 0..<record.machine.virtualCPUs {
            let virtualCPU = buildVirtualCPU(number, record, space, monitor, portals)
            if number == 0 { monitor.firstVirtualCPU = virtualCPU }
        }
    }

    /// A portal to each of the monitor's threads.
    private mutating func buildPortals(_ monitor: TenantHandles) -> InlineArray<8, UInt32> {
        var portals = InlineArray<8, UInt32>(repeating: 0)
        for number in 0..<monitor.threadCount {
            portals[number] = memory.create(.portal, UInt64(monitor.threads[number]))
        }
        return portals
    }

    /// The pieces of the image that the monitor loads, one behind the other.
    private mutating func mapModules(_ machine: MachineRecord, _ space: UInt32) {
        var placement = ModulePlacement()
        for index in 0..<8 {
            let segment = machine.segments[index]
            if segment.size == 0 { continue }
            let size = (segment.size + 4095) & ~4095
            memory.map(
                space, InitialSlot.image, placement.place(segment), offset: segment.offset, size: size, .readOnly)
        }
    }

    private mutating func buildVirtualCPU(
        _ number: UInt64, _ record: TenantRecord, _ space: UInt32, _ monitor: TenantHandles,
        _ portals: InlineArray<8, UInt32>
    ) -> UInt32 {
        let core = record.core(of: number)
        let virtualCPU = memory.create(.virtualCPU)
        let scheduling = buildScheduling(core: core, priority: record.priority)
        let portal = memory.slots.take()
        let server = Int(number % UInt64(monitor.threadCount))
        derive(portals[server], into: InitialSlot.table, portal, badge: number)
        configure(virtualCPU, space: space, table: 0, portal: portal, scheduling, core)
        let answer = contextControl(virtualCPU, .setAffinity, Words(number))
        if answer.status != .ok { fail("cannot number a virtual CPU", answer.status) }
        derive(virtualCPU, into: monitor.table, InitialSlot.firstVirtualCPU + UInt32(number))
        return virtualCPU
    }

    /// The doorbell by which a machine wakes its peer.
    mutating func connectPeer(_ handles: TenantHandles, _ peer: TenantHandles) {
        let line = memory.create(.notification)
        let bound = invoke(
            .notificationBind, Selector(slot: line, form: NotificationBind.virtualInterrupt.rawValue),
            Words(UInt64(peer.firstVirtualCPU), MachineEvent.interrupt))
        if bound.status != .ok { fail("cannot bind a machine's event", bound.status) }
        let rung = invoke(
            .doorbell, Selector(slot: handles.machineSpace), Words(MachineEvent.doorbell, UInt64(line), 1))
        if rung.status != .ok { fail("cannot bind a machine's doorbell", rung.status) }
    }
}
