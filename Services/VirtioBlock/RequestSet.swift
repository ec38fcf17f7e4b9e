/// A set of numbers of requests below `capacity`.
struct RequestSet {
    static let capacity = 256
    private var words = InlineArray<4, UInt64>(repeating: 0)

    @inline(__always) private static func bit(_ number: Int) -> UInt64 { 1 &<< UInt64(truncatingIfNeeded: number) }

    @inline(__always) mutating func insert(_ number: Int) { words[number >> 6] |= Self.bit(number) }
    @inline(__always) mutating func remove(_ number: Int) { words[number >> 6] &= ~Self.bit(number) }
    @inline(__always) func contains(_ number: Int) -> Bool { words[number >> 6] & Self.bit(number) != 0 }
    mutating func formUnion(_ other: RequestSet) { for word in 0..<4 { words[word] |= other.words[word] } }
    @inline(__always) var isEmpty: Bool { words[0] | words[1] | words[2] | words[3] == 0 }

    /// The smallest number, or nil if the set is empty.
    @inline(__always) var first: Int? {
        for word in 0..<4 where words[word] != 0 { return word &* 64 &+ words[word].trailingZeroBitCount }
        return nil
    }

    /// Removes the smallest number and returns it.
    @inline(__always) mutating func removeFirst() -> Int? {
        guard let number = first else { return nil }
        remove(number)
        return number
    }
}
