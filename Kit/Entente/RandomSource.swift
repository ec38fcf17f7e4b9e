import ABI

/// A generator of random numbers from a seed: the ChaCha20 block function (RFC 8439) with a key that replaces itself
/// at each step. A receiver of numbers therefore learns nothing about earlier numbers or those of other receivers.
public struct RandomSource {
    private var key: InlineArray<8, UInt32>
    /// False if all bits of the seed were 0, which means that there was no source of random bits.
    public let hasEntropy: Bool

    public init(seed: InlineArray<4, UInt64>) {
        key = InlineArray<8, UInt32>(repeating: 0)
        hasEntropy = seed[0] | seed[1] | seed[2] | seed[3] != 0
        for index in 0..<4 {
            key[2 * index] = UInt32(truncatingIfNeeded: seed[index])
            key[2 * index + 1] = UInt32(truncatingIfNeeded: seed[index] >> 32)
        }
    }

    /// Returns the next 256 random bits.
    public mutating func next() -> InlineArray<4, UInt64> {
        let block = RandomSource.block(key: key, counter: 0, nonce: InlineArray<3, UInt32>(repeating: 0))
        var words = InlineArray<4, UInt64>(repeating: 0)
        for index in 0..<8 { key[index] = block[index] }
        for index in 0..<4 { words[index] = UInt64(block[8 + 2 * index]) | UInt64(block[9 + 2 * index]) << 32 }
        return words
    }

    /// Mixes a number into the key. A number that an attacker knows does not weaken the generator.
    public mutating func mix(_ number: UInt64) {
        key[0] ^= UInt32(truncatingIfNeeded: number)
        key[1] ^= UInt32(truncatingIfNeeded: number >> 32)
        _ = next()
    }

    /// Returns one block of ChaCha20 (RFC 8439, 2.3).
    static func block(
        key: InlineArray<8, UInt32>, counter: UInt32, nonce: InlineArray<3, UInt32>
    ) -> InlineArray<16, UInt32> {
        var start = InlineArray<16, UInt32>(repeating: 0)
        (start[0], start[1], start[2], start[3]) = (0x6170_7865, 0x3320_646E, 0x7962_2D32, 0x6B20_6574)
        for index in 0..<8 { start[4 + index] = key[index] }
        start[12] = counter
        for index in 0..<3 { start[13 + index] = nonce[index] }
        var state = start
        for _ in 0..<10 {
            for column in 0..<4 { quarterRound(&state, column, 4 + column, 8 + column, 12 + column) }
            for column in 0..<4 {
                quarterRound(&state, column, 4 + (column + 1) % 4, 8 + (column + 2) % 4, 12 + (column + 3) % 4)
            }
        }
        for index in 0..<16 { state[index] &+= start[index] }
        return state
    }

    private static func quarterRound(_ state: inout InlineArray<16, UInt32>, _ a: Int, _ b: Int, _ c: Int, _ d: Int) {
        state[a] &+= state[b]
        state[d] = rotated(state[d] ^ state[a], by: 16)
        state[c] &+= state[d]
        state[b] = rotated(state[b] ^ state[c], by: 12)
        state[a] &+= state[b]
        state[d] = rotated(state[d] ^ state[a], by: 8)
        state[c] &+= state[d]
        state[b] = rotated(state[b] ^ state[c], by: 7)
    }

    private static func rotated(_ word: UInt32, by bits: UInt32) -> UInt32 { word << bits | word >> (32 - bits) }
}

#if hasFeature(Embedded)
    // SAFETY: a component has one thread (docs/caveats.md); a monitor, which has more, asks for no random numbers.
    nonisolated(unsafe) private var source: RandomSource? = nil

    /// Fills a buffer with random bytes for the standard library, which uses them for `Int.random(in:)`, its other
    /// random functions and the seeds of hash tables. Root gives each life of a component its own seed
    /// (docs/components.md names its origin).
    @c(arc4random_buf)
    public func fillRandomly(_ buffer: UnsafeMutableRawPointer, _ size: Int) {
        // SAFETY: one thread, see `source`.
        var random = unsafe source ?? RandomSource(seed: Configuration.current.seed)
        for start in stride(from: 0, to: size, by: 32) {
            let words = random.next()
            for index in 0..<min(32, size - start) {
                let byte = UInt8(truncatingIfNeeded: words[index / 8] >> UInt64(index % 8 * 8))
                // SAFETY: the caller names `size` bytes of its own.
                unsafe buffer.storeBytes(of: byte, toByteOffset: start + index, as: UInt8.self)
            }
        }
        // SAFETY: one thread, see `source`.
        unsafe source = random
    }
#endif
