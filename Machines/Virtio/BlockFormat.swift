import ABI

// The format of virtio's block device (virtio 1.2, 5.2), as far as this device has it.

/// The features of a virtio block device, as bits of the 64 (virtio 1.2, 5.2.3 and 6).
public enum BlockFeature {
    public static let segmentMaximum: UInt64 = 1 << 2
    public static let readOnly: UInt64 = 1 << 5
    public static let blockSize: UInt64 = 1 << 6
    public static let flush: UInt64 = 1 << 9
    public static let topology: UInt64 = 1 << 10
    public static let configurableCache: UInt64 = 1 << 11
    public static let severalQueues: UInt64 = 1 << 12
    public static let discard: UInt64 = 1 << 13
    public static let writeZeroes: UInt64 = 1 << 14
    public static let indirect: UInt64 = 1 << 28
    public static let eventIndex: UInt64 = 1 << 29
    public static let version1: UInt64 = 1 << 32

    /// Returns the features that the device of a disk offers.
    static func offered(for disk: BlockDisk, queues: Int) -> UInt64 {
        var features =
            segmentMaximum | blockSize | flush | topology | configurableCache | indirect | eventIndex | version1
        if queues > 1 { features |= severalQueues }
        if disk.features.contains(.readOnly) { return features | readOnly }
        if disk.features.contains(.discard) { features |= discard }
        if disk.features.contains(.writeZeroes) { features |= writeZeroes }
        return features
    }
}

/// The limits that the device states.
public enum BlockLimit {
    /// The number of buffers of a chain, with the header and the status.
    public static let chain = 128
    public static let segments = 126
    /// The sectors of one discard or write of zeroes: 1 GiB.
    public static let sectorsOfRange: UInt32 = 1 << 21
    /// The size of a part of a request, in bytes.
    public static let part: UInt64 = 256 << 10
    /// The bytes that a backend copies between two sleeps until it takes a way with a dear start (`GuestRAM`).
    public static let largeCopy: UInt64 = 12 << 10
    /// The number of chains that a backend performs at the same time.
    public static let chains = 64
}

/// The types of requests (virtio 1.2, 5.2.6).
enum BlockType {
    static let read: UInt64 = 0
    static let write: UInt64 = 1
    static let flush: UInt64 = 4
    static let identify: UInt64 = 8
    static let discard: UInt64 = 11
    static let writeZeroes: UInt64 = 13
}

/// The bits of a device's interrupt status (virtio 1.2, 4.2.2).
enum InterruptStatus {
    static let queue: UInt32 = 1
    static let configuration: UInt32 = 2
}

/// The status of a request, in the last byte of the chain.
enum RequestStatus: UInt8 {
    case ok = 0
    case ioError = 1
    case unsupported = 2

    init(_ status: BlockStatus) {
        switch status {
        case .ok: self = .ok
        case .unsupported: self = .unsupported
        case .ioError, .badRequest, .noSpace, .readOnly, .noDisk: self = .ioError
        }
    }
}

/// The configuration space of a block device as words of 32 bits (virtio 1.2, 5.2.4).
struct BlockConfiguration {
    static let words = 16
    /// The word with the `writeback` byte, which the monitor changes, in its lowest bits.
    static let cacheWord = 8

    private let disk: BlockDisk
    private let queues: UInt32

    init(_ disk: BlockDisk, queues: Int) {
        self.disk = disk
        self.queues = UInt32(truncatingIfNeeded: queues)
    }

    /// Returns a word, without the `writeback` byte.
    func word(_ index: Int) -> UInt32 {
        let unit = max(disk.optimalSize / 512, 1)
        switch index {
        case 0: return UInt32(truncatingIfNeeded: disk.capacity)
        case 1: return UInt32(truncatingIfNeeded: disk.capacity >> 32)
        case 3: return UInt32(BlockLimit.segments)
        case 5: return 512
        // The exponent of the physical block's size, no offset, and the smallest efficient size in blocks.
        case 6: return UInt32(min(unit.trailingZeroBitCount, 3)) | min(unit, 0xFFFF) << 16
        case 7: return unit
        case 8: return queues << 16
        case 9: return disk.features.contains(.discard) ? BlockLimit.sectorsOfRange : 0
        case 10: return disk.features.contains(.discard) ? 1 : 0
        case 11: return disk.features.contains(.discard) ? unit : 0
        case 12: return disk.features.contains(.writeZeroes) ? BlockLimit.sectorsOfRange : 0
        case 13: return disk.features.contains(.writeZeroes) ? 1 : 0
        // A write of zeroes may give the space back.
        case 14: return disk.features.contains(.writeZeroes) ? 1 : 0
        default: return 0
        }
    }
}
