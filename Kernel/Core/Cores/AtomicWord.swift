import Synchronization

#if hasFeature(Embedded)
    typealias SharedUInt64 = Atomic<UInt64>
    typealias SharedUInt8 = Atomic<UInt8>
#else
    // On the host, each access of these types can be a point at which another core continues; see
    // `Tests/Interleaving`.
    import SharedAccess
#endif

/// A word that several cores change.
public struct AtomicWord: ~Copyable {
    let word: SharedUInt64

    public init(_ value: UInt64 = 0) { word = SharedUInt64(value) }

    @inline(__always) public func load() -> UInt64 { word.load(ordering: .acquiring) }
    @inline(__always) public func store(_ value: UInt64) { word.store(value, ordering: .releasing) }
    @inline(__always) public func relaxedLoad() -> UInt64 { word.load(ordering: .relaxed) }
    @inline(__always) public func relaxedStore(_ value: UInt64) { word.store(value, ordering: .relaxed) }
    /// Sets bits, and returns the word before.
    @inline(__always) @discardableResult
    public func set(_ bits: UInt64) -> UInt64 { word.bitwiseOr(bits, ordering: .acquiringAndReleasing).oldValue }
    /// Clears bits, and returns the word before.
    @inline(__always) @discardableResult
    public func clear(_ bits: UInt64) -> UInt64 { word.bitwiseAnd(~bits, ordering: .acquiringAndReleasing).oldValue }
    @inline(__always) public func exchange(_ value: UInt64) -> UInt64 {
        word.exchange(value, ordering: .acquiringAndReleasing)
    }
    /// Increments the word, wrapping, and returns the word before.
    @inline(__always) func increment() -> UInt64 { word.wrappingAdd(1, ordering: .acquiringAndReleasing).oldValue }
    /// Increments a word that only one core changes, at the cost of a load and a store.
    @inline(__always) public func count() { relaxedStore(relaxedLoad() &+ 1) }
    #if !hasFeature(Embedded)
        /// Loads the address of an object of `span` bytes. On the board a relaxed load is enough, because the address
        /// dependency orders the loads of the object after it (DDI 0487, B2.3); see `SharedRef.load`.
        @inline(__always) public func loadAddress(span: Int = 256, mask: UInt64 = ~1) -> UInt64 {
            word.loadAddress(span: span, mask: mask)
        }
    #endif
    @inline(__always) func replace(_ expected: UInt64, by value: UInt64) -> Bool {
        word.weakCompareExchange(expected: expected, desired: value, ordering: .acquiringAndReleasing).exchanged
    }
}
