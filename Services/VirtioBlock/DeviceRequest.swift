import ABI

/// A request to a disk, as its driver gets it.
public struct DeviceRequest: Sendable {
    public var operation: BlockOperation
    public var forcesUnitAccess: Bool
    /// The first sector of 512 bytes.
    public var sector: UInt64
    /// The number of bytes, a multiple of 512.
    public var length: UInt32
    /// The address at which the device finds the data, or puts it.
    public var address: UInt64

    public init(
        _ operation: BlockOperation, sector: UInt64 = 0, length: UInt32 = 0, address: UInt64 = 0,
        forcesUnitAccess: Bool = false
    ) {
        (self.operation, self.sector, self.length) = (operation, sector, length)
        (self.address, self.forcesUnitAccess) = (address, forcesUnitAccess)
    }
}

/// The state of a request of the caller.
struct RequestEntry {
    var request = DeviceRequest(.flush)
    /// The number of bytes of a discard or a write of zeros that are done.
    var done: UInt32 = 0
    /// The number of bytes of such a request that the device has now.
    var piece: UInt32 = 0
    /// The number of resets that this request was lost in.
    var losses: UInt8 = 0
    /// The answer, once the number is in `finished`.
    var status = BlockStatus.ok
}

/// The owners of tags that are no request of the caller.
enum TagOwner { static let flush = -1, identity = -2 }
