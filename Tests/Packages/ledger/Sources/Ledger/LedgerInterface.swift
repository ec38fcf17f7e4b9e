import Entente

/// Keeps numbers, and sends them to others through rings.
public protocol LedgerInterface: Service {
    /// Adds a number, and returns how many there are. Each journal gets it, and each feed is emptied first.
    mutating func note(_ number: UInt64) -> UInt64
    /// Puts each number into this ring from now on.
    mutating func journal(_ ring: RingOffer<UInt64>) throws(LedgerError) -> Capability<Notification>
    /// Takes numbers out of this ring from now on.
    mutating func feed(_ ring: RingOffer<UInt64>) throws(LedgerError) -> Capability<Notification>
    /// Returns the number of elements that came out of feeds.
    mutating func fed() -> UInt64
}

public enum LedgerError: UInt64, Error, Parameter {
    case badRing = 1
    case full = 2
}
