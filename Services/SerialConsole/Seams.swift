// The port and the queues, as the logic of the console driver sees them. On the board these are registers and shared
// pages. Tests replace them by a port of finite speed and plain queues.

/// The board's serial port.
public protocol SerialPort {
    /// Returns true if the port accepts another byte now.
    mutating func hasRoom() -> Bool
    /// Sends a byte. The caller has checked that the port has room.
    mutating func send(_ byte: UInt8)
    /// Takes a received byte, or returns nil if there is none.
    mutating func receive() -> UInt8?
}

/// The clients' queues. Client N has channel N + 1 of the line.
public protocol ConsoleClients {
    /// The number of clients; at most `ConsoleChannel.maximum - 1`, because channel 0 is the kernel's.
    var count: Int { get }
    /// Returns the number of bytes of output that a client has; at most `ConsoleQueue.capacity`.
    func outputCount(of client: Int) -> UInt32
    /// Takes a byte of a client's output, or returns nil if there is none.
    mutating func take(from client: Int) -> UInt8?
    /// Gives a client a byte of input. Returns false if the client's queue is full.
    mutating func put(_ byte: UInt8, to client: Int) -> Bool
    /// Gives a client a break of the line. Returns false if the client's queue is full.
    mutating func putBreak(to client: Int) -> Bool
    /// Signals a client that input came, or that there is room for output.
    mutating func wake(_ client: Int)
}

/// A set of clients, by their numbers, which are below 256.
struct ClientSet {
    private(set) var words = InlineArray<4, UInt64>(repeating: 0)

    init() {}

    /// Makes the set of all clients below `count`.
    init(count: Int) { for client in 0..<count { insert(client) } }

    func contains(_ client: Int) -> Bool { words[client >> 6] >> UInt64(client & 63) & 1 != 0 }
    mutating func insert(_ client: Int) { words[client >> 6] |= 1 << UInt64(client & 63) }
    mutating func remove(_ client: Int) { words[client >> 6] &= ~(1 << UInt64(client & 63)) }

    /// Removes the lowest client and returns it, or nil if the set is empty.
    mutating func removeFirst() -> Int? {
        for index in 0..<4 where words[index] != 0 {
            let bit = words[index].trailingZeroBitCount
            words[index] &= words[index] &- 1
            return index << 6 | bit
        }
        return nil
    }
}
