import ABI
import DiskPool

// The division of the operations among clients. The lanes of a disk of the board take turns, and each has a limit of
// requests, of the device requests that they cause, and of bytes that are under way. The limits depend on the number of
// lanes that are active, so one client alone can use nearly all operations of the disk, and each client can always
// begin some.
extension StorageServer {
    /// The operations that each lane can always have.
    static var reserve: Int { 4 }
    /// The bytes that are under way for all lanes of a disk together, except that each lane can have one request.
    static var bytesUnderWay: Int { 4 << 20 }

    /// Takes the requests of all clients, and begins requests of the lanes in turns, until none can begin.
    mutating func takeRequests() {
        for client in clients.indices { fillLanes(of: client) }
        var idleTurns = 0
        while idleTurns < lanes.count {
            if beginRequest(of: turn) {
                idleTurns = 0
            } else {
                idleTurns += 1
            }
            turn += 1
            if turn == lanes.count { turn = 0 }
        }
    }

    /// Moves the requests of a client from its connection into its lanes, at most as many as the connection has slots.
    private mutating func fillLanes(of number: Int) {
        let client = clients[number]
        for _ in 0..<client.source.capacity {
            guard let next = client.source.takeRequest() else { break }
            if Int(next.request.disk) < client.disks.count {
                lanes[client.disks[Int(next.request.disk)].lane].append(next)
            } else {
                answer(number, next.slot, next.request, .noDisk)
            }
        }
    }

    private func mayBegin(_ lane: StorageLane<Source.Slot>) -> Bool {
        let boardDisk = lane.boardDisk
        let disk = boardDisks[boardDisk]
        guard disk.running < operationsPerDisk else { return false }
        let active = disk.lanes == 1 ? 1 : lanes.count { $0.boardDisk == boardDisk && $0.isActive }
        let others = Self.reserve * (disk.lanes - 1)
        let limit = active == 1 ? operationsPerDisk - others : max(Self.reserve, (operationsPerDisk - others) / active)
        guard lane.running < limit else { return false }
        if lane.running == 0 { return true }
        return lane.runningBytes < Self.bytesUnderWay / active
            && (disk.lanes == 1 || deviceRequests(of: lane) < limit)
    }

    /// Returns the number of device requests that a lane's requests for disks of a pool have caused and that have not
    /// ended. A request that touches many units which lie apart causes one for each.
    private func deviceRequests(of lane: StorageLane<Source.Slot>) -> Int {
        var count = 0
        for disk in clients[lane.client].disks
        where disk.isInPool && disk.description != nil && lanes[disk.lane] === lane {
            count += pools[disk.pool].opened?.pool.deviceRequests(of: disk.record) ?? 0
        }
        return count
    }

    /// Begins the next request of a lane. Returns false if there is none, or it has to wait.
    private mutating func beginRequest(of number: Int) -> Bool {
        let lane = lanes[number]
        guard lane.count > 0, mayBegin(lane), let next = lane.first, let index = freeOperations.last
        else { return false }
        let client = lane.client
        // After a restart, requests come before the disks are open again.
        if isOpening(next.request.disk, of: client) { return false }
        if let status = earlyAnswer(next.request, of: client) {
            lane.removeFirst()
            answer(client, next.slot, next.request, status)
            return true
        }
        order += 1
        operations[index] = StorageOperation(
            stage: .running, client: client, slot: next.slot, request: next.request, order: order)
        // The request stays in front of the lane's others if there is no room for it.
        guard begin(index) else {
            operations[index] = StorageOperation()
            return false
        }
        freeOperations.removeLast()
        lane.removeFirst()
        lane.running += 1
        lane.runningBytes += Int(next.request.length)
        boardDisks[lane.boardDisk].running += 1
        return true
    }

    /// Takes an operation that has ended out of the counts of its lane.
    mutating func leave(_ operation: StorageOperation<Source.Slot>) {
        let lane = lanes[clients[operation.client].disks[Int(operation.request.disk)].lane]
        lane.running -= 1
        lane.runningBytes -= Int(operation.request.length)
        boardDisks[lane.boardDisk].running -= 1
    }

    private func isOpening(_ disk: UInt16, of client: Int) -> Bool {
        guard !isOpen else { return false }
        let disk = clients[client].disks[Int(disk)]
        return disk.description == nil && !isHopeless(disk)
    }

    /// Passes an operation's request on. Returns false if there is no room for it now.
    private mutating func begin(_ index: Int) -> Bool {
        let client = clients[operations[index].client]
        let disk = Int(operations[index].request.disk)
        return client.disks[disk].isInPool
            ? beginPool(index, client.disks[disk].pool, record: client.disks[disk].record) : beginWhole(index)
    }
}
