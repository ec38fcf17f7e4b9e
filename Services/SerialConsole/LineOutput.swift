import ABI

/// Shares the line between the clients that have output: turns of a bounded length, round-robin, with a channel switch
/// where the speaker changes.
///
/// The order survives the end of a look. When the line is full, or a look has done its work, the next look goes on with
/// the same client and the rest of its turn. If each look began with client 0, one talkative client of a low number
/// would silence all others on a line that is slower than it.
struct LineOutput {
    /// Bytes of one client before it is the next one's turn. A switch costs two bytes, or
    /// three for a client beyond the 59th, so the line loses at most 2.3 % to switches.
    static let turn = 128
    /// The limit on the work of one look. A byte that is sent counts one, and so does a client that is asked for bytes.
    static let work = 2048

    /// Output is left that the line, or this look, had no room for.
    private(set) var hasMore = false

    /// The client whose turn it is, and how many bytes of it are left.
    private var current = 0
    private var left = 0
    /// The channel that the bytes on the line belong to; -1 before the first.
    private var channel = -1
    /// Bytes that go first: the rest of an escape or of a channel switch.
    private var unsent = ByteQueue()
    /// Clients whose queue was at least half full when their last turn began. They may wait for room.
    private var crowded: ClientSet

    /// - Parameter crowded: The clients that may wait for room from the start: after a restart of the driver, all.
    init(crowded: ClientSet) { self.crowded = crowded }

    /// Sends what the line takes, up to the work of one look, and adds the clients that have room again to `woken`.
    mutating func send<Port: SerialPort, Clients: ConsoleClients>(
        _ port: inout Port, _ clients: inout Clients, _ woken: inout ClientSet
    ) {
        hasMore = transfer(&port, &clients)
        var waiting = crowded
        while let client = waiting.removeFirst() {
            guard client < clients.count, clients.outputCount(of: client) < ConsoleQueue.capacity / 2 else { continue }
            crowded.remove(client)
            woken.insert(client)
        }
    }

    /// Returns whether it stopped before all output was sent.
    private mutating func transfer<Port: SerialPort, Clients: ConsoleClients>(
        _ port: inout Port, _ clients: inout Clients
    ) -> Bool {
        var work = Self.work
        while work > 0 {
            guard unsent.first != nil || isTurnOpen(clients) || beginTurn(clients, &work) else { return false }
            guard port.hasRoom() else { return true }
            guard let byte = unsent.removeFirst() ?? nextByte(&clients) else { continue }
            port.send(byte)
            work -= 1
        }
        return true
    }

    private func isTurnOpen<Clients: ConsoleClients>(_ clients: Clients) -> Bool {
        left > 0 && clients.outputCount(of: current) > 0
    }

    /// Gives the turn to the next client that has output, the present one last; false if none has.
    private mutating func beginTurn<Clients: ConsoleClients>(_ clients: Clients, _ work: inout Int) -> Bool {
        for _ in 0..<clients.count {
            current = current + 1 < clients.count ? current + 1 : 0
            work -= 1
            let count = clients.outputCount(of: current)
            guard count > 0 else { continue }
            if count >= ConsoleQueue.capacity / 2 { crowded.insert(current) }
            left = Self.turn
            selectChannel(current + 1)
            return true
        }
        left = 0
        return false
    }

    /// Says whose bytes follow.
    private mutating func selectChannel(_ channel: Int) {
        if self.channel == channel { return }
        // The first time twice: an earlier life may have ended behind an escape.
        if self.channel < 0 { appendSwitch(to: channel) }
        appendSwitch(to: channel)
        self.channel = channel
    }

    private mutating func appendSwitch(to channel: Int) {
        ConsoleChannel.withSwitch(to: UInt8(truncatingIfNeeded: channel)) { unsent.append($0) }
    }

    /// Takes the next byte of the client whose turn it is; nil if a hostile client took it back.
    private mutating func nextByte<Clients: ConsoleClients>(_ clients: inout Clients) -> UInt8? {
        guard let byte = clients.take(from: current) else {
            left = 0
            return nil
        }
        left -= 1
        if byte == ConsoleChannel.escape { unsent.append(byte) }
        return byte
    }
}

/// Up to eight bytes, first in, first out.
private struct ByteQueue {
    private var bytes: UInt64 = 0
    private var count: UInt64 = 0

    var first: UInt8? { count == 0 ? nil : UInt8(truncatingIfNeeded: bytes) }

    mutating func append(_ byte: UInt8) {
        bytes |= UInt64(byte) << (count &* 8)
        count &+= 1
    }

    mutating func removeFirst() -> UInt8? {
        guard let first else { return nil }
        bytes >>= 8
        count &-= 1
        return first
    }
}
