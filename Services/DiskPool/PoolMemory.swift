/// The memory of a pool, in words of 32 bits, and the windows of its clients.
///
/// The component implements it over memory that the device reaches, the host tool over an array. Offsets and counts
/// are in bytes and multiples of 4. The pool never keeps a value across two calls that its memory could change.
public protocol PoolMemory {
    /// Returns the word at `offset`.
    func load(_ offset: Int) -> UInt32
    /// Stores a word at `offset`.
    mutating func store(_ offset: Int, _ word: UInt32)
    /// Returns the CRC-32C of `count` bytes from `offset` on.
    func checksum(_ offset: Int, count: Int) -> UInt32
    /// Clears `count` bytes from `offset` on.
    mutating func clear(_ offset: Int, count: Int)

    /// Returns the CRC-32C of a part of a client's window. The client may change the part meanwhile. It then harms only
    /// its own data.
    func checksum(window: Int, _ offset: Int, count: Int) -> UInt32
    /// Clears a part of a client's window.
    mutating func clear(window: Int, _ offset: Int, count: Int)
    /// Copies from a client's window to the memory.
    mutating func copy(window: Int, _ offset: Int, to: Int, count: Int)
    /// Copies from the memory to a client's window.
    mutating func copy(_ from: Int, toWindow window: Int, _ offset: Int, count: Int)
}

/// Computes CRC-32C (Castagnoli), the checksum of iSCSI (RFC 3720, 12.1), word by word.
///
/// A `PoolMemory` may use the instructions of its processor instead.
public struct CRC32C: Sendable {
    private var table: [UInt32]

    public init() {
        table = [UInt32](repeating: 0, count: 1024)
        for byte in 0..<256 {
            var value = UInt32(byte)
            for _ in 0..<8 { value = value & 1 != 0 ? value >> 1 ^ 0x82F6_3B78 : value >> 1 }
            table[byte] = value
        }
        for byte in 0..<256 {
            for step in 1..<4 {
                let before = table[(step - 1) * 256 + byte]
                table[step * 256 + byte] = before >> 8 ^ table[Int(before & 0xFF)]
            }
        }
    }

    /// The remainder with which a checksum begins. The checksum is the inverse of the last remainder.
    public static var initial: UInt32 { ~0 }

    /// Adds four bytes, in the order of memory, to a remainder.
    @inline(__always)
    public func add(_ word: UInt32, to remainder: UInt32) -> UInt32 {
        let value = remainder ^ word
        return table[768 + Int(value & 0xFF)] ^ table[512 + Int(value >> 8 & 0xFF)]
            ^ table[256 + Int(value >> 16 & 0xFF)] ^ table[Int(value >> 24)]
    }
}
