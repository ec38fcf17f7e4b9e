/// Memory that two tenants share, each a machine or a component, with a doorbell in each direction. Both ends, the
/// host tool and root compute the places from the region's number.
public enum SharedRegions {
    public static let maximum = 8
    /// Bytes of a region at most, so that each has its place.
    public static let maximumSize: UInt64 = 16 << 20
    /// Bytes of a name, padded with zeros.
    public static let nameSize = 32

    /// A component sees region N at `componentMemory + N * componentStride`.
    public static let componentMemory: UInt64 = 0x70_0000_0000
    public static let componentStride: UInt64 = 1 << 30
    /// The bit that a component hears of in its own notification is `firstEvent + N`.
    public static let firstEvent: UInt64 = 56
    /// The slot in which a component has the peer's bell of region N.
    public static let firstBell: UInt32 = 40

    /// A machine sees region N at `machineMemory + N * maximumSize`. QEMU's `virt` has PCIe there, and no machine has.
    public static let machineMemory: UInt64 = 0x2000_0000
    /// A store to `doorbells + N * 4096` rings the peer.
    public static let doorbells: UInt64 = 0x0B01_0000
    public static let doorbellSize: UInt64 = 4096
    /// The INTID that tells a machine of region N; the receiver configures it as edge-triggered.
    public static let firstInterrupt: UInt64 = 48

    @inline(__always) public static func machineAddress(_ number: Int) -> UInt64 {
        machineMemory + UInt64(number) * maximumSize
    }
    @inline(__always) public static func doorbell(_ number: Int) -> UInt64 {
        doorbells + UInt64(number) * doorbellSize
    }
    @inline(__always) public static func interrupt(_ number: Int) -> UInt64 { firstInterrupt + UInt64(number) }
    @inline(__always) public static func componentAddress(_ number: Int) -> UInt64 {
        componentMemory + UInt64(number) * componentStride
    }
}

/// A shared region of the system, as the image has it.
public struct SharedRegionRecord {
    /// UTF-8, padded with zeros.
    public var name: InlineArray<32, UInt8>
    /// Bytes, a multiple of 4 KiB; 0: the record is unused.
    public var size: UInt64
    /// 1 + the index of the tenant at each end.
    public var first: UInt64
    public var second: UInt64
}

/// A shared region, as a component finds it in its configuration, by the region's number.
public struct SharedRegionEnd {
    /// UTF-8, padded with zeros.
    public var name: InlineArray<32, UInt8>
    /// Bytes; 0: the component is no end of this region.
    public var size: UInt64
}
