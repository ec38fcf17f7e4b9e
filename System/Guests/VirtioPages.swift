/// The places of a machine's virtio devices, which are those of QEMU's `virt` board, and the pages by which monitor and
/// backend share the state of the devices.
enum VirtioPages {
    /// The page that the machine can read, at `guestAddress`.
    static let registers: UInt64 = 0
    /// The page that only the monitor writes.
    static let control: UInt64 = 4096
    /// The page that only the backend writes.
    static let backend: UInt64 = 8192
    static let size: UInt64 = 12288

    static let guestAddress: UInt64 = 0x0A00_0000
    /// The size of a device's registers in the page.
    static let slotSize: UInt64 = 0x200
    static let queueNotify: UInt64 = 0x50
    static let interruptAcknowledge: UInt64 = 0x64
    static let firstInterrupt: UInt64 = 48

    static func doorbell(_ register: UInt64, slot: Int) -> UInt64 { guestAddress + slotSize * UInt64(slot) + register }
}
