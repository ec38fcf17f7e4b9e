import ABI
@_spi(Kernel) import Entente
import RuntimeSupport

/// The memory of the transfers. Addresses are the same in both spaces, and so is the memory unless a comment says
/// otherwise.
enum Place {
    static let largest: UInt64 = 1 << 20
    /// The message page of the thread that uses it, for each space another one.
    static let messages: UInt64 = ComponentLayout.workspace &+ 0x1000_0000
    /// The data of the client, or the place to which the server puts the data. Each space has its own. One page more
    /// than `largest`, because the last message of registers may reach beyond the end.
    static let buffer: UInt64 = ComponentLayout.workspace &+ 0x2000_0000
    /// The server's buffer, as the client sees it in order to check the transfers.
    static let arrived: UInt64 = ComponentLayout.workspace &+ 0x2400_0000
    /// The pages of two rings, and one with the size of the items that follow.
    static let ring: UInt64 = ComponentLayout.workspace &+ 0x3000_0000
    static let ringInPlace: UInt64 = ring &+ 4096
    static let announced: UInt64 = ring &+ 8192
    /// The data that both sides of a ring see.
    static let window: UInt64 = ComponentLayout.workspace &+ 0x3400_0000
}

/// Copies by `memcpy`, as programs do. Its loop takes 256 bytes in a turn by general registers, and so does the
/// kernel's.
@inline(__always)
func copy(to target: UInt64, from source: UInt64, _ size: UInt64) {
    // SAFETY: callers pass memory of `Place`, which stays mapped, and sizes up to `Place.largest`.
    unsafe UnsafeMutableRawPointer(bitPattern: UInt(target)).unsafelyUnwrapped.copyMemory(
        from: UnsafeRawPointer(bitPattern: UInt(source)).unsafelyUnwrapped, byteCount: Int(size))
}

/// Returns the six words that begin at an address.
@inline(__always)
func words(at place: UInt64) -> Words {
    Words(
        entente_read64(place), entente_read64(place &+ 8), entente_read64(place &+ 16), entente_read64(place &+ 24),
        entente_read64(place &+ 32), entente_read64(place &+ 40))
}

@inline(__always)
func store(_ words: Words, at place: UInt64) {
    entente_write64(place, words.w0)
    entente_write64(place &+ 8, words.w1)
    entente_write64(place &+ 16, words.w2)
    entente_write64(place &+ 24, words.w3)
    entente_write64(place &+ 32, words.w4)
    entente_write64(place &+ 40, words.w5)
}
