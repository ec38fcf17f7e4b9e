import ABI
import DiskPool

/// A control operation on the disks of a pool.
public enum StorageCommand: Equatable, Sendable {
    /// Makes an empty disk of this number of sectors.
    case create(PoolName, sectors: UInt64, hasChecksums: Bool)
    /// Makes a snapshot of a disk.
    case snapshot(PoolName, of: PoolName)
    /// Makes a disk with the contents of another disk or of a snapshot.
    case clone(PoolName, of: PoolName)
    case delete(PoolName)
    /// Enlarges a disk to this number of sectors.
    case grow(PoolName, sectors: UInt64)
}

/// The progress of a control operation.
public enum StorageOutcome: Equatable, Sendable {
    case running
    case done
    case failed(PoolError)
    /// A client of the storage component uses the disk that the command would delete.
    case isInUse
}

/// A control operation that was begun. Its ticket is its index, and stays valid until another operation takes it.
struct StorageTicket {
    var command: StorageCommand?
    var pool = 0
    var outcome = StorageOutcome.done
}

extension StorageServer {
    /// The number of control operations that can run at once.
    public static var ticketCount: Int { 4 }

    /// Begins a control operation on the pool of a disk of the board.
    ///
    /// Returns a ticket for `outcome`. Returns nil if the pool is not open, or if too many control operations run; the
    /// caller then tries again later. `run` continues the operation.
    public mutating func begin(_ command: StorageCommand, onBoardDisk boardDisk: Int) -> Int? {
        guard let pool = pools.firstIndex(where: { $0.boardDisk == boardDisk && $0.state == .open }),
            let ticket = nextTicket
        else { return nil }
        switch request(for: command, id: Self.controlID | UInt64(ticket), pool) {
        case .success(let request):
            guard pools[pool].opened?.pool.submit(request) == true else { return nil }
            tickets[ticket] = StorageTicket(command: command, pool: pool, outcome: .running)
        case .failure(let outcome): tickets[ticket] = StorageTicket(command: nil, pool: pool, outcome: outcome)
        }
        lastTicket = ticket
        return ticket
    }

    /// Returns the outcome of an operation; nil if no operation has the ticket.
    public func outcome(_ ticket: Int) -> StorageOutcome? {
        tickets.indices.contains(ticket) ? tickets[ticket].outcome : nil
    }

    /// Returns the disk or snapshot of an index in the pool of a disk of the board. Returns nil if the index has none,
    /// and `isEnd` if no higher index has any.
    public func description(
        _ index: Int, onBoardDisk boardDisk: Int
    ) -> (found: (disk: DiskDescription, isDamaged: Bool)?, isEnd: Bool) {
        guard let pool = openPool(on: boardDisk), index >= 0, index < pool.recordCount else { return (nil, true) }
        guard pool.record(index).state == .live, let disk = pool.description(of: index) else { return (nil, false) }
        return ((disk, pool.isDamaged(index)), false)
    }

    /// Returns the size and the free space of the pool on a disk of the board, in units; nil if it is not open.
    public func space(onBoardDisk boardDisk: Int) -> (units: Int, free: Int)? {
        openPool(on: boardDisk).map { (Int($0.superblock.units), $0.freeUnits) }
    }

    private func openPool(on boardDisk: Int) -> Pool<Memory, Log>? {
        pools.first { $0.boardDisk == boardDisk && $0.state == .open }?.opened?.pool
    }

    private enum Request {
        case success(PoolRequest)
        case failure(StorageOutcome)
    }

    /// The first of the numbers of control operations among the pool's requests.
    static var controlID: UInt64 { 1 << 32 }

    private var nextTicket: Int? {
        for step in 1...Self.ticketCount {
            let ticket = (lastTicket + step) % Self.ticketCount
            if tickets[ticket].outcome != .running { return ticket }
        }
        return nil
    }

    private func request(for command: StorageCommand, id: UInt64, _ pool: Int) -> Request {
        func index(_ name: PoolName) -> Int? { pools[pool].opened?.pool.index(of: name) }
        switch command {
        case .create(let name, let sectors, let hasChecksums):
            var options = DiskOptions(name: name, sectors: sectors)
            options.hasChecksums = hasChecksums
            return .success(PoolRequest(id: id, .create(options)))
        case .snapshot(let name, let origin):
            guard let disk = index(origin) else { return .failure(.failed(.noSuchDisk)) }
            return .success(PoolRequest(id: id, .snapshot(name), disk: disk))
        case .clone(let name, let origin):
            guard let disk = index(origin) else { return .failure(.failed(.noSuchDisk)) }
            return .success(PoolRequest(id: id, .clone(DiskOptions(name: name, sectors: 0)), disk: disk))
        case .delete(let name):
            guard let disk = index(name) else { return .failure(.failed(.noSuchDisk)) }
            let isUsed = clients.contains {
                $0.disks.contains { $0.description != nil && $0.isInPool(pool, record: disk) }
            }
            if isUsed { return .failure(.isInUse) }
            return .success(PoolRequest(id: id, .delete, disk: disk))
        case .grow(let name, let sectors):
            guard let disk = index(name) else { return .failure(.failed(.noSuchDisk)) }
            return .success(PoolRequest(id: id, .grow(sectors), disk: disk))
        }
    }

    /// Takes the pool's answer to a control operation.
    mutating func controlFinished(_ answer: PoolAnswer) {
        let ticket = Int(answer.id & 0xFFFF_FFFF)
        tickets[ticket].outcome = answer.error.map { .failed($0) } ?? .done
        if case .grow(let name, _) = tickets[ticket].command, answer.error == nil {
            publishAgain(name, tickets[ticket].pool)
        }
    }

    /// Tells the clients of a disk its new size.
    private mutating func publishAgain(_ name: PoolName, _ pool: Int) {
        guard let record = pools[pool].opened?.pool.index(of: name),
            let sectors = pools[pool].opened?.pool.record(record).sectors
        else { return }
        for client in clients.indices {
            for number in clients[client].disks.indices
            where clients[client].disks[number].isInPool(pool, record: record) {
                guard var description = clients[client].disks[number].description else { continue }
                description.capacity = sectors
                publish(description, as: number, of: client)
            }
        }
    }
}

extension StorageDisk {
    fileprivate func isInPool(_ pool: Int, record: Int) -> Bool {
        isInPool && self.pool == pool && self.record == record
    }
}
