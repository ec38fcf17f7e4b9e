import ABI

/// The requests of one client for its disks on one disk of the board.
///
/// The server takes each request out of the client's connection at once, and keeps it here until its share permits to
/// begin it. A disk of the board that does not answer therefore holds up its own lanes only. The queue has room for all
/// requests of the connection, so that it is never full, and it is allocated once.
final class StorageLane<Slot> {
    let client: Int
    let boardDisk: Int
    /// The requests that are being performed, and their bytes.
    var running = 0
    var runningBytes = 0
    private var waiting: [(slot: Slot, request: BlockRequest)?]
    private var head = 0
    private(set) var count = 0

    init(client: Int, boardDisk: Int, capacity: Int) {
        (self.client, self.boardDisk) = (client, boardDisk)
        waiting = [(slot: Slot, request: BlockRequest)?](repeating: nil, count: capacity)
    }

    /// True if the lane has requests that are being performed or wait.
    var isActive: Bool { running > 0 || count > 0 }

    var first: (slot: Slot, request: BlockRequest)? { count > 0 ? waiting[head] : nil }

    func append(_ next: (slot: Slot, request: BlockRequest)) {
        precondition(count < waiting.count, "a connection has more requests than slots")
        let place = head + count
        waiting[place < waiting.count ? place : place - waiting.count] = next
        count += 1
    }

    func removeFirst() {
        waiting[head] = nil
        head = head + 1 == waiting.count ? 0 : head + 1
        count -= 1
    }
}

/// A disk of the board that clients use.
struct StorageBoardDisk {
    /// The number of clients that use it; 0 if none does.
    var lanes = 0
    /// The clients' requests that are being performed.
    var running = 0
    /// The requests that the driver has.
    var underWay = 0
}
