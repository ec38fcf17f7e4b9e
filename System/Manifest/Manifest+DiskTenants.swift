import ABI
import DiskPool

// The parts that the tool adds to a system with disks: the driver of the board's disks, a backend for each machine with
// disks, and the storage component, if there is a disk of a pool or a partition.
extension Manifest {
    /// Adds the parts for disks, each before the first one that needs it.
    mutating func addDiskTenants() {
        guard disks.isUsed else { return }
        let clients = tenants.filter { tenant in disks.clients.contains { $0.owner == tenant.name } }
        let priority = min((clients.map(\.priority).max() ?? 0) + 1, RootTime.priority - 1)
        tenants = tenants.flatMap { tenant -> [TenantDescription] in
            guard let machine = tenant.machine, !machine.disks.isEmpty else { return [tenant] }
            return [.component(.backend(of: machine)), tenant]
        }
        let devices = disks.board.enumerated().map { number, disk in
            DeviceRequest(name: disk.name, node: BoardDiskDescription.node(number))
        }
        let shared: [ComponentDescription] =
            [.blockDriver(of: devices, priority: priority)]
            + (disks.hasStorage ? [.storage(heap: disks.storageHeap, priority: priority)] : [])
            + (disks.hasControl ? [.diskControl(priority: priority)] : [])
        tenants.insert(contentsOf: shared.map(TenantDescription.component), at: 0)
    }
}

extension Manifest {
    /// Adapts the memory of the storage component to the sizes of the files that the board's disks have. A file may be
    /// larger than the manifest says, because none shrinks.
    public mutating func adaptDisks(toSizes sizes: [String: UInt64]) {
        for index in disks.board.indices {
            disks.board[index].size = max(disks.board[index].size, sizes[disks.board[index].name] ?? 0)
        }
        for index in tenants.indices {
            guard case .component(var storage) = tenants[index], storage.isAdded, storage.name == DiskTenant.storage
            else { continue }
            storage.memory = disks.storageHeap
            tenants[index] = .component(storage)
        }
    }
}

extension ComponentDescription {
    /// The time that storage, driver and disk control may use, for any number of requests of their clients. With the
    /// console driver (200 us) and root (a quarter) they leave a fourteenth of their core to others, so that a client
    /// that floods them with requests stalls no other tenant there.
    private static let storageAllowance = TimeAllowance(budget: 300_000, period: 1_000_000)
    private static let driverAllowance = TimeAllowance(budget: 150_000, period: 1_000_000)
    private static let controlAllowance = TimeAllowance(budget: 25_000, period: 1_000_000)

    /// Restarts without end. The back-off alone keeps a part that dies at each start below this limit.
    private static let alwaysRestarts = RestartDescription(
        limit: RestartDescription.limits.upperBound, span: TimeSpan(milliseconds: 10_000),
        backoff: TimeSpan(milliseconds: 10), backoffLimit: TimeSpan(milliseconds: 1000), onLimit: .stop)

    private static func added(_ name: String, _ program: String, priority: Int) -> ComponentDescription {
        var component = ComponentDescription(name: name, program: .target(program))
        component.isAdded = true
        component.priority = priority
        component.restart = alwaysRestarts
        component.stack = 64 << 10
        return component
    }

    fileprivate static func blockDriver(of devices: [DeviceRequest], priority: Int) -> ComponentDescription {
        var driver = added(DiskTenant.driver, DiskTenant.driverProgram, priority: priority)
        driver.allowance = driverAllowance
        driver.devices = devices
        driver.dma = devices.map { DMAMemoryDescription(name: $0.name, size: DiskMemory.rings) }
        driver.memory = DiskMemory.driverHeap
        return driver
    }

    fileprivate static func storage(heap: UInt64, priority: Int) -> ComponentDescription {
        var storage = added(DiskTenant.storage, DiskTenant.storageProgram, priority: priority)
        storage.allowance = storageAllowance
        storage.memory = heap
        return storage
    }

    /// Makes the part by which the tool controls the disks of pools while the system runs.
    fileprivate static func diskControl(priority: Int) -> ComponentDescription {
        var control = added(DiskTenant.control, DiskTenant.controlProgram, priority: priority)
        control.allowance = controlAllowance
        control.memory = DiskMemory.controlHeap
        control.uses = [ConnectionDescription(name: DiskTenant.storage, server: DiskTenant.storage)]
        return control
    }

    /// Makes the backend, which is a part of its machine. It has the machine's core and priority.
    fileprivate static func backend(of machine: MachineDescription) -> ComponentDescription {
        var backend = added(
            DiskTenant.backend(of: machine.name), DiskTenant.backendProgram, priority: machine.priority)
        backend.core = machine.core
        backend.memory = DiskMemory.backendHeap
        return backend
    }
}

/// The sizes, in bytes, of the memory for disks.
enum DiskMemory {
    /// The memory of a device's queues.
    static let rings: UInt64 = 64 << 10
    static let driverHeap: UInt64 = 256 << 10
    static let storageHeap: UInt64 = 8 << 20
    static let backendHeap: UInt64 = 256 << 10
    static let controlHeap: UInt64 = 64 << 10
    /// The window of each client.
    static let window: UInt64 = 1 << 20
    /// The memory for the partition table of each disk of the board, in the storage component's own window, and the
    /// number of nodes in memory of each pool.
    static let partitionTable: UInt64 = 32 << 10
    static let poolNodes = 96
    /// The memory of a backend for the requests that it has taken from its machine, and not yet completed.
    static let inFlight: UInt64 = 64 << 10
    /// The memory of the storage component for changes that it has answered, and not yet written.
    static let recovery: UInt64 = 1 << 20
    static let clientBanks = 2
    /// The banks of the connection between storage and driver, which carries the requests of all clients.
    static let driverBanks = BlockConnectionLayout.maximumBanks
}

extension SystemDisks {
    /// The number of tenants that the tool adds.
    var tenantCount: Int {
        guard isUsed else { return 0 }
        return 1 + (hasStorage ? 1 : 0) + (hasControl ? 1 : 0) + backendCount
    }

    private var backendCount: Int { clients.count { $0.owner != $0.tenant } }

    /// True if the board's disks have a pool, which the tool can control while the system runs.
    var hasControl: Bool { board.contains { hasPool($0.name) } }

    /// The bytes of memory that the parts for disks need beside their programs.
    var memory: UInt64 {
        guard isUsed else { return 0 }
        return sharedMemory + DiskMemory.driverHeap + (hasStorage ? storageHeap : 0)
            + UInt64(board.count) * DiskMemory.rings
            + UInt64(backendCount) * DiskMemory.backendHeap + (hasControl ? DiskMemory.controlHeap : 0)
    }

    /// The bytes that the storage component needs for its own data. For each disk of the board this includes a map with
    /// two bits for each 16 KiB.
    var storageHeap: UInt64 {
        board.reduce(DiskMemory.storageHeap) { $0 + ($1.size >> 16) }.aligned(to: Program.pageSize)
    }

    /// The window of the storage component itself: partition tables, and for each pool the structures that lie at fixed
    /// places of its disk, and some nodes of maps.
    var storageWindow: UInt64 {
        let pools = board.filter { hasPool($0.name) }.map { disk in
            let units = UInt32(clamping: disk.size / UInt64(PoolLayout.unitSize))
            let records = PoolLayout.recordCount(units: units)
            return PoolBuffers(units: units, records: records, slots: DiskMemory.poolNodes).size
        }
        // The component divides its window equally among the pools.
        let tables = (UInt64(board.count) * DiskMemory.partitionTable).aligned(to: 1 << 16)
        return tables + UInt64(pools.count * (pools.max() ?? 0)).aligned(to: 1 << 16)
    }

    /// The bytes of memory that several of the parts for disks can access, and of memory that outlives a part.
    var sharedMemory: UInt64 {
        guard isUsed else { return 0 }
        let backends = UInt64(backendCount)
        let connections =
            UInt64(clients.count) * BlockConnectionLayout.size(banks: DiskMemory.clientBanks)
        let storage =
            hasStorage
            ? BlockConnectionLayout.size(banks: DiskMemory.driverBanks) + DiskMemory.recovery + storageWindow : 0
        return connections + storage + UInt64(clients.count) * DiskMemory.window
            + backends * (DiskMemory.inFlight + VirtioPages.size + ComponentLayout.livesSize)
    }
}
