import Entente

/// What a message can carry beyond six words.
public protocol ExchangeInterface: Service {
    mutating func greet(_ name: ShortText) -> ShortText
    mutating func sum(_ numbers: Lease<Reading>) throws(ExchangeError) -> UInt64
    mutating func fill(_ buffer: Lease<Writing>, with byte: UInt8) throws(ExchangeError)
    mutating func watch(_ events: Capability<Notification>)
    /// Raises what it was given to watch.
    mutating func tell() -> Bool
    /// Faults.
    mutating func fail()
}

public enum ExchangeError: UInt64, Error, Parameter {
    case badLease = 1
}
