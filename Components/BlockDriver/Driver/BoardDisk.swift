import Entente
import VirtioBlock

/// The registers of a disk of the board.
struct DiskRegisters: VirtioRegisters {
    let registers: Registers
    @inline(__always) func read(_ offset: Int) -> UInt32 { registers[Register<UInt32>(offset, .readOnly)] }
    @inline(__always) func write(_ value: UInt32, _ offset: Int) {
        registers[Register<UInt32>(offset, .writeOnly)] = value
    }
}

/// The memory for the queue of a disk.
struct QueueMemory: VirtioMemory {
    let memory: DMAMemory
    var size: Int { memory.size }
    var deviceAddress: UInt64 { memory.deviceAddress }
    @inline(__always) subscript(offset: Int) -> UInt64 {
        get { memory[offset] }
        nonmutating set { memory[offset] = newValue }
    }
    @inline(__always) func order() { memory.order() }
}

/// The client of a disk of the board.
struct DiskOwner {
    /// The client's place in the driver's list.
    let client: Int
    /// The disk's number in the client's connection.
    let number: Int
    let mayWrite: Bool
}

/// A disk of the board, with its interrupt and the log of its trouble.
struct BoardDisk {
    let owner: DiskOwner
    private let name: InlineArray<32, UInt8>
    private let interrupt: Interrupt
    var driver: VirtioBlockDriver<DiskRegisters, QueueMemory>
    private var log: TroubleLog
    /// The moment before which a device that has failed is not started again.
    private var restart = Instant(ticks: 0)
    private var isKnown = false

    /// - Parameters:
    ///   - resource: the disk.
    ///   - owner: its client.
    ///   - memory: the memory for its queue.
    ///   - capacity: the number of requests that its client has at most.
    init(_ resource: Resource, _ owner: DiskOwner, memory: DMAMemory, capacity: Int) {
        (self.owner, name) = (owner, resource.name)
        interrupt = Interrupt(of: resource)
        log = TroubleLog(disk: resource.name)
        driver = VirtioBlockDriver(
            registers: DiskRegisters(registers: Registers(of: resource)), memory: QueueMemory(memory: memory),
            capacity: capacity)
    }

    /// Submits a request, after another attempt to start a device that has failed a second ago or earlier.
    mutating func submit(_ request: DeviceRequest, as id: Int) -> BlockStatus? {
        if !owner.mayWrite, request.operation != .read, request.operation != .flush { return .readOnly }
        if !driver.isWorking, restart <= .now { start() }
        return driver.submit(request, as: id)
    }

    mutating func start() {
        if !driver.start() { restart = .now + .seconds(1) }
    }

    mutating func heard(_ events: Events) {
        guard events.contains(interrupt.events) else { return }
        driver.acknowledgeInterrupt()
        interrupt.acknowledge()
    }

    /// Writes the log lines that are due. Returns the disk's description if it has changed.
    mutating func takeNews() -> BlockDisk? {
        while let trouble = driver.troubles.removeFirst() { log.write(trouble) }
        guard driver.hasChanged, var disk = driver.disk else { return nil }
        if !owner.mayWrite { disk.features.insert(.readOnly) }
        driver.hasChanged = false
        if !isKnown {
            isKnown = true
            Entente.log("disk '\(name: name)': \(disk.capacity) sectors")
        }
        return disk
    }
}
