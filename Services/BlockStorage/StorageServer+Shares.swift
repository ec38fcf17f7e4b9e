import ABI

// The division of the operations among clients. Clients take turns, and each has a limit of requests and of bytes that
// are under way. The limits depend on the number of clients that are active, so one client alone can use nearly all
// operations, and each client can always begin some.
extension StorageServer {
    /// The operations that each client can always have.
    static var reserve: Int { 4 }
    /// The bytes that are under way for all clients together, except that each client can have one request.
    static var bytesUnderWay: Int { 4 << 20 }

    /// Takes requests of clients in turns, until no client has one that can begin. Returns true if any began.
    mutating func takeRequests() -> Bool {
        var hasTaken = false
        var idleTurns = 0
        while idleTurns < clients.count {
            if takeRequest(of: turn) {
                hasTaken = true
                idleTurns = 0
            } else {
                idleTurns += 1
            }
            turn += 1
            if turn == clients.count { turn = 0 }
        }
        return hasTaken
    }

    private func mayTake(_ client: Int) -> Bool {
        let active = max(1, clients.count { $0.running > 0 || $0.held != nil } + (clients[client].running > 0 ? 0 : 1))
        let others = Self.reserve * (clients.count - 1)
        let limit = active == 1 ? operations.count - others : max(Self.reserve, (operations.count - others) / active)
        let bytes = Self.bytesUnderWay / active
        return clients[client].running < limit && (clients[client].running == 0 || clients[client].runningBytes < bytes)
    }

    /// Begins the next request of a client. Returns false if there is none, or it has to wait.
    private mutating func takeRequest(of client: Int) -> Bool {
        guard mayTake(client), let index = freeOperations.last else { return false }
        let next: (slot: Source.Slot, request: BlockRequest)
        if let held = clients[client].held {
            next = held
        } else if let taken = clients[client].source.takeRequest() {
            next = taken
        } else {
            return false
        }
        // After a restart, requests come before the disks are open again.
        if isOpening(next.request.disk, of: client) {
            clients[client].held = next
            return false
        }
        clients[client].held = nil
        if let status = earlyAnswer(next.request, of: client) {
            answer(client, next.slot, next.request, status)
            return true
        }
        freeOperations.removeLast()
        order += 1
        operations[index] = StorageOperation(
            stage: .running, client: client, slot: next.slot, request: next.request, order: order)
        clients[client].running += 1
        clients[client].runningBytes += Int(next.request.length)
        if begin(index) { return true }
        // The request keeps its place in front of the client's others.
        operations[index] = StorageOperation()
        freeOperations.append(index)
        clients[client].running -= 1
        clients[client].runningBytes -= Int(next.request.length)
        clients[client].held = next
        return false
    }

    private func isOpening(_ disk: UInt16, of client: Int) -> Bool {
        guard !isOpen, clients[client].disks.indices.contains(Int(disk)) else { return false }
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
