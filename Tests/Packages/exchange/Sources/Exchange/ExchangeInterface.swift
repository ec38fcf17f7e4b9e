import Entente

/// Exchanges everything that a message can carry beyond six words.
public protocol ExchangeInterface: Service {
    mutating func greet(_ name: ShortText) -> ShortText
    mutating func sum(_ numbers: Lease<Reading>) throws(ExchangeError) -> UInt64
    mutating func fill(_ buffer: Lease<Writing>, with byte: UInt8) throws(ExchangeError)
    mutating func watch(_ events: Capability<Notification>)
    /// Raises the notification that it was given to watch.
    mutating func tell() -> Bool
    /// Takes the elements of a ring from now on.
    mutating func stream(_ ring: RingOffer<UInt64>) throws(ExchangeError) -> Capability<Notification>
    /// Returns the sum of the elements that came.
    mutating func drained() -> UInt64
    /// Faults, so that the server dies.
    mutating func fail()
}

public enum ExchangeError: UInt64, Error, Parameter {
    case badLease = 1
    case badRing = 2
}
