import Entente

/// Exchanges everything that a message can carry beyond six words.
public protocol ExchangeInterface: Service {
    mutating func greet(_ name: ShortText) -> ShortText
    mutating func sum(_ numbers: Lease<Reading>) throws(ExchangeError) -> UInt64
    mutating func fill(_ buffer: Lease<Writing>, with byte: UInt8) throws(ExchangeError)
    mutating func watch(_ events: Capability<Notification>)
    /// Raises the notification that the client passed to `watch`.
    mutating func tell() -> Bool
    /// Makes the server take the elements of this ring from now on.
    mutating func stream(_ ring: RingOffer<UInt64>) throws(ExchangeError) -> Capability<Notification>
    /// Takes all elements out of the ring, and returns their sum.
    mutating func drained() -> UInt64
    /// Faults, so that the server dies.
    mutating func fail()
}

public enum ExchangeError: UInt64, Error, Parameter {
    case badLease = 1
    case badRing = 2
}
