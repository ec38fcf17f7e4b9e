import ABI
import DiskPool

/// Serves the disks of clients from the disks of the board, through the driver.
///
/// The owner calls `run` whenever the driver has answered or a client has submitted requests. `run` never waits. It
/// ends when nothing can go on until the next event, unless it leaves work, which `hasWork` says. While `hasTrouble`,
/// the owner sets `second`, and calls `run` at least once a second.
///
/// A request belongs to one of these places: its client's connection, the one request that is held for each client, or
/// the table of operations. A client has a share of that table and of the bytes that are under way, so a client that
/// floods the server fills only its own connection (StorageServer+Shares.swift). Requests for a whole disk go straight
/// to the driver (StorageServer+Whole.swift), and all others to a pool (StorageServer+Pools.swift).
public struct StorageServer<
    Source: BlockRequestSource, Sink: BlockRequestSink, Memory: PoolMemory, Log: RecoveryLog, Observer: StorageObserver
> {
    public internal(set) var clients: [StorageClient<Source>]
    public var driver: Sink
    public var observer: Observer
    var pools: [StoragePool<Memory, Log>] = []
    /// The partition tables, which are read one after the other into `partitionMemory`.
    var searches: [PartitionSearch] = []
    var partitionMemory: (memory: Memory, offset: Int)?
    var operations: [StorageOperation<Source.Slot>]
    var freeOperations: [Int]
    /// The control operations, and the ticket of the last one.
    var tickets = [StorageTicket](repeating: StorageTicket(), count: 4)
    var lastTicket = 0
    var order: UInt64 = 0
    /// The present time in seconds. It matters only while `hasTrouble`.
    public var second: UInt64 = 0
    /// The client whose turn is next.
    var turn = 0
    /// True once every pool and every disk is open, or never will be.
    var isOpen = false
    /// False until the driver has finished all requests of this server's life before. Such a request may still write
    /// bytes of a window, so the same request must not be answered before it ends.
    private var hasBegun = false

    /// - Parameter operations: the number of requests that are performed at once; at least `reserve` for each client.
    public init(clients: [StorageClient<Source>], driver: Sink, observer: Observer, operations: Int) {
        precondition(operations >= Self.reserve * clients.count, "the server has too few operations for its clients")
        (self.clients, self.driver, self.observer) = (clients, driver, observer)
        self.operations = [StorageOperation](repeating: StorageOperation(), count: operations)
        freeOperations = (0..<operations).reversed().map { $0 }
    }

    /// Adds the pool on a disk of the board.
    ///
    /// - Parameters:
    ///   - memory: memory of `size` bytes.
    ///   - offset: the place at which the driver knows the memory in window 0, in bytes.
    ///   - log: memory that outlives the component.
    public mutating func addPool(on boardDisk: Int, memory: Memory, size: Int, at offset: Int = 0, log: Log) {
        pools.append(StoragePool(boardDisk: boardDisk, memory: memory, memorySize: size, offset: offset, log: log))
    }

    /// The size of the memory for partition tables, in bytes.
    public static var partitionMemorySize: Int { 32 << 10 }

    /// Lets the server read partition tables.
    ///
    /// - Parameters:
    ///   - memory: memory of `partitionMemorySize` bytes.
    ///   - offset: the place at which the driver knows the memory in window 0, in bytes.
    public mutating func readPartitions(into memory: Memory, at offset: Int) {
        partitionMemory = (memory, offset)
        for disk in clients.flatMap({ $0.disks }) {
            guard case .partition = disk.place, !searches.contains(where: { $0.boardDisk == disk.boardDisk }) else {
                continue
            }
            searches.append(PartitionSearch(boardDisk: disk.boardDisk))
        }
    }

    /// Lets the owner wake each client whose requests were answered.
    public mutating func notifyClients(_ notify: (inout Source) -> Void) {
        for index in clients.indices { notify(&clients[index].source) }
    }

    /// Does everything that can be done now.
    public mutating func run() {
        guard begin() else { return }
        continuePools()
        var goesOn = true
        while goesOn {
            if !isOpen { openDisks() }
            goesOn = takeDriverAnswers()
            if takePoolAnswers() { goesOn = true }
            if takeRequests() { goesOn = true }
            if sendPoolRequests() { goesOn = true }
        }
        reportTrouble()
    }

    /// Returns true once no request of the life before is under way.
    private mutating func begin() -> Bool {
        if hasBegun { return true }
        while driver.takeAnswer() != nil {}
        hasBegun = driver.isIdle
        return hasBegun
    }

    // MARK: Answers of the driver

    private mutating func takeDriverAnswers() -> Bool {
        var hasTaken = false
        while let (cookie, status) = driver.takeAnswer() {
            hasTaken = true
            let owner = Int(cookie >> 32)
            let number = UInt32(truncatingIfNeeded: cookie)
            if owner == 1 {
                wholeFinished(Int(number), status)
            } else if owner == DriverCookie.tableOwner {
                partitionTableRead(Int(number), status)
            } else if pools.indices.contains(owner - 2) {
                pools[owner - 2].pool?.deviceFinished(number, succeeded: status == .ok)
            }
        }
        return hasTaken
    }

    // MARK: Operations

    /// Answers an operation's request, and frees the operation.
    mutating func finish(_ index: Int, _ status: BlockStatus) {
        let operation = operations[index]
        operations[index] = StorageOperation()
        freeOperations.append(index)
        clients[operation.client].running -= 1
        clients[operation.client].runningBytes -= Int(operation.request.length)
        if let slot = operation.slot { answer(operation.client, slot, operation.request, status) }
    }

    mutating func answer(_ client: Int, _ slot: Source.Slot, _ request: BlockRequest, _ status: BlockStatus) {
        if status != .ok {
            observer.note(.failed(client: client, disk: Int(request.disk), request, status))
        }
        clients[client].source.answer(slot, status)
    }

    /// Returns the answer to a request that can be answered at once; nil if the request has to be performed.
    func earlyAnswer(_ request: BlockRequest, of client: Int) -> BlockStatus? {
        guard clients[client].disks.indices.contains(Int(request.disk)),
            let disk = clients[client].disks[Int(request.disk)].description
        else { return .noDisk }
        guard request.operation != .flush else { return nil }
        let isTransfer = request.operation == .read || request.operation == .write
        guard !isTransfer || request.window == 0,
            !isTransfer || UInt64(request.offset) + UInt64(request.length) <= clients[client].windowSize,
            request.sector <= disk.capacity, UInt64(request.length / 512) <= disk.capacity - request.sector
        else { return .badRequest }
        if request.operation != .read, disk.features.contains(.readOnly) { return .readOnly }
        return request.length == 0 ? .ok : nil
    }
}

/// The owner of a request to the driver, as the request's cookie.
enum DriverCookie {
    static let operation: UInt64 = 1 << 32
    static let tableOwner = 1 << 16
    static func table(_ search: Int) -> UInt64 { UInt64(tableOwner) << 32 | UInt64(search) }
    static func pool(_ index: Int, _ tag: UInt32) -> UInt64 { UInt64(index + 2) << 32 | UInt64(tag) }
}
