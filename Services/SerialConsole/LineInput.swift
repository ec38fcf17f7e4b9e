import ABI

/// Distributes the bytes of the line to the clients of their channels.
///
/// If the queue of a byte's client is full, the driver holds the byte, and the bytes behind it wait in the port. After
/// `patience` ticks of the clock the driver drops the byte, so that the other clients get their input. It drops
/// further bytes for that client at once until the client makes room. Otherwise each of them would delay the others
/// as long again.
struct LineInput {
    /// The number of bytes that one look takes from the port, because an emulator refills the port without end.
    static let work = 256

    /// True if input is left: the driver holds a byte, or the port may have more.
    private(set) var hasMore = false

    /// The channel of the next byte; -1 for none, because after a restart no client owns input until the line names
    /// one.
    private var channel = -1
    private var reader = ConsoleLineReader()
    /// The byte, or the break, that found its client's queue full.
    private var held: UInt16?
    /// The tick of the clock at which the driver drops `held`.
    private var deadline: UInt64 = 0
    /// The number of ticks that a held byte waits.
    private let patience: UInt64
    /// The clients that have lost a byte, and whose queue has had no room since then.
    private var deaf = ClientSet()

    init(patience: UInt64) { self.patience = patience }

    /// Moves received bytes to their clients, and adds each client that got bytes to `woken`.
    mutating func receive<Port: SerialPort, Clients: ConsoleClients>(
        _ port: inout Port, _ clients: inout Clients, _ woken: inout ClientSet, at now: UInt64
    ) {
        hasMore = true
        if let character = held {
            if now >= deadline { deaf.insert(channel - 1) }
            guard deliver(character, &clients, &woken) else { return }
            held = nil
        }
        for _ in 0..<Self.work {
            guard let byte = port.receive() else { return hasMore = false }
            if let character = accept(byte), !deliver(character, &clients, &woken) {
                held = character
                deadline = now &+ patience
                return
            }
        }
    }

    /// Processes one byte of the line. Returns the byte or the break that it gives the channel's client, or nil.
    private mutating func accept(_ byte: UInt8) -> UInt16? {
        switch reader.take(byte) {
        case .byte(let byte): return UInt16(byte)
        case .lineBreak: return ConsoleQueue.breakCharacter
        case .channel(let number): channel = Int(number)
        case .unknownChannel: channel = -1
        case .nothing: break
        }
        return nil
    }

    /// Puts a byte or a break into the queue of the channel's client, or drops it if the channel has no client. Returns
    /// false if the driver must hold it.
    private mutating func deliver<Clients: ConsoleClients>(
        _ character: UInt16, _ clients: inout Clients, _ woken: inout ClientSet
    ) -> Bool {
        let client = channel - 1
        guard client >= 0, client < clients.count else { return true }
        let isPut =
            character == ConsoleQueue.breakCharacter
            ? clients.putBreak(to: client) : clients.put(UInt8(truncatingIfNeeded: character), to: client)
        guard isPut else { return deaf.contains(client) }
        deaf.remove(client)
        woken.insert(client)
        return true
    }
}
