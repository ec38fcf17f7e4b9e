import ABI
import DiskPool

// Pools, and the requests for their disks.
extension StorageServer {
    /// Opens what is not open yet, as far as the driver knows the disks of the board.
    mutating func openDisks() {
        for index in pools.indices {
            switch pools[index].state {
            case .closed: open(index)
            case .opening: checkOpening(index)
            case .open, .failed: continue
            }
        }
        readPartitionTables()
        for client in clients.indices {
            for number in clients[client].disks.indices where clients[client].disks[number].description == nil {
                openDisk(number, of: client)
            }
        }
        isOpen =
            pools.allSatisfy { $0.state == .open || $0.state == .failed }
            && clients.allSatisfy { $0.disks.allSatisfy { $0.description != nil || isHopeless($0) } }
    }

    /// Returns true if a disk that is not open will not be opened in this life.
    func isHopeless(_ disk: StorageDisk) -> Bool {
        guard !disk.isMissing else { return true }
        if case .partition = disk.place {
            return !searches.contains { $0.boardDisk == disk.boardDisk && $0.state != .failed }
        }
        guard case .pool = disk.place else { return false }
        return pools.contains { $0.boardDisk == disk.boardDisk && $0.state == .failed }
    }

    /// Begins to read the pool's structures.
    private mutating func open(_ index: Int) {
        guard let disk = usableDisk(pools[index].boardDisk), let memory = pools[index].memory else { return }
        let units = UInt32(clamping: disk.capacity / UInt64(PoolLayout.sectorsPerUnit))
        pools[index].memory = nil
        // The disk may have grown since the pool was made, so its size does not say how much memory the pool needs.
        guard let sizes = PoolBuffers.fitting(pools[index].memorySize, units: units) else {
            pools[index].state = .failed
            return observer.note(.notOpened(boardDisk: pools[index].boardDisk, .badSize))
        }
        var pool = Pool(
            memory: memory, log: pools[index].log, units: sizes.units, records: sizes.records, slots: sizes.slots,
            requests: operationsPerDisk + Self.ticketCount)
        pool.passesDiscards = disk.features.contains(.discard)
        if disk.features.contains(.readOnly) { pool.readOnlyReason = .owner }
        pool.open()
        pools[index].opened = OpenedPool(pool)
        pools[index].state = .opening
    }

    private mutating func checkOpening(_ index: Int) {
        guard let pool = pools[index].opened?.pool else { return }
        if pool.isMounted {
            pools[index].state = .open
            pools[index].reportedError = nil
            observer.note(.opened(boardDisk: pools[index].boardDisk))
        } else if let failure = pool.mountFailure {
            pools[index].state = .failed
            // Another attempt can open the pool only if the disk has failed.
            if failure != .device { pools[index].opened = nil }
            guard pools[index].reportedError != failure else { return }
            pools[index].reportedError = failure
            observer.note(.notOpened(boardDisk: pools[index].boardDisk, failure))
        }
    }

    private mutating func openDisk(_ number: Int, of client: Int) {
        let disk = clients[client].disks[number]
        guard let board = usableDisk(disk.boardDisk), !disk.isMissing else { return }
        switch disk.place {
        case .whole: publishPart(0..<board.capacity, of: board, as: number, of: client)
        case .partition(let partition): openPartition(partition, of: board, as: number, of: client)
        case .pool(let name):
            guard let index = pools.firstIndex(where: { $0.boardDisk == disk.boardDisk }),
                pools[index].state == .open, let pool = pools[index].opened?.pool
            else { return }
            guard let record = pool.index(of: name) else {
                clients[client].disks[number].isMissing = true
                return observer.note(.missing(client: client, disk: number))
            }
            (clients[client].disks[number].pool, clients[client].disks[number].record) = (index, record)
            var features = BlockDiskFeatures.discard.union(.writeZeroes).union(.hasVolatileCache)
            if disk.isReadOnly || board.features.contains(.readOnly) || pool.record(record).kind == .snapshot {
                features.insert(.readOnly)
            }
            publish(
                BlockDisk(
                    capacity: pool.record(record).sectors, features: features,
                    optimalSize: UInt32(PoolLayout.unitSize), identity: Self.identity(name)),
                as: number, of: client)
        }
    }

    mutating func publish(_ description: BlockDisk, as number: Int, of client: Int) {
        clients[client].disks[number].description = description
        clients[client].source.publish(description, as: number)
    }

    /// Returns the first 20 bytes of a disk's name.
    private static func identity(_ name: PoolName) -> InlineArray<3, UInt64> {
        var words = InlineArray<3, UInt64>(repeating: 0)
        for index in 0..<20 { words[index / 8] |= UInt64(name.byte(index)) << UInt64(8 * (index % 8)) }
        return words
    }

    // MARK: Requests

    mutating func beginPool(_ index: Int, _ pool: Int, record: Int) -> Bool {
        let request = operations[index].request
        let operation: PoolRequest.Operation =
            switch request.operation {
            case .read: .read
            case .write: .write
            case .flush: .flush
            // A discarded sector of a pool reads as zeros.
            case .discard, .writeZeroes: .discard
            }
        let isFlush = operation == .flush
        var next = PoolRequest(
            id: UInt64(index), operation, disk: record, sector: isFlush ? 0 : request.sector,
            count: isFlush ? 0 : Int(request.length) / 512, window: Int(clients[operations[index].client].window),
            offset: Int(request.offset))
        next.isDurable = request.forcesUnitAccess
        return pools[pool].opened?.pool.submit(next) ?? false
    }

    /// True if a pool has an answer that was not taken.
    var havePoolAnswers: Bool {
        for index in pools.indices where pools[index].opened?.pool.hasAnswer == true { return true }
        return false
    }

    mutating func takePoolAnswers() {
        for index in pools.indices {
            guard let opened = pools[index].opened else { continue }
            while let answer = opened.pool.nextAnswer() {
                if answer.id >= Self.controlID {
                    controlFinished(answer)
                } else {
                    finish(Int(answer.id), Self.status(answer.error))
                }
            }
        }
    }

    private static func status(_ error: PoolError?) -> BlockStatus {
        switch error {
        case nil: .ok
        case .outOfRange: .badRequest
        case .poolFull, .quota: .noSpace
        case .isSnapshot, .readOnly: .readOnly
        case .noSuchDisk: .noDisk
        default: .ioError
        }
    }

    /// Passes requests of the pools to the driver.
    mutating func sendPoolRequests() {
        for index in pools.indices {
            guard let opened = pools[index].opened else { continue }
            while opened.pool.hasDeviceRequest, hasRoom(pools[index].boardDisk) {
                guard let request = opened.pool.nextDeviceRequest() else { break }
                send(Self.translate(request, of: pools[index], index))
            }
        }
    }

    private static func translate(
        _ request: DeviceRequest, of pool: StoragePool<Memory, Log>, _ index: Int
    ) -> BlockRequest {
        let operation: BlockOperation =
            switch request.kind {
            case .read: .read
            case .write: .write
            case .flush: .flush
            case .discard: .discard
            }
        let (window, offset): (Int, Int) =
            switch request.place {
            case .buffer(let offset): (0, pool.offset + offset)
            case .window(let window, let offset): (window, offset)
            }
        return BlockRequest(
            operation, disk: UInt16(truncatingIfNeeded: pool.boardDisk), sector: request.sector,
            length: UInt32(request.count * PoolLayout.sectorSize), window: UInt16(window), offset: UInt32(offset),
            cookie: DriverCookie.pool(index, request.tag, pool.boardDisk))
    }
}
