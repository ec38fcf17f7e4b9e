import ABI

/// The logic of the console driver, which moves bytes between the board's serial port and the clients' rings.
/// `ConsoleChannel` describes the channels of the line.
///
/// One `look` is a bounded piece of work for any behaviour of clients and line. It sends and receives a bounded
/// number of bytes, never waits, and wakes each client at most once. `LookSchedule` decides when to look.
public struct SerialConsole {
    private var output: LineOutput
    private var input: LineInput

    /// Begins with an idle line.
    ///
    /// - Parameters:
    ///   - clients: the number of clients.
    ///   - patience: the time, in ticks of the clock, for which input for a client that does not read may delay the
    ///     input of the others.
    ///   - isRestarted: true if an earlier life of the driver may have died before it told a client of room.
    public init(clients: Int, patience: UInt64, isRestarted: Bool) {
        output = LineOutput(crowded: isRestarted ? ClientSet(count: clients) : ClientSet())
        input = LineInput(patience: patience)
    }

    /// True if something is left to move, so that the driver must look again without a signal.
    public var hasMore: Bool { input.hasMore || output.hasMore }

    /// Moves as many bytes as it can now.
    ///
    /// - Parameter now: the clock, in ticks.
    public mutating func look<Port: SerialPort, Clients: ConsoleClients>(
        _ port: inout Port, _ clients: inout Clients, at now: UInt64
    ) {
        var woken = ClientSet()
        input.receive(&port, &clients, &woken, at: now)
        output.send(&port, &clients, &woken)
        while let client = woken.removeFirst() { clients.wake(client) }
    }
}
