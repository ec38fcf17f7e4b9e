/// A queue of up to 32 bytes, first in, first out.
struct ByteFIFO {
    static let capacity = 32

    private var bytes = InlineArray<32, UInt8>(repeating: 0)
    private var start = 0
    private(set) var count = 0

    @inline(__always) var isEmpty: Bool { count == 0 }
    var first: UInt8? { isEmpty ? nil : bytes[start] }

    /// Appends a byte. There must be room.
    mutating func append(_ byte: UInt8) {
        bytes[(start + count) % ByteFIFO.capacity] = byte
        count += 1
    }

    /// Removes the first byte. There must be one.
    mutating func removeFirst() {
        start = (start + 1) % ByteFIFO.capacity
        count -= 1
    }

    mutating func popFirst() -> UInt8? {
        guard let byte = first else { return nil }
        removeFirst()
        return byte
    }
}
