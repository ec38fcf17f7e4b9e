import Entente

/// A request in a ring.
public struct StoreRequest: RingElement, Equatable, Sendable {
    public enum Kind: UInt64, Sendable {
        case has = 1
        case put = 2
        case get = 3
    }

    public var kind: Kind
    public var key: UInt64
    /// The number of the place in the shared memory, in items of 4 KiB, which the item is read from or written to. The
    /// answer names it, so that requests under way differ in it.
    public var place: UInt32

    public init(_ kind: Kind, key: UInt64, place: UInt32) { (self.kind, self.key, self.place) = (kind, key, place) }

    public static var wordCount: Int { 2 }
    public func word(_ index: Int) -> UInt64 { index == 0 ? kind.rawValue | UInt64(place) << 32 : key }

    public init?(words: RingWords) {
        guard let kind = Kind(rawValue: words[0] & 0xFFFF_FFFF) else { return nil }
        self.init(kind, key: words[1], place: UInt32(truncatingIfNeeded: words[0] >> 32))
    }
}

/// The answer to a request in a ring.
public struct StoreAnswer: RingElement, Equatable, Sendable {
    public var place: UInt32
    /// The reason for which the request had no effect; nil if it succeeded.
    public var error: StoreError?

    public init(place: UInt32, error: StoreError?) { (self.place, self.error) = (place, error) }

    public static var wordCount: Int { 1 }
    public func word(_ index: Int) -> UInt64 { UInt64(place) << 32 | (error?.rawValue ?? 0) }

    public init?(words: RingWords) {
        let word = words[0]
        let error = StoreError(rawValue: word & 0xFFFF_FFFF)
        guard word & 0xFFFF_FFFF == 0 || error != nil else { return nil }
        self.init(place: UInt32(truncatingIfNeeded: word >> 32), error: error)
    }
}
