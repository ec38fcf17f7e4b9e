/// The memory of a connection over which a client sends requests for blocks of disks to a server.
///
/// The memory outlives both ends. It has a client's part, which only the client can write, and behind that a server's
/// part, which only the server can write. There are no counters. Each request has a slot, with a bit in each of three
/// words. The client flips the bit in `submitted` to submit the request, the server flips it in `answered` to answer,
/// and the client flips it in `consumed` when it needs the answer no longer. So a slot is free if its three bits are
/// equal, and outstanding if `submitted` and `answered` differ. No value of the peer's words is impossible, and the
/// next life of either end finds in them what it has to do. The server performs an outstanding request again, because
/// every request has the same effect if it is performed twice.
///
/// docs/abi.md, "Block connections", gives the rules. All offsets and sizes are in bytes.
public enum BlockConnectionLayout {
    /// The slots of a bank. Each bank has one word in `submitted`, `consumed` and `answered`.
    public static let slotsPerBank = 64
    public static let maximumBanks = 4

    // The client's part.

    /// The offset of a UInt32 that is 1 while the client sleeps, so that an answer must wake it.
    public static let clientSleeps = 0
    public static let submitted = 64
    public static let consumed = 96
    /// The offset of the requests, each of `requestSize` bytes.
    public static let requests = 128
    public static let requestSize = 32

    // The server's part.

    /// The offset of a UInt32 that is 1 while the server sleeps, so that a request must wake it.
    public static let serverSleeps = 0
    /// The offset of a UInt64 that the server counts up after each change of a description.
    public static let descriptionChanges = 8
    public static let answered = 64
    /// The offset of the table of disks, each of `diskSize` bytes.
    public static let disks = 128
    public static let diskSize = 64
    public static let maximumDisks = 8
    /// The offset of the statuses of the answers, each a UInt64.
    public static let statuses = 640
    public static let serverSize: UInt64 = 4096

    public static func clientSize(banks: Int) -> UInt64 {
        (UInt64(requests + banks * slotsPerBank * requestSize) + 4095) & ~4095
    }

    /// The size of a connection's memory.
    public static func size(banks: Int) -> UInt64 { clientSize(banks: banks) + serverSize }
}

/// The operations of a request for blocks.
public enum BlockOperation: UInt8, Equatable, Sendable {
    case read = 1
    case write = 2
    /// Makes every write durable that was answered before this request was submitted.
    case flush = 3
    /// Tells that the contents are not needed any more. Until they are written, reads may return any earlier contents
    /// of these sectors of this disk, or zeros.
    case discard = 4
    case writeZeroes = 5
}

/// A request for blocks of one disk. Sectors have 512 bytes, whatever the disk's own blocks are.
public struct BlockRequest: Equatable, Sendable {
    public var operation: BlockOperation
    /// True if a write, a discard or a write of zeroes must be durable before it is answered.
    public var forcesUnitAccess: Bool
    /// The number of the disk in the connection's table of disks.
    public var disk: UInt16
    /// The number of the window that has the data. A client has the window 0; a server that passes requests on names
    /// those of its own clients.
    public var window: UInt16
    public var sector: UInt64
    /// The number of bytes, a multiple of 512; 0 for a flush.
    public var length: UInt32
    /// The place of the data in the window, in bytes; a multiple of 512.
    public var offset: UInt32
    /// A number that only the client uses.
    public var cookie: UInt64

    public init(
        _ operation: BlockOperation, disk: UInt16 = 0, sector: UInt64 = 0, length: UInt32 = 0, window: UInt16 = 0,
        offset: UInt32 = 0, forcesUnitAccess: Bool = false, cookie: UInt64 = 0
    ) {
        (self.operation, self.disk, self.sector, self.length) = (operation, disk, sector, length)
        (self.window, self.offset, self.forcesUnitAccess, self.cookie) = (window, offset, forcesUnitAccess, cookie)
    }

    /// Decodes a request. Returns nil if the operation does not exist, a length or an offset is no multiple of 512, or
    /// the sectors wrap around.
    @inline(__always)
    public init?(words first: UInt64, _ second: UInt64, _ third: UInt64, _ fourth: UInt64) {
        guard let operation = BlockOperation(rawValue: UInt8(truncatingIfNeeded: first)) else { return nil }
        self.operation = operation
        forcesUnitAccess = first >> 8 & 1 != 0
        disk = UInt16(truncatingIfNeeded: first >> 16)
        window = UInt16(truncatingIfNeeded: first >> 32)
        sector = second
        length = UInt32(truncatingIfNeeded: third)
        offset = UInt32(truncatingIfNeeded: third >> 32)
        cookie = fourth
        guard (length | offset) & 511 == 0, !sector.addingReportingOverflow(UInt64(length / 512)).overflow else {
            return nil
        }
    }

    @inline(__always) public var firstWord: UInt64 {
        UInt64(operation.rawValue) | (forcesUnitAccess ? 1 << 8 : 0) | UInt64(disk) << 16 | UInt64(window) << 32
    }
    @inline(__always) public var thirdWord: UInt64 { UInt64(length) | UInt64(offset) << 32 }
}

/// The server's answer to a request.
public enum BlockStatus: UInt64, Equatable, Sendable {
    case ok = 0
    /// The device could not read or write the data.
    case ioError = 1
    /// The request names sectors behind the disk's end, or bytes outside of the window.
    case badRequest = 2
    /// No space is left for the disk.
    case noSpace = 3
    case readOnly = 4
    case unsupported = 5
    case noDisk = 6
}

/// A disk as its server describes it.
public struct BlockDisk: Equatable, Sendable {
    /// The size in sectors of 512 bytes.
    public var capacity: UInt64
    public var features: BlockDiskFeatures
    /// The size of the pieces, in bytes, in which the server handles data best; a power of two from 512.
    public var optimalSize: UInt32
    /// 20 bytes of ASCII, padded with zeros, of which 8 are in each of the first two words.
    public var identity: InlineArray<3, UInt64>

    public init(
        capacity: UInt64, features: BlockDiskFeatures, optimalSize: UInt32 = 512,
        identity: InlineArray<3, UInt64> = InlineArray(repeating: 0)
    ) {
        (self.capacity, self.features) = (capacity, features)
        (self.optimalSize, self.identity) = (optimalSize, identity)
    }

    public static func == (left: BlockDisk, right: BlockDisk) -> Bool {
        left.capacity == right.capacity && left.features == right.features && left.optimalSize == right.optimalSize
            && left.identity[0] == right.identity[0] && left.identity[1] == right.identity[1]
            && left.identity[2] == right.identity[2]
    }
}

/// The features of a disk.
///
/// On the host it is an `OptionSet`. On the board it has only the operations of that protocol that need no array, as
/// `Rights`, because the kernel allocates no memory.
public struct BlockDiskFeatures: Equatable, Sendable {
    public var rawValue: UInt32
    @inline(__always) public init(rawValue: UInt32) { self.rawValue = rawValue }
    @inline(__always) public init() { rawValue = 0 }

    public static var readOnly: BlockDiskFeatures { BlockDiskFeatures(rawValue: 1) }
    public static var discard: BlockDiskFeatures { BlockDiskFeatures(rawValue: 2) }
    public static var writeZeroes: BlockDiskFeatures { BlockDiskFeatures(rawValue: 4) }
    /// Writes become durable by a flush only.
    public static var hasVolatileCache: BlockDiskFeatures { BlockDiskFeatures(rawValue: 8) }

    @inline(__always) public func contains(_ other: BlockDiskFeatures) -> Bool {
        rawValue & other.rawValue == other.rawValue
    }
    @inline(__always) public func union(_ other: BlockDiskFeatures) -> BlockDiskFeatures {
        BlockDiskFeatures(rawValue: rawValue | other.rawValue)
    }
    @inline(__always) @discardableResult
    public mutating func insert(_ other: BlockDiskFeatures) -> (inserted: Bool, memberAfterInsert: BlockDiskFeatures) {
        let isNew = !contains(other)
        rawValue |= other.rawValue
        return (isNew, other)
    }
}

#if !hasFeature(Embedded)
    extension BlockDiskFeatures: OptionSet {}
#endif
