import GuestHardware

/// The GICv3 of the `virt` platform as one processor sees it (Arm IHI 0069, clause 12).
public enum InterruptController {
    public static let distributor: UInt64 = 0x0800_0000
    public static let redistributor: UInt64 = 0x080A_0000
    static let softwareFrame = redistributor + 0x1_0000
    public static let distributorType = distributor + 0x4

    /// The virtual timer's interrupt.
    public static let timer: UInt32 = 27
    static let defaultPriority: UInt32 = 0xA0A0_A0A0

    /// Wakes the redistributor, puts the private interrupts into group 1 and enables the software interrupts and
    /// the timer.
    public static func initialize() {
        guest_store32(distributor, 0x10)
        guest_store32(distributor, 0x12)
        let waker = redistributor + 0x14
        guest_store32(waker, guest_load32(waker) & ~2)
        while guest_load32(waker) & 4 != 0 { guest_spin_hint() }
        guest_store32(softwareFrame + 0x80, ~0)
        for word in 0..<8 as Range<UInt64> { guest_store32(softwareFrame + 0x400 + 4 * word, defaultPriority) }
        guest_store32(softwareFrame + 0x100, 0xFFFF | 1 << timer)
        guest_enable_interrupt_interface()
    }

    /// Enables the shared interrupt `number` (32…) as edge-triggered, on this processor.
    public static func enableShared(_ number: UInt64) {
        let bit: UInt32 = 1 << UInt32(truncatingIfNeeded: number % 32)
        let word = 4 * (number / 32)
        guest_store32(distributor + 0x80 + word, guest_load32(distributor + 0x80 + word) | bit)
        guest_store8(distributor + 0x400 + number, 0xA0)
        let configuration = distributor + 0xC00 + 4 * (number / 16)
        let edge: UInt32 = 2 << UInt32(truncatingIfNeeded: 2 * (number % 16))
        guest_store32(configuration, guest_load32(configuration) | edge)
        guest_store64(distributor + 0x6000 + 8 * number, guest_affinity())
        guest_store32(distributor + 0x100 + word, bit)
    }
}
