import ABI
import Foundation

// A machine has a space of its own, virtual CPUs whose exits are calls of the monitor's threads, RAM that outlives
// it, and the doorbell by which it wakes its peer (`event-peer`).
extension PlanBuilder {
    mutating func addMachine(_ index: Int) {
        guard let machine = tenants[index].machine else { return }
        let parts = plan.tenants[index].parts
        guard let space = parts.machineSpace, let memory = parts.machineMemory else { return }
        add(.capability(memory, table: parts.table, slot: MonitorSlot.machineMemory, .all), .machine, of: index)
        add(.capability(space, table: parts.table, slot: MonitorSlot.machineSpace, .write), .machine, of: index)
        // The monitor and not root maps RAM into both spaces. Clearing it takes long, and all other tenants wait for
        // root.
        for space in [parts.space, space] {
            reservations[space, default: []]
                .append(MappedRange(address: machine.memory.base, size: machine.memory.size, residue: 0))
        }
        addTraps(of: machine, index)
        addClock(index)
        addModules(of: machine, index)
        addFlash(of: machine, index)
        addVirtualCPUs(index)
    }

    /// Adds the nodes of a machine, so that rules can refer to those of any other machine.
    mutating func addMachineNodes(_ index: Int) {
        guard let machine = tenants[index].machine else { return }
        let memory = add(.extent, "ram", of: index, machine.memory.size, lasts: true, alignment: 1 << 21)
        // The monitor clears the RAM, on the machine's time.
        plan.nodes[memory].isCleared = false
        plan.tenants[index].parts.machineMemory = memory
        plan.tenants[index].parts.machineSpace = add(.addressSpace, "machine", of: index)
        plan.tenants[index].parts.virtualCPUs = (0..<machine.virtualCPUs).map { number in
            let time = add(.schedulingContext, "cpu\(number)-time", of: index)
            plan.nodes[time].parameter = UInt64(core(number, of: index))
            let virtualCPU = add(.virtualCPU, "cpu\(number)", of: index)
            plan.nodes[virtualCPU].time = time
            return virtualCPU
        }
    }

    /// Adds the reasons for which the monitor ends itself, as far as the manifest asks for that.
    private mutating func addTraps(of machine: MachineImage, _ index: Int) {
        func add(_ reason: MachineEnd, _ text: String) {
            plan.tenants[index].traps.append(TrapReason(immediate: reason.rawValue, text: text))
        }
        if machine.failureActions & FailureActions.diesOfPanic != 0 { add(.panic, "machine panicked") }
        if machine.failureActions & FailureActions.hasWatchdog != 0 {
            add(.hang, "machine hangs, its watchdog expired")
        }
    }

    /// Adds the board's clock, which monitors may read.
    private mutating func addClock(_ index: Int) {
        guard let clock = board.clock else { return }
        let address = address(of: index, size: clock.size)
        usage[index].clock = address
        add(
            .map(
                root.devices, space: plan.tenants[index].parts.space, address: address,
                offset: clock.base - board.devices.base,
                size: clock.size, .read), .machine, of: index)
    }

    /// Adds the pieces of the image that the monitor loads. Each gets an address that equals its physical one modulo
    /// 2 MiB.
    private mutating func addModules(of machine: MachineImage, _ index: Int) {
        let large: UInt64 = 1 << 21
        var next = ComponentLayout.modules
        for module in machine.modules {
            let image = contents.place(module.data)
            let size = UInt64(module.data.count).aligned(to: 4096)
            let address = next + (imageResidue + image) % large
            next = (address + size + large).aligned(to: large)
            usage[index].modules.append(address)
            guard size > 0 else { continue }
            add(
                .map(
                    root.image, space: plan.tenants[index].parts.space, address: address, offset: image, size: size,
                    .read),
                .machine, of: index)
        }
    }

    private mutating func addVirtualCPUs(_ index: Int) {
        let parts = plan.tenants[index].parts
        guard let space = parts.machineSpace else { return }
        let portals = parts.threads.enumerated().map { number, thread in
            let portal = add(.portal, "exits\(number)", of: index)
            add(.portal(portal, thread: thread), .machine, of: index)
            return portal
        }
        for (number, virtualCPU) in parts.virtualCPUs.enumerated() {
            guard let time = plan.nodes[virtualCPU].time else { continue }
            let core = core(number, of: index)
            add(.time(time, core: core, priority: tenants[index].priority, .unlimited), .budget, of: index)
            let portal = addRootCapability(portals[number % portals.count], badge: UInt64(number), .machine, of: index)
            add(
                .configure(virtualCPU, space: space, table: nil, portal: portal, time: time, core: core), .machine,
                of: index)
            add(.affinity(virtualCPU, UInt64(number)), .machine, of: index)
            add(
                .capability(
                    virtualCPU, table: parts.table, slot: MonitorSlot.firstVirtualCPU + UInt32(number), .all), .machine,
                of: index)
        }
    }

    /// Adds the doorbell by which a machine wakes its peer, and the interrupt that the peer gets.
    mutating func addEvents(_ index: Int) {
        guard let name = tenants[index].machine?.eventPeer,
            let peer = tenants.firstIndex(where: { $0.name == name }),
            let space = plan.tenants[index].parts.machineSpace,
            let target = plan.tenants[peer].parts.virtualCPUs.first
        else { return }
        let line = add(.notification, "event", of: index, lasts: true)
        add(.doorbell(space: space, address: MachineEvent.doorbell, line, bits: 1), .event, of: index)
        add(.virtualInterrupt(line, virtualCPU: target, MachineEvent.interrupt), .event, of: peer)
    }
}
