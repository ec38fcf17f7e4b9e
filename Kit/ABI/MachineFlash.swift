/// The flash of a machine that starts from firmware: two banks, where QEMU's `virt` board has them.
public enum MachineFlash {
    /// The guest-physical address of the first bank, which holds the firmware. The machine can only read it.
    public static let code: UInt64 = 0
    /// The guest-physical address of the second bank, in which the firmware keeps its variables.
    public static let variables: UInt64 = 0x0400_0000
    /// The size of each bank in bytes.
    public static let bankSize: UInt64 = 64 << 20
    /// The bytes at the start of the second bank that keep contents. One entry of a page table maps as much.
    public static let storeSize: UInt64 = 2 << 20
    /// The size of a sector, which is erased as a whole.
    public static let sectorSize: UInt64 = 256 << 10
}
