import ABI
import AArch64Support
import KernelCore

/// The board's GICv3: distributor, redistributors and this core's CPU interface (IHI 0069H).
///
/// EOImode is 1: ending an interrupt drops its priority, and whoever is responsible deactivates it: the kernel for its
/// own, a machine's end-of-interrupt for the timers, a driver's acknowledgement for bound ones.
enum PhysicalInterrupts {
    /// The software interrupt that says "look at your inbox".
    static let inbox: UInt64 = 1
    private static let maintenance: UInt32 = 25
    private static let hypervisorTimer: UInt32 = 26
    private static let virtualTimer: UInt32 = 27
    private static let physicalTimer: UInt32 = 30
    private static let priority: UInt32 = 0x80

    private static var distributor: UInt64 { BootImage.header.pointee.board.distributor.base }

    // MARK: Taking interrupts

    /// Takes one interrupt if there is one.
    @inline(__always)
    static func handleOne(_ core: Ref<Core>) -> Bool {
        let number = UInt32(truncatingIfNeeded: read_ICC_IAR1_EL1() & 0xFF_FFFF)
        if number >= 1020 { return false }
        // What is read because of it is not older than it: another interrupt that comes before the acknowledgement is
        // one with this.
        barrier_dsb_sy()
        write_ICC_EOIR1_EL1(UInt64(number))
        switch number {
        case virtualTimer, physicalTimer: timerOfGuest(core, number)
        case hypervisorTimer:
            AArch64.deactivate(number)
            EntenteKernel.timerExpired(core)
        case maintenance:
            AArch64.deactivate(number)
            EntenteKernel.maintain(core)
        case 0..<16:
            AArch64.deactivate(number)
            EntenteKernel.drainInbox(core)
        default: EntenteKernel.boundInterrupt(core, number)
        }
        return true
    }

    /// The loaded virtual CPU's timer. It stays active until the guest ends the virtual interrupt.
    @inline(__always)
    private static func timerOfGuest(_ core: Ref<Core>, _ number: UInt32) {
        guard let context = core.pointee.loaded else { return AArch64.deactivate(number) }
        EntenteKernel.timerIsDue(core, context, number)
    }

    // MARK: Setting up

    /// Once, on the boot core.
    static func initialiseDistributor() {
        let lines = (device_read32(distributor + 4) & 31 &+ 1) &* 32
        device_write32(distributor, 0)
        waitForRegisterWrite()
        var number: UInt64 = 32
        while number < UInt64(lines) {
            device_write32(distributor + 0x80 + number / 8, .max)  // IGROUPR: group 1
            device_write32(distributor + 0x180 + number / 8, .max)  // ICENABLER
            device_write32(distributor + 0x380 + number / 8, .max)  // ICACTIVER
            number &+= 32
        }
        number = 32
        while number < UInt64(lines) {
            device_write32(distributor + 0x400 + number, priority &* 0x0101_0101)  // IPRIORITYR
            number &+= 4
        }
        device_write32(distributor, 1 << 4 | 1 << 1)  // ARE_NS (or ARE), EnableGrp1
        waitForRegisterWrite()
    }

    private static func waitForRegisterWrite() {
        while device_read32(distributor) & 1 << 31 != 0 {}
    }

    /// On each core: its redistributor and CPU interface.
    static func initialiseCore(_ core: CoreID) {
        let base = findRedistributor(core)
        AArch64.core(core).pointee.interruptController = PhysicalAddress(base)
        device_write32(base + 0x14, device_read32(base + 0x14) & ~2)  // GICR_WAKER: not asleep
        while device_read32(base + 0x14) & 4 != 0 {}
        let privates = base + 0x1_0000
        device_write32(privates + 0x80, .max)  // IGROUPR0
        device_write32(privates + 0x180, .max)  // ICENABLER0
        device_write32(privates + 0x380, .max)  // ICACTIVER0
        var number: UInt64 = 0
        while number < 32 {
            device_write32(privates + 0x400 + number, priority &* 0x0101_0101)
            number &+= 4
        }
        // The kernel's timer first: others can keep software interrupts coming while this core is idle.
        device_write32(privates + 0x400 + 24, priority &* 0x0101_0101 &- 0x10 << 16)
        let enabled: UInt32 = 1 << maintenance | 1 << hypervisorTimer | 1 << virtualTimer | 1 << physicalTimer | 0xFFFF
        device_write32(privates + 0x100, enabled)
        initialiseInterface()
    }

    private static func initialiseInterface() {
        write_ICC_SRE_EL2(0xF)
        barrier_isb()
        write_ICC_SRE_EL1(0x7)
        // From now on EL1's accesses to ICC_SRE_EL1 trap: all machines share it.
        write_ICC_SRE_EL2(0x7)
        write_ICC_PMR_EL1(0xF0)
        write_ICC_BPR1_EL1(0)
        write_ICC_CTLR_EL1(1 << 1)  // EOImode
        write_ICC_IGRPEN1_EL1(1)
        write_ICH_HCR_EL2(0)
        AArch64.clearListRegisters()
        barrier_isb()
    }

    /// The frames of the core's redistributor: the one whose GICR_TYPER has its affinity.
    private static func findRedistributor(_ core: CoreID) -> UInt64 {
        let board = BootImage.header.pointee.board
        let affinity = board.cores[core.index]
        let packed = affinity & 0xFF_FFFF | affinity >> 8 & 0xFF00_0000
        var base = board.redistributors.base
        let end = base &+ board.redistributors.size
        while base < end {
            let type = device_read64(base + 8)
            if type >> 32 == packed { return base }
            if type & 1 << 4 != 0 { break }
            base &+= GenericInterruptController.redistributorStride(type: type)
        }
        panic("no redistributor for core", UInt64(core.number))
    }

    /// GICR_ISACTIVER0 of this core; the read back makes the write take effect before what follows.
    static func setActive(_ core: Ref<Core>, _ interrupt: UInt32) {
        let register = core.pointee.interruptController.value + 0x1_0300
        device_write32(register, 1 << interrupt)
        _ = device_read32(register)
    }
}

extension AArch64 {
    static var interruptCount: UInt32 { 256 }

    static func enableInterrupt(_ interrupt: UInt32, on core: CoreID) {
        let board = BootImage.header.pointee.board
        let base = board.distributor.base
        device_write64(base + 0x6000 + UInt64(interrupt) * 8, board.cores[core.index])  // IROUTER
        device_write32(base + 0x100 + UInt64(interrupt / 32) * 4, 1 << (interrupt & 31))  // ISENABLER
    }

    static func disableInterrupt(_ interrupt: UInt32) {
        let base = BootImage.header.pointee.board.distributor.base
        device_write32(base + 0x180 + UInt64(interrupt / 32) * 4, 1 << (interrupt & 31))  // ICENABLER
        while device_read32(base) & 1 << 31 != 0 {}  // CTLR.RWP: it may still come until then
        device_write32(base + 0x380 + UInt64(interrupt / 32) * 4, 1 << (interrupt & 31))  // ICACTIVER
    }
}
