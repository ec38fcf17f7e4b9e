import ABI
import DiskPool

/// Serves the disks of clients from the disks of the board, through the driver.
///
/// The owner calls `run` whenever the driver has answered or a client has submitted requests. `run` never waits. It
/// ends when nothing can go on until the next event, unless it leaves work, which `hasWork` says. While `hasTrouble`,
/// the owner sets `second`, and calls `run` at least once a second.
///
/// A request belongs to one of these places: its client's connection, a lane of the client (StorageLane.swift), or the
/// table of operations. Each disk of the board has a part of that table and of the driver's slots, so that one that
/// does not answer delays nobody else. A lane has a share of its disk's part, so a client that floods the server fills
/// only its own lanes (StorageServer+Shares.swift). Requests for a whole disk go straight to the driver
/// (StorageServer+Whole.swift), and all others to a pool (StorageServer+Pools.swift).
public struct StorageServer<
    Source: BlockRequestSource, Sink: BlockRequestSink, Memory: PoolMemory, Log: RecoveryLog, Observer: StorageObserver
> {
    public internal(set) var clients: [StorageClient<Source>]
    public var driver: Sink
    public var observer: Observer
    var pools: [StoragePool<Memory, Log>] = []
    var lanes: [StorageLane<Source.Slot>] = []
    /// The disks of the board, by their numbers.
    var boardDisks: [StorageBoardDisk] = []
    /// The number of them that clients use.
    let usedDisks: Int
    /// The searches for partitions. Each has its own part of `partitionMemory`.
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
    /// The lane whose turn is next.
    var turn = 0
    /// The number of flushes of whole disks that wait for older requests.
    var waitingFlushes = 0
    /// The number of requests for one disk of the board that are performed at once.
    let operationsPerDisk: Int
    /// True if a pool has work left that needs no event. The owner then calls `run` again, after it has woken peers.
    public internal(set) var hasWork = false
    /// True if a pool waits for its disk to work again.
    public internal(set) var hasTrouble = false
    /// True once every pool and every disk is open, or never will be.
    var isOpen = false

    /// - Parameter operations: the number of requests for one disk of the board that are performed at once; at least
    ///   `reserve` for each client.
    public init(clients: [StorageClient<Source>], driver: Sink, observer: Observer, operations: Int) {
        precondition(operations >= Self.reserve * clients.count, "the server has too few operations for its clients")
        (self.clients, self.driver, self.observer) = (clients, driver, observer)
        operationsPerDisk = operations
        (self.operations, freeOperations) = ([], [])
        var used: [Int] = []
        for disk in clients.flatMap({ $0.disks }) where !used.contains(disk.boardDisk) { used.append(disk.boardDisk) }
        usedDisks = max(1, used.count)
        for client in clients.indices { addLanes(of: client) }
        self.operations = [StorageOperation](repeating: StorageOperation(), count: operations * usedDisks)
        freeOperations = self.operations.indices.reversed().map { $0 }
    }

    /// Adds a lane for each disk of the board that a client uses.
    private mutating func addLanes(of client: Int) {
        for number in clients[client].disks.indices {
            let boardDisk = clients[client].disks[number].boardDisk
            while boardDisks.count <= boardDisk { boardDisks.append(StorageBoardDisk()) }
            let known = lanes.firstIndex { $0.client == client && $0.boardDisk == boardDisk }
            clients[client].disks[number].lane = known ?? lanes.count
            guard known == nil else { continue }
            boardDisks[boardDisk].lanes += 1
            lanes.append(
                StorageLane(client: client, boardDisk: boardDisk, capacity: clients[client].source.capacity))
        }
    }

    /// Adds the pool on a disk of the board.
    ///
    /// - Parameters:
    ///   - memory: memory of `size` bytes.
    ///   - offset: the place at which the driver knows the memory in window 0, in bytes.
    ///   - log: memory that outlives the component.
    public mutating func addPool(on boardDisk: Int, memory: Memory, size: Int, at offset: Int = 0, log: Log) {
        while boardDisks.count <= boardDisk { boardDisks.append(StorageBoardDisk()) }
        pools.append(StoragePool(boardDisk: boardDisk, memory: memory, memorySize: size, offset: offset, log: log))
    }

    /// The size of the memory for the partition tables of one disk of the board, in bytes.
    public static var partitionMemorySize: Int { 32 << 10 }

    /// Lets the server read partition tables.
    ///
    /// - Parameters:
    ///   - memory: memory of `partitionMemorySize` bytes for each disk of the board with partitions.
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
        continuePools()
        repeat {
            takeDriverAnswers()
            if !isOpen { openDisks() }
            if driver.disksHaveChanged() { publishChanges() }
            takePoolAnswers()
            takeRequests()
            if waitingFlushes > 0 { sendWaitingFlushes() }
            sendPoolRequests()
            // An answer of a pool can make more possible, which another round does. All else that a round cannot do
            // waits for a peer, whose news the owner finds before it sleeps.
        } while havePoolAnswers
        reportTrouble()
    }

    // MARK: The driver

    /// Returns the driver's description of a disk of the board, once the server may use it.
    ///
    /// The driver must have finished all requests of this server's life before. Such a request may still write bytes of
    /// a window, so the same request must not be answered before it ends. Each disk has a part of the window of its
    /// own, and waits for its own requests only.
    func usableDisk(_ boardDisk: Int) -> BlockDisk? {
        driver.hasEarlierRequests(for: boardDisk) ? nil : driver.disk(boardDisk)
    }

    /// Returns true if the driver has room for a request for a disk of the board, of the disk's part of the slots.
    func hasRoom(_ boardDisk: Int) -> Bool {
        boardDisks[boardDisk].underWay < driver.capacity / usedDisks && driver.freeCount > 0
    }

    /// Passes a request to the driver, which has room for it.
    mutating func send(_ request: BlockRequest) {
        boardDisks[Int(request.disk)].underWay += 1
        driver.submit(request)
    }

    // MARK: Answers of the driver

    private mutating func takeDriverAnswers() {
        while let (cookie, status) = driver.takeAnswer() {
            let owner = Int(cookie >> 32 & 0xFF_FFFF)
            let number = UInt32(truncatingIfNeeded: cookie)
            boardDisks[Int(cookie >> 56)].underWay -= 1
            if owner == 1 {
                wholeFinished(Int(number), status)
            } else if owner == DriverCookie.tableOwner {
                partitionTableRead(Int(number), status)
            } else if pools.indices.contains(owner - 2) {
                pools[owner - 2].opened?.pool.deviceFinished(number, succeeded: status == .ok)
            }
        }
    }

    // MARK: Operations

    /// Answers an operation's request, and frees the operation.
    mutating func finish(_ index: Int, _ status: BlockStatus) {
        let operation = operations[index]
        operations[index].stage = .free
        operations[index].slot = nil
        freeOperations.append(index)
        leave(operation)
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
        let client = clients[client]
        guard client.disks.indices.contains(Int(request.disk)),
            let disk = client.disks[Int(request.disk)].description
        else { return .noDisk }
        guard request.operation != .flush else { return nil }
        let isTransfer = request.operation == .read || request.operation == .write
        guard !isTransfer || request.window == 0,
            !isTransfer || UInt64(request.offset) + UInt64(request.length) <= client.windowSize,
            request.sector <= disk.capacity, UInt64(request.length / 512) <= disk.capacity - request.sector
        else { return .badRequest }
        if request.operation != .read, disk.features.contains(.readOnly) { return .readOnly }
        return request.length == 0 ? .ok : nil
    }
}

/// The owner of a request to the driver and the disk of the board, as the request's cookie.
enum DriverCookie {
    static let tableOwner = 1 << 16
    static func operation(_ index: Int, _ boardDisk: Int) -> UInt64 { place(1, boardDisk) | UInt64(index) }
    static func table(_ search: Int, _ boardDisk: Int) -> UInt64 { place(tableOwner, boardDisk) | UInt64(search) }
    static func pool(_ index: Int, _ tag: UInt32, _ boardDisk: Int) -> UInt64 {
        place(index + 2, boardDisk) | UInt64(tag)
    }
    private static func place(_ owner: Int, _ boardDisk: Int) -> UInt64 {
        UInt64(boardDisk) << 56 | UInt64(owner) << 32
    }
}
