import Synchronization

/// A word that several cores change.
public struct AtomicWord: ~Copyable {
    let word: Atomic<UInt64>

    public init(_ value: UInt64 = 0) { word = Atomic(value) }

    @inline(__always) public func load() -> UInt64 { word.load(ordering: .acquiring) }
    @inline(__always) public func store(_ value: UInt64) { word.store(value, ordering: .releasing) }
    @inline(__always) public func relaxedLoad() -> UInt64 { word.load(ordering: .relaxed) }
    @inline(__always) public func relaxedStore(_ value: UInt64) { word.store(value, ordering: .relaxed) }
    /// Sets bits; returns the word before.
    @inline(__always) @discardableResult
    public func set(_ bits: UInt64) -> UInt64 { word.bitwiseOr(bits, ordering: .acquiringAndReleasing).oldValue }
    /// Clears bits; returns the word before.
    @inline(__always) @discardableResult
    public func clear(_ bits: UInt64) -> UInt64 { word.bitwiseAnd(~bits, ordering: .acquiringAndReleasing).oldValue }
    @inline(__always) public func exchange(_ value: UInt64) -> UInt64 {
        word.exchange(value, ordering: .acquiringAndReleasing)
    }
    /// Counts up, wrapping; returns the word before.
    @inline(__always) func increment() -> UInt64 { word.wrappingAdd(1, ordering: .acquiringAndReleasing).oldValue }
    /// The same of a word that one core alone counts up: no more than a load and a store.
    @inline(__always) public func count() { relaxedStore(relaxedLoad() &+ 1) }
    @inline(__always) func replace(_ expected: UInt64, by value: UInt64) -> Bool {
        word.weakCompareExchange(expected: expected, desired: value, ordering: .acquiringAndReleasing).exchanged
    }
}
