import BlockStorage
import DiskPool
import Entente

// The storage component serves virtual disks of pools, and whole disks of the board, to the backends of machines and
// to components. It passes requests to the block driver. The logic is in Services/BlockStorage and Services/DiskPool.
//
// It runs on a budget of its own. A client that floods it fills only its own connection.

@c(entente_main)
func ententeMain(_ argument: UInt64) {
    var storage = Storage()
    storage.heard(Events(bits: 0))
    serve(&storage)
}

struct Storage {
    var server: StorageServer<BlockServer, DriverEnd, PoolWindow, RecoveryMemory, Report>
    private let alarm = Alarm(raising: .number(63))

    init() {
        let windows = ClientWindows()
        var clients: [StorageClient<BlockServer>] = []
        var connections = Configuration.resources(of: .blockClient)
        while let connection = connections.next() {
            let source = BlockServer(of: connection)
            let window = Int(source.clientNumber)
            clients.append(
                StorageClient(
                    source: source, window: UInt16(window), windowSize: windows.size(window),
                    disks: Storage.disks(of: source.clientNumber)))
        }
        server = StorageServer(
            clients: clients, driver: DriverEnd(BlockClient(named: "block-driver")),
            observer: Report(clients: clients.count, boardDisks: Storage.boardDiskCount),
            operations: 64 + 4 * clients.count)
        addPools(windows)
    }

    /// Returns the disks of a client, by their numbers in its connection.
    private static func disks(of client: UInt64) -> [StorageDisk] {
        var disks: [StorageDisk] = []
        var resources = Configuration.resources(of: .virtualDisk)
        while let resource = resources.next() {
            guard resource.number & 0xFFFF == client else { continue }
            let flags = resource.number >> 32
            let name = PoolName(resource.nameBytes) ?? PoolName()
            // The plan numbers a client's disks from 0 on, in the order of the resources.
            disks.append(
                StorageDisk(
                    place(flags, name),
                    boardDisk: Int(truncatingIfNeeded: resource.detail),
                    isReadOnly: flags & VirtualDiskFlags.readOnly != 0))
        }
        return disks
    }

    private static func place(_ flags: UInt64, _ name: PoolName) -> StorageDisk.Place {
        guard flags & VirtualDiskFlags.isWhole != 0 else { return .pool(name) }
        let partition = Int(truncatingIfNeeded: flags >> VirtualDiskFlags.partitionShift & 255)
        return partition == 0 ? .whole : .partition(partition)
    }

    /// Divides this component's own window: the memory for partition tables comes first, and behind it the pools have
    /// equal parts.
    private mutating func addPools(_ windows: ClientWindows) {
        guard let own = Configuration.resource(.window, named: "window") else { return }
        let tables = type(of: server).partitionMemorySize * Storage.boardDiskCount
        server.readPartitions(into: PoolWindow(own, offset: 0, size: tables, windows), at: 0)
        var boardDisks: [Int] = []
        for client in server.clients {
            for disk in client.disks {
                guard case .pool = disk.place, !boardDisks.contains(disk.boardDisk) else { continue }
                boardDisks.append(disk.boardDisk)
            }
        }
        guard !boardDisks.isEmpty else { return }
        let size = (Int(own.size) - tables) / boardDisks.count / PoolLayout.unitSize * PoolLayout.unitSize
        let recovery = Configuration.resource(.lastingMemory, named: "recovery")
        for (index, boardDisk) in boardDisks.enumerated() {
            let offset = tables + index * size
            server.addPool(
                on: boardDisk, memory: PoolWindow(own, offset: offset, size: size, windows), size: size, at: offset,
                log: RecoveryMemory(recovery, part: index, of: boardDisks.count))
        }
    }

    /// The number of the board's disks.
    private static var boardDiskCount: Int {
        var resources = Configuration.resources(of: .boardDisk)
        var count = 0
        while resources.next() != nil { count += 1 }
        return count
    }

    /// Works until nothing can go on, and announces to all peers that this component sleeps. `serve` then waits for a
    /// call or for the next event.
    mutating func heard(_ events: Events) {
        repeat {
            wake()
            work()
        } while !sleeps()
    }

    mutating func work() {
        repeat {
            if server.hasTrouble { server.second = Clock.now / Clock.frequency }
            server.run()
            server.driver.notify()
            server.notifyClients { $0.notify() }
        } while server.hasWork
        // A disk that has failed is tried again although no request comes.
        if server.hasTrouble { alarm.set(after: .seconds(1)) }
    }

    /// Announces to all peers that this component will sleep. Returns false if a peer has work for it.
    ///
    /// No client has a request that the server leaves in the connection, so that a false answer always means work.
    private mutating func sleeps() -> Bool {
        var sleeps = server.driver.client.willSleep()
        for client in server.clients where !client.source.willSleep() { sleeps = false }
        return sleeps
    }

    @inline(__always)
    private func wake() {
        server.driver.client.didWake()
        for client in server.clients { client.source.didWake() }
    }
}

extension Resource {
    /// The bytes of the name.
    fileprivate var nameBytes: [UInt8] {
        var bytes: [UInt8] = []
        for index in 0..<Resource.nameSize where name[index] != 0 { bytes.append(name[index]) }
        return bytes
    }
}
