import Entente

/// What a message can carry beyond six words.
public protocol ExchangeInterface: Service {
    mutating func greet(_ name: ShortText) -> ShortText
    mutating func sum(_ numbers: Lease<Reading>) throws(ExchangeError) -> UInt64
    mutating func fill(_ buffer: Lease<Writing>, with byte: UInt8) throws(ExchangeError)
    mutating func watch(_ events: Capability<Notification>)
    /// Raises what it was given to watch.
    mutating func tell() -> Bool
    /// Takes what comes out of a ring, from now on.
    mutating func stream(_ ring: RingOffer<UInt64>) throws(ExchangeError) -> Capability<Notification>
    /// The sum of what came.
    mutating func drained() -> UInt64
    /// Faults.
    mutating func fail()
}

public enum ExchangeError: UInt64, Error, Parameter {
    case badLease = 1
    case badRing = 2
}
