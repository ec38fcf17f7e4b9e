import ABI
import Synchronization

/// Memory that another component shares and may change at any moment. Each access is one atomic load or store inside
/// of the memory's bounds, so that a peer can change the numbers that a load returns, but nothing else of this
/// component.
@safe
public struct SharedMemory: @unchecked Sendable {
    private let base: UnsafeMutableRawPointer
    /// The size in bytes; a multiple of 8.
    public let size: Int

    /// Uses memory of this component.
    ///
    /// - Parameters:
    ///   - base: the address, a multiple of 8. The memory must stay mapped as long as this value is used.
    ///   - size: the size in bytes. Bytes beyond a multiple of 8 stay unused.
    @unsafe public init(base: UnsafeMutableRawPointer, size: Int) {
        precondition(Int(bitPattern: base) & 7 == 0 && size >= 0, "shared memory must be aligned")
        // SAFETY: the caller promises that the memory stays mapped; `wide` and `narrow` check each offset.
        unsafe self.base = unsafe base
        self.size = size & ~7
    }

    /// Uses the memory of a resource.
    // SAFETY: the caller promises that root has mapped it for the whole life of this component.
    @unsafe init(of resource: Resource) {
        unsafe self.init(
            base: UnsafeMutableRawPointer(bitPattern: UInt(Seam.address(resource.address))).unsafelyUnwrapped,
            size: Int(truncatingIfNeeded: resource.size))
    }

    /// The eight bytes at `offset`, as a number. The offset is a multiple of 8 below `size`; otherwise the component
    /// stops.
    @inline(__always)
    public subscript(offset: Int) -> UInt64 {
        // SAFETY: `wide` checks that the word lies inside of the memory.
        get { unsafe wide(offset).pointee.load(ordering: .relaxed) }
        nonmutating set { unsafe wide(offset).pointee.store(newValue, ordering: .relaxed) }
    }

    /// Copies as many words as `words` has out of the memory. The peer may change each word meanwhile.
    ///
    /// - Parameters:
    ///   - words: receives the words.
    ///   - offset: the place of the first word in bytes, a multiple of 8. If the words do not all lie inside of the
    ///     memory, the component stops.
    public func read(into words: inout MutableSpan<UInt64>, at offset: Int) {
        requireWords(words.count, at: offset)
        var index = 0
        // SAFETY: `requireWords` has checked the words of the memory, and each index is below the count.
        while index < words.count & ~3 {
            unsafe words[unchecked: index] = word(offset, index).pointee.load(ordering: .relaxed)
            unsafe words[unchecked: index + 1] = word(offset, index + 1).pointee.load(ordering: .relaxed)
            unsafe words[unchecked: index + 2] = word(offset, index + 2).pointee.load(ordering: .relaxed)
            unsafe words[unchecked: index + 3] = word(offset, index + 3).pointee.load(ordering: .relaxed)
            index += 4
        }
        while index < words.count {
            // SAFETY: as above.
            unsafe words[unchecked: index] = word(offset, index).pointee.load(ordering: .relaxed)
            index += 1
        }
    }

    /// Copies words into the memory.
    ///
    /// - Parameters:
    ///   - words: the words to be copied.
    ///   - offset: the place of the first word in bytes, a multiple of 8. If the words do not all fit into the memory,
    ///     the component stops.
    public func write(_ words: Span<UInt64>, at offset: Int) {
        requireWords(words.count, at: offset)
        var index = 0
        // SAFETY: `requireWords` has checked the words of the memory, and each index is below the count.
        while index < words.count & ~3 {
            unsafe word(offset, index).pointee.store(words[unchecked: index], ordering: .relaxed)
            unsafe word(offset, index + 1).pointee.store(words[unchecked: index + 1], ordering: .relaxed)
            unsafe word(offset, index + 2).pointee.store(words[unchecked: index + 2], ordering: .relaxed)
            unsafe word(offset, index + 3).pointee.store(words[unchecked: index + 3], ordering: .relaxed)
            index += 4
        }
        while index < words.count {
            // SAFETY: as above.
            unsafe word(offset, index).pointee.store(words[unchecked: index], ordering: .relaxed)
            index += 1
        }
    }

    private func requireWords(_ count: Int, at offset: Int) {
        precondition(
            offset & 7 == 0 && offset >= 0 && offset <= size && count <= (size - offset) / 8,
            "the component accesses words outside of the shared memory")
    }

    /// Returns word `index` behind `offset`, which the caller has checked.
    @unsafe @inline(__always) private func word(_ offset: Int, _ index: Int) -> SharedWord<UInt64> {
        // SAFETY: the caller has checked that the word lies inside; all accesses to it are atomic.
        unsafe SharedWord((base + (offset &+ 8 &* index)).assumingMemoryBound(to: Atomic<UInt64>.self))
    }

    // Accesses to counters and flags. The sleeping flags of a ring need sequential consistency.
    // SAFETY (of all): `narrow` or `wide` checks that the word lies inside of the memory.

    @inline(__always) func acquire(_ offset: Int) -> UInt32 { unsafe narrow(offset).pointee.load(ordering: .acquiring) }
    @inline(__always) func load(_ offset: Int) -> UInt32 {
        unsafe narrow(offset).pointee.load(ordering: .sequentiallyConsistent)
    }
    @inline(__always) func store(_ value: UInt32, _ offset: Int) {
        unsafe narrow(offset).pointee.store(value, ordering: .sequentiallyConsistent)
    }

    // Accesses to words of 64 bits in which bits of a peer are flipped (`BlockClient`).

    @inline(__always) func acquireWide(_ offset: Int) -> UInt64 {
        unsafe wide(offset).pointee.load(ordering: .acquiring)
    }
    @inline(__always) func loadWide(_ offset: Int) -> UInt64 {
        unsafe wide(offset).pointee.load(ordering: .sequentiallyConsistent)
    }
    @inline(__always) func storeWide(_ value: UInt64, _ offset: Int) {
        unsafe wide(offset).pointee.store(value, ordering: .sequentiallyConsistent)
    }

    @inline(__always) private func wide(_ offset: Int) -> SharedWord<UInt64> {
        // Offset and size are multiples of 8, so that all of the word lies inside if its first byte does. A negative
        // offset counts as a large one.
        precondition(
            offset & 7 == 0 && UInt(bitPattern: offset) < UInt(bitPattern: size),
            "the component accesses an offset outside of the shared memory")
        // SAFETY: inside of the memory, aligned, and only atomic accesses are made of it.
        return unsafe SharedWord((base + offset).assumingMemoryBound(to: Atomic<UInt64>.self))
    }

    @inline(__always) private func narrow(_ offset: Int) -> SharedWord<UInt32> {
        // As in `wide`.
        precondition(
            offset & 7 == 0 && UInt(bitPattern: offset) < UInt(bitPattern: size),
            "the component accesses an offset outside of the shared memory")
        // SAFETY: as in `wide`.
        return unsafe SharedWord((base + offset).assumingMemoryBound(to: Atomic<UInt32>.self))
    }
}
