/// A request of the pool to its device.
public struct DeviceRequest: Equatable, Sendable {
    public enum Kind: Equatable, Sendable {
        case read, write
        /// Makes everything durable that the device has finished before.
        case flush
        /// Tells the device that nothing needs these sectors. The pool ignores whether it succeeds.
        case discard
    }

    /// The memory of a transfer. A flush and a discard have none.
    public enum Place: Equatable, Sendable {
        /// An offset in the pool's own memory.
        case buffer(Int)
        case window(Int, offset: Int)
    }

    public var kind: Kind
    public var sector: UInt64
    /// The number of sectors; 0 for a flush.
    public var count: Int
    public var place: Place
    /// The number by which the pool knows the request when it is done.
    public var tag: UInt32
}

/// The owner of a request to the device.
enum DeviceTag: Equatable {
    case request(Int)
    case node(Int)
    case commit
    case mount
    case discard

    var word: UInt32 {
        switch self {
        case .request(let index): UInt32(index)
        case .node(let slot): 1 << 24 | UInt32(slot)
        case .commit: 2 << 24
        case .mount: 3 << 24
        case .discard: 4 << 24
        }
    }

    init?(word: UInt32) {
        let index = Int(word & 0xFF_FFFF)
        switch word >> 24 {
        case 0: self = .request(index)
        case 1: self = .node(index)
        case 2: self = .commit
        case 3: self = .mount
        case 4: self = .discard
        default: return nil
        }
    }
}
