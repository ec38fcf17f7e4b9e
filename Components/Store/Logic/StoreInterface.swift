import Entente

/// Keeps items of 4 KiB under numbers.
///
/// A client has two ways to the store. It calls a method for each item, and lends the memory of the item for the call.
/// Or it hands over two rings, and sends any number of requests at once. The items of those requests lie in memory that
/// both share.
public protocol StoreInterface: Service {
    /// Returns true if there is an item under this key.
    mutating func has(_ key: UInt64) -> Bool
    /// Copies an item of 4 KiB out of the caller's memory, in the place of the former item under this key.
    mutating func put(_ key: UInt64, _ item: Lease<Reading>) throws(StoreError)
    /// Copies an item into the caller's memory.
    mutating func get(_ key: UInt64, _ item: Lease<Writing>) throws(StoreError)
    /// Takes requests out of this ring from now on. The rings of the connection before end.
    mutating func takeRequests(_ ring: RingOffer<StoreRequest>) throws(StoreError) -> Capability<Notification>
    /// Puts the answers into this ring from now on. It has at least as many elements as the client has requests under
    /// way.
    mutating func giveAnswers(_ ring: RingOffer<StoreAnswer>) throws(StoreError) -> Capability<Notification>
}

public enum StoreError: UInt64, Error, Parameter, Sendable {
    /// The store has no place for this key.
    case noSuchPlace = 1
    /// There is no item under this key.
    case missing = 2
    /// The caller has lent less memory than an item needs, or memory that it does not have.
    case badMemory = 3
    case badRing = 4
}
