// The parts of the console driver, as its logic sees them. On the board these are registers and shared pages; tests
// put a port of finite speed and plain queues in their place.

/// The board's serial port.
public protocol SerialPort {
    /// Returns whether the port accepts another byte now.
    mutating func hasRoom() -> Bool
    /// Sends a byte. The port has room: the caller has asked.
    mutating func send(_ byte: UInt8)
    /// Takes a received byte; nil if there is none.
    mutating func receive() -> UInt8?
}

/// The clients' queues. Client N has channel N + 1 of the line.
public protocol ConsoleClients {
    /// The number of clients; at most `ConsoleChannel.maximum - 1`, because channel 0 is the kernel's.
    var count: Int { get }
    /// Returns how many bytes of output a client has; at most `ConsoleQueue.capacity`.
    func outputCount(of client: Int) -> UInt32
    /// Takes a byte of a client's output; nil if there is none.
    mutating func take(from client: Int) -> UInt8?
    /// Gives a client a byte of input; false if its queue is full.
    mutating func put(_ byte: UInt8, to client: Int) -> Bool
    /// Tells a client that input came, or that there is room for output.
    mutating func wake(_ client: Int)
}

/// A set of clients, by their numbers, which are below 256.
struct ClientSet {
    private(set) var words = InlineArray<4, UInt64>(repeating: 0)

    init() {}

    /// All clients from 0 up to `count`.
    init(count: Int) { for client in 0..<count { insert(client) } }

    func contains(_ client: Int) -> Bool { words[client >> 6] >> UInt64(client & 63) & 1 != 0 }
    mutating func insert(_ client: Int) { words[client >> 6] |= 1 << UInt64(client & 63) }
    mutating func remove(_ client: Int) { words[client >> 6] &= ~(1 << UInt64(client & 63)) }

    /// Removes the lowest client and returns it; nil if the set is empty.
    mutating func removeFirst() -> Int? {
        for index in 0..<4 where words[index] != 0 {
            let bit = words[index].trailingZeroBitCount
            words[index] &= words[index] &- 1
            return index << 6 | bit
        }
        return nil
    }
}
