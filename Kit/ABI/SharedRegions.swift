/// The places of memory that two tenants share, each a machine or a component, with a doorbell in each direction. A
/// machine's operating system knows these places by the region's number.
public enum SharedRegions {
    public static let maximum = 8
    /// The size of a region in bytes, at most. Each region has a place of this size.
    public static let maximumSize: UInt64 = 16 << 20

    /// The first of the bits of a component's own notification that report rings. Region N has the bit `firstEvent +
    /// N`.
    public static let firstEvent: UInt64 = 56

    /// The guest-physical address of region 0; region N lies `N * maximumSize` behind it. QEMU's `virt` board has
    /// PCIe there, but no machine has.
    public static let machineMemory: UInt64 = 0x2000_0000
    /// The guest-physical address of doorbell 0. A store to `doorbells + N * 4096` rings the peer of region N.
    public static let doorbells: UInt64 = 0x0B01_0000
    public static let doorbellSize: UInt64 = 4096
    /// The INTID of region 0's interrupt; the receiver configures it as edge-triggered. QEMU's `virt` board has 48…79
    /// for its virtio devices.
    public static let firstInterrupt: UInt64 = 80

    @inline(__always) public static func machineAddress(_ number: Int) -> UInt64 {
        machineMemory + UInt64(number) * maximumSize
    }
    @inline(__always) public static func doorbell(_ number: Int) -> UInt64 {
        doorbells + UInt64(number) * doorbellSize
    }
    @inline(__always) public static func interrupt(_ number: Int) -> UInt64 { firstInterrupt + UInt64(number) }
}
