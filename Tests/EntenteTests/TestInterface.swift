import Entente

/// An interface with every kind of parameter, result and error.
protocol ExampleInterface: Service {
    mutating func nothing()
    mutating func add(_ left: UInt64, to right: UInt64) throws(ExampleError) -> UInt64
    mutating func narrow(byte: UInt8, small: Int16, flag: Bool, mode: Mode) -> Int64
    /// Seven words: one more than the registers hold.
    mutating func long(a: UInt64, b: UInt64, c: UInt64, d: UInt64, e: UInt64, f: UInt64) -> UInt64
    mutating func greet(_ name: ShortText) -> ShortText
    mutating func sum(_ numbers: Lease<Reading>) throws(ExampleError) -> UInt64
    mutating func fill(_ buffer: Lease<Writing>, with byte: UInt8) throws(ExampleError)
    mutating func watch(_ events: Capability<Notification>)
    mutating func tell() -> UInt64
    mutating func stream(_ ring: RingOffer<UInt64>) throws(ExampleError) -> Capability<Notification>
    mutating func drain() -> UInt64
    mutating func own(_ bits: UInt64) -> Capability<Notification>
}

enum ExampleError: UInt64, Error, Parameter {
    case overflow = 1
    case badLease = 2
    case badRing = 3
}

enum Mode: UInt8, Parameter {
    case off = 0
    case on = 1
}

/// The interface of a server that keeps capabilities, and calls others meanwhile.
protocol BrokerInterface: Service {
    mutating func keep(_ events: Capability<Notification>, in mode: Mode) -> Bool
    /// Calls the component 'peer', and expects no capability from it.
    mutating func ask() -> Bool
    mutating func drop()
}
