import ABI

/// The logic of the console driver: moves bytes between the board's serial port and the clients' queues.
/// `ConsoleChannel` says how they share the line.
///
/// One `look` is a bounded piece of work, whatever clients and line do meanwhile: it sends and receives a bounded
/// number of bytes, waits for nothing, and wakes each client at most once. `LookSchedule` says when to look.
public struct SerialConsole {
    private var output: LineOutput
    private var input: LineInput

    /// - Parameters:
    ///   - clients: The number of clients.
    ///   - patience: The time for which input for a client that does not read may delay that of the others, in ticks
    ///     of the clock.
    ///   - isRestarted: An earlier life of the driver may have died before it told a client of room.
    public init(clients: Int, patience: UInt64, isRestarted: Bool) {
        output = LineOutput(crowded: isRestarted ? ClientSet(count: clients) : ClientSet())
        input = LineInput(patience: patience)
    }

    /// Whether something is left to move, so that the driver must look again without being called.
    public var hasMore: Bool { input.hasMore || output.hasMore }

    /// Moves what can be moved now.
    ///
    /// - Parameter now: The clock, in ticks.
    public mutating func look<Port: SerialPort, Clients: ConsoleClients>(
        _ port: inout Port, _ clients: inout Clients, at now: UInt64
    ) {
        var woken = ClientSet()
        input.receive(&port, &clients, &woken, at: now)
        output.send(&port, &clients, &woken)
        while let client = woken.removeFirst() { clients.wake(client) }
    }
}
