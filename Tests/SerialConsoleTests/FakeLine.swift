import ABI

@testable import SerialConsole

/// A port of finite speed: its FIFO takes `depth` bytes, and `pass` lets the line take some of them.
struct FakePort: SerialPort {
    let depth: Int
    /// Bytes that the other end has received.
    private(set) var sent: [UInt8] = []
    private var fifo: [UInt8] = []
    /// Bytes that the other end has typed.
    var typed: [UInt8] = []

    init(depth: Int = 32) { self.depth = depth }

    /// Lets the line carry up to `count` bytes away.
    mutating func pass(_ count: Int) {
        sent += fifo.prefix(count)
        fifo.removeFirst(min(count, fifo.count))
    }

    func hasRoom() -> Bool { fifo.count < depth }
    mutating func send(_ byte: UInt8) {
        precondition(hasRoom(), "a byte is sent to a full port")
        fifo.append(byte)
    }
    mutating func receive() -> UInt8? { typed.isEmpty ? nil : typed.removeFirst() }

    /// The bytes of each channel, as docs/abi.md defines them.
    var channels: [UInt8: [UInt8]] {
        var channels: [UInt8: [UInt8]] = [:]
        var (channel, rest) = (UInt8(0), sent[...])
        while let byte = rest.popFirst() {
            guard byte == 0x1E else {
                channels[channel, default: []].append(byte)
                continue
            }
            guard let next = rest.popFirst() else { break }
            if next == 0x1E {
                channels[channel, default: []].append(next)
                continue
            }
            if next < 0x7C {
                channel = next - 0x40
            } else {
                guard let low = rest.popFirst() else { break }
                channel = (next - 0x7C) * 64 + (low - 0x40)
            }
        }
        return channels
    }

    mutating func type(_ text: String, to client: Int) { typed += channelSwitch(client) + Array(text.utf8) }
}

/// Returns the bytes by which the line switches to a client, as docs/abi.md defines them.
func channelSwitch(_ client: Int) -> [UInt8] {
    let channel = UInt8(client + 1)
    return channel < 60 ? [0x1E, 0x40 + channel] : [0x1E, 0x7C + channel / 64, 0x40 + channel % 64]
}

/// Clients whose console queues are plain arrays.
struct FakeClients: ConsoleClients {
    var outputs: [[UInt8]]
    var inputs: [[UInt8]]
    /// The number of bytes of input that each client takes before its queue is full.
    var inputRoom: [Int]
    /// Clients that print whenever there is room.
    var talkers: Set<Int> = []
    /// The clients that claim to have output, and have none.
    var liars: Set<Int> = []
    var wakeUps: [Int]

    var count: Int { outputs.count }

    init(count: Int) {
        outputs = Array(repeating: [], count: count)
        inputs = outputs
        inputRoom = Array(repeating: Int(ConsoleQueue.capacity), count: count)
        wakeUps = Array(repeating: 0, count: count)
    }

    func outputCount(of client: Int) -> UInt32 {
        talkers.contains(client) ? ConsoleQueue.capacity : liars.contains(client) ? 1 : UInt32(outputs[client].count)
    }
    mutating func take(from client: Int) -> UInt8? {
        if talkers.contains(client) { return UInt8(ascii: "a") &+ UInt8(client) }
        return outputs[client].isEmpty ? nil : outputs[client].removeFirst()
    }
    mutating func put(_ byte: UInt8, to client: Int) -> Bool {
        guard inputs[client].count < inputRoom[client] else { return false }
        inputs[client].append(byte)
        return true
    }
    /// The places of breaks among each client's input, which has a 0 there.
    var breaks: [Int: [Int]] = [:]
    mutating func putBreak(to client: Int) -> Bool {
        let place = inputs[client].count
        guard put(0, to: client) else { return false }
        breaks[client, default: []].append(place)
        return true
    }
    mutating func wake(_ client: Int) { wakeUps[client] += 1 }
}
