import ABI

/// Shares the line between the clients that have output. They send in turns of a bounded length, round-robin, and a
/// channel switch announces each change of the client.
///
/// The order survives the end of a look. When the line is full, or a look has done its work, the next look continues
/// with the same client and the rest of its turn. If each look began with client 0, one client of a low number that
/// prints without pause would silence all others on a line that is slower than it.
struct LineOutput {
    /// The number of bytes that one client sends before the next client's turn. A switch costs two bytes, or three
    /// for a client beyond the 59th, so the line loses at most 2.3 % to switches.
    static let turn = 128
    /// The limit on the work of one look. Each byte that is sent counts one, and so does each client that is asked
    /// for bytes.
    static let work = 2048

    /// True if output is left for which the line, or this look, had no room.
    private(set) var hasMore = false

    /// The client that has the turn. `left` is the number of bytes that remain of it.
    private var current = 0
    private var left = 0
    /// The channel of the line's present bytes; -1 before the first switch.
    private var channel = -1
    /// The bytes that go first: the rest of an escape or of a channel switch.
    private var unsent = ByteQueue()
    /// The clients whose queue was at least half full when their last turn began. These clients may wait for room.
    private var crowded: ClientSet

    /// Begins with client 0.
    ///
    /// - Parameter crowded: the clients that may wait for room from the start. After a restart of the driver, these
    ///   are all.
    init(crowded: ClientSet) { self.crowded = crowded }

    /// Sends as much as the line accepts, within the work of one look, and adds each client that has room again to
    /// `woken`.
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

    /// Moves bytes. Returns true if it stopped before all output was sent.
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

    /// Gives the turn to the next client that has output, the present one last. Returns false if none has output.
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

    /// Announces the channel of the bytes that follow.
    private mutating func selectChannel(_ channel: Int) {
        if self.channel == channel { return }
        // The first switch is sent twice, because an earlier life of the driver may have ended behind an escape.
        if self.channel < 0 { appendSwitch(to: channel) }
        appendSwitch(to: channel)
        self.channel = channel
    }

    private mutating func appendSwitch(to channel: Int) {
        ConsoleChannel.withSwitch(to: UInt8(truncatingIfNeeded: channel)) { unsent.append($0) }
    }

    /// Takes the next byte of the client that has the turn. Returns nil if a hostile client has taken it back.
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

/// A queue of up to eight bytes, first in, first out.
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
