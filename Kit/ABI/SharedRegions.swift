/// Memory that two tenants share, each a machine or a component, with a doorbell in each direction: the places that a
/// machine's operating system knows, by the region's number.
public enum SharedRegions {
    public static let maximum = 8
    /// Bytes of a region at most, so that each has its place.
    public static let maximumSize: UInt64 = 16 << 20

    /// The first bit of its own notification by which a component hears of a region.
    public static let firstEvent: UInt64 = 56

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
}
