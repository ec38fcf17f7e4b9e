import ABI
import AArch64Support
import KernelCore

/// The board's GICv3: distributor, redistributors and this core's CPU interface (IHI 0069H).
///
/// EOImode is 1, so that ending an interrupt only drops its priority. The kernel deactivates its own interrupts, a
/// machine's end-of-interrupt deactivates those of its timers, and a driver's acknowledgement deactivates bound ones.
enum PhysicalInterrupts {
    /// The software interrupt that makes a core look at its inbox.
    static let inbox: UInt64 = 1
    private static let maintenance: UInt32 = 25
    private static let hypervisorTimer: UInt32 = 26
    private static let virtualTimer: UInt32 = 27
    private static let physicalTimer: UInt32 = 30
    private static let priority: UInt32 = 0x80

    private static var distributor: UInt64 { BootImage.header.pointee.board.distributor.base }

    // MARK: Taking interrupts

    /// Takes one interrupt. Returns false if there is none.
    @inline(__always)
    static func handleOne(_ core: Ref<Core>) -> Bool {
        let number = UInt32(truncatingIfNeeded: read_ICC_IAR1_EL1() & 0xFF_FFFF)
        if number >= 1020 { return false }
        // Makes the loads below no older than the interrupt. A further interrupt that arrives before the
        // acknowledgement counts as the same one.
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

    /// Handles a timer of the loaded virtual CPU. It stays active until the guest ends the virtual interrupt.
    @inline(__always)
    private static func timerOfGuest(_ core: Ref<Core>, _ number: UInt32) {
        guard let context = core.pointee.loaded else { return AArch64.deactivate(number) }
        EntenteKernel.timerIsDue(core, context, number)
    }

    // MARK: Setting up

    /// Sets the distributor up, once, on the boot core.
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

    /// Sets up the redistributor and CPU interface of a core, on that core.
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
        // Gives the kernel's timer a higher priority, because other cores can send software interrupts without pause
        // while this core is idle.
        device_write32(privates + 0x400 + 24, priority &* 0x0101_0101 &- 0x10 << 16)
        let enabled: UInt32 = 1 << maintenance | 1 << hypervisorTimer | 1 << virtualTimer | 1 << physicalTimer | 0xFFFF
        device_write32(privates + 0x100, enabled)
        initialiseInterface()
    }

    private static func initialiseInterface() {
        write_ICC_SRE_EL2(0xF)
        barrier_isb()
        write_ICC_SRE_EL1(0x7)
        // From now on accesses of EL1 to ICC_SRE_EL1 trap, because all machines share it.
        write_ICC_SRE_EL2(0x7)
        write_ICC_PMR_EL1(0xF0)
        write_ICC_BPR1_EL1(0)
        write_ICC_CTLR_EL1(1 << 1)  // EOImode
        write_ICC_IGRPEN1_EL1(1)
        write_ICH_HCR_EL2(0)
        AArch64.clearListRegisters()
        barrier_isb()
    }

    /// Returns the frames of the core's redistributor, whose GICR_TYPER has the core's affinity.
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

    /// Sets an interrupt of this core active in GICR_ISACTIVER0. Reads the register back, so that the write takes
    /// effect before later accesses.
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
        while device_read32(base) & 1 << 31 != 0 {}  // CTLR.RWP: the interrupt may still arrive until then.
        device_write32(base + 0x380 + UInt64(interrupt / 32) * 4, 1 << (interrupt & 31))  // ICACTIVER
    }
}
