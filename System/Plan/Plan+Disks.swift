import ABI

// The connections between the users of disks, the storage component and the driver of the board's disks. The memory of
// connections and windows outlives both ends, so that the next life of either end finds the requests. Each end can
// write its own part of a connection only.
extension PlanBuilder {
    mutating func addDisks() {
        guard disks.isUsed, let driver = index(of: DiskTenant.driver) else { return }
        let storage = index(of: DiskTenant.storage)
        addBoardDisks(driver, storage)
        if let storage { addStorage(storage, driver) }
        for (number, client) in disks.clients.enumerated() {
            guard let index = index(of: client.tenant), let server = client.hasDisksAlone ? driver : storage
            else { continue }
            add(client, index, number: number + 1, server, driver)
        }
    }

    /// Connects storage with the driver. It is the driver's client 0; the others have numbers from 1 on.
    private mutating func addStorage(_ storage: Int, _ driver: Int) {
        addConnection(
            BlockLink(
                name: DiskTenant.driver, client: storage, server: driver, number: 0, banks: DiskMemory.driverBanks,
                clientBits: DiskEvent.driverAnswers, serverBits: DiskEvent.requests))
        addOwnWindow(of: storage, driver)
        addLastingMemory("recovery", of: storage, size: DiskMemory.recovery)
    }

    private func index(of name: String) -> Int? { tenants.firstIndex { $0.name == name && $0.kind == .component } }

    /// Tells driver and storage of the board's disks. The driver has their registers and interrupts as devices.
    private mutating func addBoardDisks(_ driver: Int, _ storage: Int?) {
        for (number, disk) in disks.board.enumerated() {
            func resource(_ kind: ResourceKind) -> NamedResource? {
                plan.tenants[driver].resources.first { $0.kind == kind && $0.name == disk.name }
            }
            guard let registers = resource(.registers), let interrupt = resource(.interrupt) else { continue }
            add(
                NamedResource(
                    name: disk.name, kind: .boardDisk, slot: interrupt.slot, address: registers.address,
                    size: registers.size, number: interrupt.number, detail: UInt64(number)), of: driver)
            if let storage {
                add(NamedResource(name: disk.name, kind: .boardDisk, number: UInt64(number)), of: storage)
            }
        }
    }

    /// Adds the connection of a user of disks, its window and its disks.
    ///
    /// - Parameter server: storage, or the driver itself for a user of whole disks of the board.
    private mutating func add(_ client: DiskClient, _ index: Int, number: Int, _ server: Int, _ driver: Int) {
        let machine = tenants.firstIndex { $0.name == client.owner && $0.machine != nil }
        addConnection(
            BlockLink(
                name: "disks", client: index, server: server, number: number, banks: DiskMemory.clientBanks,
                clientBits: machine == nil ? interruptBit(of: index) : DiskEvent.storageAnswers,
                serverBits: server == driver ? DiskEvent.requests : DiskEvent.requests(ofClient: number)))
        addWindow(number, of: index, server == driver ? nil : server, driver)
        let slots = machine.map { addVirtio(of: client, $0, index) }
        for (diskNumber, disk) in client.disks.enumerated() {
            add(
                NamedResource(
                    name: disk.name, kind: .virtualDisk, slot: slots?[diskNumber] ?? 0,
                    number: machine == nil ? 0 : UInt64(diskNumber), detail: UInt64(diskNumber)), of: index)
            let boardDisk = disks.board.firstIndex { $0.name == disk.boardDisk } ?? 0
            add(
                NamedResource(
                    name: DiskDescription.poolName(disk.name, of: client.owner), kind: .virtualDisk,
                    number: UInt64(number) | UInt64(diskNumber) << 16 | disk.flags << 32, detail: UInt64(boardDisk)),
                of: server)
        }
    }

    /// Takes a bit of a component's notification, from those of devices.
    private mutating func interruptBit(of index: Int) -> UInt64 {
        defer { usage[index].interrupts += 1 }
        return 1 << (TenantUsage.firstInterruptBit + UInt64(usage[index].interrupts))
    }

    // MARK: Connections

    /// Both ends of a connection, and the bits that each end's notification gets from the other.
    private struct BlockLink {
        /// The client's name for the connection.
        var name: String
        var client: Int
        var server: Int
        /// The number by which the server knows the client.
        var number: Int
        var banks: Int
        var clientBits: UInt64
        var serverBits: UInt64

        var clientSize: UInt64 { BlockConnectionLayout.clientSize(banks: banks) }
        var size: UInt64 { BlockConnectionLayout.size(banks: banks) }
    }

    private mutating func addConnection(_ link: BlockLink) {
        let extent = lastingMemory("blocks", of: link.client, size: link.size)
        let clientAddress = map(extent, link, into: link.client)
        let serverAddress = map(extent, link, into: link.server)
        add(
            NamedResource(
                name: link.name, kind: .blockServer,
                slot: addBell(from: link.client, to: link.server, link.serverBits, .disk), address: clientAddress,
                size: link.size, number: link.clientBits, detail: UInt64(link.banks)), of: link.client)
        add(
            NamedResource(
                name: tenants[link.client].name, kind: .blockClient,
                slot: addBell(from: link.server, to: link.client, link.clientBits, .disk), address: serverAddress,
                size: link.size, number: link.serverBits | UInt64(link.number) << 48, detail: UInt64(link.banks)),
            of: link.server)
    }

    /// Maps a connection into one of its ends, which can write its own part only.
    private mutating func map(_ extent: Plan.NodeID, _ link: BlockLink, into index: Int) -> UInt64 {
        let space = plan.tenants[index].parts.space
        let address = address(of: index, size: link.size)
        let isClient = index == link.client
        add(
            .map(
                extent, space: space, address: address, offset: 0, size: link.clientSize,
                isClient ? .readWrite : .read), .disk, of: index)
        add(
            .map(
                extent, space: space, address: address + link.clientSize, offset: link.clientSize,
                size: BlockConnectionLayout.serverSize, isClient ? .read : .readWrite), .disk, of: index)
        return address
    }

    /// Lets one tenant ring another. Returns the slot of its capability.
    private mutating func addBell(from sender: Int, to receiver: Int, _ bits: UInt64, _ feature: Plan.Feature) -> UInt32
    {
        let slot = slot(of: sender)
        // The kernel raises the badge, for any bits that the sender names.
        add(
            .capability(
                plan.tenants[receiver].parts.notification, table: plan.tenants[sender].parts.table, slot: slot, .write,
                badge: bits), feature, of: sender, with: receiver)
        return slot
    }

    // MARK: Memory

    /// Adds the window of a client. The driver cannot access it, and knows its address for devices. Storage can access
    /// it, if the client is one of storage's.
    private mutating func addWindow(_ number: Int, of client: Int, _ storage: Int?, _ driver: Int) {
        let extent = lastingMemory("window", of: client, size: DiskMemory.window)
        add(window(extent, "window", 0, of: client), of: client)
        if let storage { add(window(extent, tenants[client].name, UInt64(number), of: storage), of: storage) }
        addPhysicalWindow(extent, tenants[client].name, UInt64(number), driver)
    }

    /// Adds the window for the storage component's own data.
    private mutating func addOwnWindow(of storage: Int, _ driver: Int) {
        let extent = lastingMemory("window", of: storage, size: disks.storageWindow)
        add(window(extent, "window", 0, of: storage, size: disks.storageWindow), of: storage)
        addPhysicalWindow(extent, DiskTenant.storage, 0, driver, size: disks.storageWindow)
    }

    private mutating func window(
        _ extent: Plan.NodeID, _ name: String, _ number: UInt64, of index: Int, size: UInt64 = DiskMemory.window
    ) -> NamedResource {
        let address = mapWhole(extent, size, into: index, .disk)
        return NamedResource(name: name, kind: .window, address: address, size: size, detail: number)
    }

    private mutating func addPhysicalWindow(
        _ extent: Plan.NodeID, _ name: String, _ number: UInt64, _ driver: Int, size: UInt64 = DiskMemory.window
    ) {
        usage[driver].dma.append((extent, plan.tenants[driver].resources.count))
        add(NamedResource(name: name, kind: .window, size: size, detail: number), of: driver)
    }

    /// Adds memory that outlives a tenant, and that nobody else can access.
    private mutating func addLastingMemory(_ name: String, of index: Int, size: UInt64) {
        let extent = lastingMemory(name, of: index, size: size)
        let address = mapWhole(extent, size, into: index, .disk)
        add(NamedResource(name: name, kind: .lastingMemory, address: address, size: size), of: index)
    }

    private mutating func mapWhole(
        _ extent: Plan.NodeID, _ size: UInt64, into index: Int, _ feature: Plan.Feature
    ) -> UInt64 {
        let address = address(of: index, size: size)
        add(
            .map(
                extent, space: plan.tenants[index].parts.space, address: address, offset: 0, size: size, .readWrite),
            feature, of: index)
        return address
    }
}

// The virtio devices of a machine, between its monitor and its backend.
extension PlanBuilder {
    /// Adds the devices of a machine's disks. Returns, for each disk, the slot of the backend's capability to its
    /// interrupt.
    private mutating func addVirtio(of client: DiskClient, _ machine: Int, _ backend: Int) -> [UInt32] {
        addLastingMemory("in-flight", of: backend, size: DiskMemory.inFlight)
        addMachineMemory(machine, backend)
        addVirtioPages(machine, backend)
        addDoorbells(client.disks.count, machine, backend)
        return client.disks.indices.map { addLine(client.disks[$0].name, slot: $0, machine, backend) }
    }

    /// Maps the machine's RAM into the backend, at the addresses that the machine uses.
    private mutating func addMachineMemory(_ machine: Int, _ backend: Int) {
        guard let ram = plan.tenants[machine].parts.machineMemory, let range = tenants[machine].machine?.memory else {
            return
        }
        add(
            .map(
                ram, space: plan.tenants[backend].parts.space, address: range.base, offset: 0, size: range.size,
                .readWrite), .virtio, of: backend)
        add(
            NamedResource(
                name: tenants[machine].name, kind: .machineMemory, address: range.base, size: range.size,
                number: range.base), of: backend)
    }

    /// Adds the pages by which monitor and backend share the state of the devices, and the page in which root counts
    /// the lives of both.
    private mutating func addVirtioPages(_ machine: Int, _ backend: Int) {
        let (size, lives) = (VirtioPages.size, ComponentLayout.livesSize)
        let extent = lastingMemory("virtio", of: machine, size: size + lives)
        add(.lives(extent, offset: size + RingLives.client, atDeath: true), .virtio, of: backend)
        add(.lives(extent, offset: size + RingLives.server, atDeath: true), .virtio, of: machine)
        if let space = plan.tenants[machine].parts.machineSpace {
            add(
                .map(
                    extent, space: space, address: VirtioPages.machineAddress, offset: UInt64(VirtioPages.registers),
                    size: 4096,
                    .read), .virtio, of: machine)
        }
        for (index, peer, own, theirs) in [
            (machine, backend, DiskEvent.backendNews, DiskEvent.monitorNews),
            (backend, machine, DiskEvent.monitorNews, DiskEvent.backendNews),
        ] {
            let address = mapVirtioPages(extent, into: index, isMonitor: index == machine)
            add(
                NamedResource(
                    name: "virtio", kind: .virtioPages, slot: addBell(from: index, to: peer, theirs, .virtio),
                    address: address, size: size, number: own, detail: address + size), of: index)
        }
    }

    private mutating func mapVirtioPages(_ extent: Plan.NodeID, into index: Int, isMonitor: Bool) -> UInt64 {
        let address = address(of: index, size: VirtioPages.size + ComponentLayout.livesSize)
        let pages: [(offset: UInt64, Rights)] = [
            (UInt64(VirtioPages.registers), .readWrite),
            (UInt64(VirtioPages.control), isMonitor ? .readWrite : .read),
            (UInt64(VirtioPages.backend), isMonitor ? .read : .readWrite), (VirtioPages.size, .read),
        ]
        for (offset, rights) in pages {
            add(
                .map(
                    extent, space: plan.tenants[index].parts.space, address: address + offset, offset: offset,
                    size: 4096, rights), .virtio, of: index)
        }
        return address
    }

    /// Adds the doorbells of each slot: one that wakes the backend, and one that only leaves a bit for it.
    private mutating func addDoorbells(_ count: Int, _ machine: Int, _ backend: Int) {
        guard let space = plan.tenants[machine].parts.machineSpace else { return }
        let acknowledgements = add(.notification, "acks", of: backend, lasts: true)
        let slot = slot(of: backend)
        add(
            .capability(acknowledgements, table: plan.tenants[backend].parts.table, slot: slot, .read), .virtio,
            of: backend)
        add(NamedResource(name: "acks", kind: .notification, slot: slot), of: backend)
        for number in 0..<count {
            add(
                .doorbell(
                    space: space, address: VirtioPages.doorbell(VirtioRegister.queueNotify, slot: number),
                    plan.tenants[backend].parts.notification, bits: DiskEvent.queueNotify(slot: number)), .virtio,
                of: machine, with: backend)
            add(
                .doorbell(
                    space: space, address: VirtioPages.doorbell(VirtioRegister.interruptAcknowledge, slot: number),
                    acknowledgements, bits: 1 << UInt64(number)), .virtio, of: machine)
        }
    }

    /// Adds the notification that raises a disk's interrupt. Returns the slot of the backend's capability.
    private mutating func addLine(_ name: String, slot number: Int, _ machine: Int, _ backend: Int) -> UInt32 {
        let line = add(.notification, "line-\(name)", of: backend, lasts: true)
        if let first = plan.tenants[machine].parts.virtualCPUs.first {
            add(
                .virtualInterrupt(line, virtualCPU: first, VirtioPages.interrupt(ofSlot: number)), .virtio,
                of: machine)
        }
        let slot = slot(of: backend)
        add(
            .capability(line, table: plan.tenants[backend].parts.table, slot: slot, .write, badge: 1), .virtio,
            of: backend)
        return slot
    }
}

extension DiskDescription {
    /// The `VirtualDiskFlags`.
    fileprivate var flags: UInt64 {
        let place: UInt64 =
            switch place {
            case .pool: 0
            case .whole: VirtualDiskFlags.isWhole
            case .partition(let number): VirtualDiskFlags.isWhole | UInt64(number) << VirtualDiskFlags.partitionShift
            }
        return place | (isReadOnly ? VirtualDiskFlags.readOnly : 0)
    }
}
