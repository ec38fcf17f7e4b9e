import ABI

/// Takes the line apart: gives each received byte to the client of its channel.
///
/// A byte that finds its client's queue full is held, and what follows waits in the port. After `patience`, measured by
/// the clock, the byte is dropped so that other clients get their input. Until that client makes room, its further
/// bytes are dropped at once. Otherwise each of them would delay the others as long again.
struct LineInput {
    /// The number of bytes that one look takes from the port, because an emulator refills it without end.
    static let work = 256

    /// Input is left: a byte is held, or the port may have more.
    private(set) var hasMore = false

    /// Nobody's (-1): after a restart of the driver, input has no owner until the line names one.
    private var channel = -1
    private var reader = ConsoleLineReader()
    /// The byte that found its client's queue full.
    private var held: UInt8?
    /// Ticks of the clock at which `held` is dropped.
    private var deadline: UInt64 = 0
    /// Ticks that a held byte waits.
    private let patience: UInt64
    /// Clients that a byte was dropped of, and whose queue has had no room since.
    private var deaf = ClientSet()

    init(patience: UInt64) { self.patience = patience }

    /// Moves received bytes to their clients, and adds those who got some to `woken`.
    mutating func receive<Port: SerialPort, Clients: ConsoleClients>(
        _ port: inout Port, _ clients: inout Clients, _ woken: inout ClientSet, at now: UInt64
    ) {
        hasMore = true
        if let byte = held {
            if now >= deadline { deaf.insert(channel - 1) }
            guard deliver(byte, &clients, &woken) else { return }
            held = nil
        }
        for _ in 0..<Self.work {
            guard let byte = port.receive() else { return hasMore = false }
            guard accept(byte, &clients, &woken) else {
                held = byte
                deadline = now &+ patience
                return
            }
        }
    }

    /// Returns false if the byte must be held.
    private mutating func accept<Clients: ConsoleClients>(
        _ byte: UInt8, _ clients: inout Clients, _ woken: inout ClientSet
    ) -> Bool {
        switch reader.take(byte) {
        case .byte(let byte): return deliver(byte, &clients, &woken)
        case .channel(let number): channel = Int(number)
        case .unknownChannel: channel = -1
        case .nothing: break
        }
        return true
    }

    /// Puts the byte into the queue of the channel's client; bytes for a channel that nobody has are dropped.
    private mutating func deliver<Clients: ConsoleClients>(
        _ byte: UInt8, _ clients: inout Clients, _ woken: inout ClientSet
    ) -> Bool {
        let client = channel - 1
        guard client >= 0, client < clients.count else { return true }
        guard clients.put(byte, to: client) else { return deaf.contains(client) }
        deaf.remove(client)
        woken.insert(client)
        return true
    }
}
