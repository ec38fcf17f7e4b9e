import ABI
import DiskPool

// The division of the operations among clients. The lanes of a disk of the board take turns, and each has a limit of
// requests, of the device requests that they cause, and of bytes that are under way. The limits depend on the number of lanes that are active, so one client
// alone can use nearly all operations of the disk, and each client can always begin some.
extension StorageServer {
    /// The operations that each lane can always have.
    static var reserve: Int { 4 }
    /// The bytes that are under way for all lanes of a disk together, except that each lane can have one request.
    static var bytesUnderWay: Int { 4 << 20 }

    /// Takes the requests of all clients, and begins requests of the lanes in turns, until none can begin. Returns true
    /// if any began or was answered.
    mutating func takeRequests() -> Bool {
        var hasTaken = false
        for client in clients.indices where fillLanes(of: client) { hasTaken = true }
        var idleTurns = 0
        while idleTurns < lanes.count {
            if beginRequest(of: turn) {
                hasTaken = true
                idleTurns = 0
            } else {
                idleTurns += 1
            }
            turn += 1
            if turn == lanes.count { turn = 0 }
        }
        return hasTaken
    }

    /// Moves the requests of a client from its connection into its lanes, at most as many as the connection has slots.
    /// Returns true if any was answered at once.
    private mutating func fillLanes(of client: Int) -> Bool {
        var hasAnswered = false
        for _ in 0..<clients[client].source.capacity {
            guard let next = clients[client].source.takeRequest() else { break }
            if clients[client].disks.indices.contains(Int(next.request.disk)) {
                lanes[clients[client].disks[Int(next.request.disk)].lane].append(next)
            } else {
                answer(client, next.slot, next.request, .noDisk)
                hasAnswered = true
            }
        }
        return hasAnswered
    }

    private func mayBegin(_ lane: Int) -> Bool {
        let boardDisk = lanes[lane].boardDisk
        let disk = boardDisks[boardDisk]
        guard disk.running < operationsPerDisk else { return false }
        let active = disk.lanes == 1 ? 1 : lanes.count { $0.boardDisk == boardDisk && $0.isActive }
        let others = Self.reserve * (disk.lanes - 1)
        let limit = active == 1 ? operationsPerDisk - others : max(Self.reserve, (operationsPerDisk - others) / active)
        guard lanes[lane].running < limit else { return false }
        if lanes[lane].running == 0 { return true }
        return lanes[lane].runningBytes < Self.bytesUnderWay / active
            && (disk.lanes == 1 || deviceRequests(of: lane) < limit)
    }

    /// Returns the number of device requests that a lane's requests for disks of a pool have caused and that have not
    /// ended. A request that touches many units which lie apart causes one for each.
    private func deviceRequests(of lane: Int) -> Int {
        var count = 0
        for disk in clients[lanes[lane].client].disks where disk.lane == lane && disk.description != nil {
            guard case .pool = disk.place else { continue }
            count += pools[disk.pool].pool?.deviceRequests(of: disk.record) ?? 0
        }
        return count
    }

    /// Begins the next request of a lane. Returns false if there is none, or it has to wait.
    private mutating func beginRequest(of lane: Int) -> Bool {
        guard lanes[lane].count > 0, mayBegin(lane), let next = lanes[lane].first, let index = freeOperations.last
        else { return false }
        let client = lanes[lane].client
        // After a restart, requests come before the disks are open again.
        if isOpening(next.request.disk, of: client) { return false }
        if let status = earlyAnswer(next.request, of: client) {
            lanes[lane].removeFirst()
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
        lanes[lane].removeFirst()
        lanes[lane].running += 1
        lanes[lane].runningBytes += Int(next.request.length)
        boardDisks[lanes[lane].boardDisk].running += 1
        return true
    }

    /// Takes an operation that has ended out of the counts of its lane.
    mutating func leave(_ operation: StorageOperation<Source.Slot>) {
        let lane = clients[operation.client].disks[Int(operation.request.disk)].lane
        lanes[lane].running -= 1
        lanes[lane].runningBytes -= Int(operation.request.length)
        boardDisks[lanes[lane].boardDisk].running -= 1
    }

    private func isOpening(_ disk: UInt16, of client: Int) -> Bool {
        guard !isOpen else { return false }
        let disk = clients[client].disks[Int(disk)]
        return disk.description == nil && !isHopeless(disk)
    }

    /// Passes an operation's request on. Returns false if there is no room for it now.
    private mutating func begin(_ index: Int) -> Bool {
        let disk = clients[operations[index].client].disks[Int(operations[index].request.disk)]
        switch disk.place {
        case .whole, .partition: return beginWhole(index, disk)
        case .pool: return beginPool(index, disk)
        }
    }
}
