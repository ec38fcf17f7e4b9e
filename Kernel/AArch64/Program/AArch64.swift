import ABI
import AArch64Support
import KernelCore

typealias EntenteKernel = Kernel<AArch64>

/// The hardware of the kernel on boards: AArch64 at EL2, without the virtualization host extensions.
///
/// Its conformance to `BoardHardware` is spread over files by topic: time and cores here, the rest in
/// `AArch64+Tenants`, `+VirtualInterrupts`, `+PageTables`, `+Exits`, `+Registers` and `+Debug`. Read on in
/// Exceptions.swift: the entry from the vectors.
enum AArch64: BoardHardware {
    static var board: Ref<Board> {
        @inline(__always) get { Ref(at: PhysicalAddress(address_of_kernel_board())) }
    }

    /// This core's `Core`, which TPIDR_EL2 holds from the first instruction on.
    static var core: Ref<Core> {
        @inline(__always) get { Ref(at: PhysicalAddress(read_TPIDR_EL2())) }
    }

    /// Returns the `Core` of any core, in the area that Boot.S reserves for it.
    static func core(_ id: CoreID) -> Ref<Core> {
        Ref(at: PhysicalAddress(address_of_kernel_core_areas() &+ UInt64(id.number) &* 0x4000 &+ 0x3000))
    }

    // MARK: Time

    @inline(__always) static var now: Ticks { Ticks(read_CNTVCT_EL0()) }

    static func setDeadline(_ deadline: Ticks) {
        if deadline == .never {
            write_CNTHP_CTL_EL2(0)
        } else {
            write_CNTHP_CVAL_EL2(deadline.value)
            write_CNTHP_CTL_EL2(1)
        }
    }

    // MARK: Cores and board

    @inline(__always) static func relax() { spin_hint() }
    @inline(__always) static func orderStores() { barrier_dmb_ishst() }
    @inline(__always) static func orderAll() { barrier_dmb_ish() }
    @inline(__always) static func orderLoads() { barrier_dmb_ishld() }
    /// Does nothing where instruction fetch is coherent with data (CTR_EL0.DIC, DDI 0487, D19.2.34). Elsewhere all
    /// cores of the board lose their instruction caches, as they do when any machine executes IC IALLU.
    static func forgetInstructions() {
        if read_CTR_EL0() & 1 << 29 == 0 { instruction_cache_invalidate_all() }
    }

    static func interrupt(_ core: CoreID) {
        let affinity = BootImage.header.pointee.board.cores[core.index]
        write_ICC_SGI1R_EL1(GenericInterruptController.softwareInterrupt(to: affinity, PhysicalInterrupts.inbox))
    }

    static func powerOff() -> Never {
        _ = psci_call(0x8400_0008, 0, 0, 0)
        halt()
    }

    static func resetBoard() -> Never {
        _ = psci_call(0x8400_0009, 0, 0, 0)
        halt()
    }

    static func halt() -> Never {
        while true { wait_for_interrupt() }
    }

    static func writeConsole(_ byte: UInt8) { Console.put(byte) }

    // MARK: Memory

    static func zero(_ address: PhysicalAddress, size: UInt64) { memory_zero(address.value, size) }
    @inline(__always) static func readPair(_ address: PhysicalAddress) -> (UInt64, UInt64) {
        let pair = memory_read_pair(address.value)
        return (pair.first, pair.second)
    }
    @inline(__always) static func readWord(_ address: PhysicalAddress) -> UInt64 { memory_read64(address.value) }
    static func copyWords(from: PhysicalAddress, to: PhysicalAddress, count: UInt64) {
        memory_copy(to.value, from.value, count &* 8)
    }
    static func copyBytes(from: PhysicalAddress, to: PhysicalAddress, count: UInt64) {
        memory_copy(to.value, from.value, count)
    }
}

/// Values of HCR_EL2 (DDI 0487, D19.2.48).
enum HypervisorControl {
    private static let virtualMemory: UInt64 = 1 << 0
    private static let setWayInvalidates: UInt64 = 1 << 1
    private static let routeInterrupts: UInt64 = 1 << 3 | 1 << 4 | 1 << 5  // FMO, IMO, AMO
    private static let forceBroadcast: UInt64 = 1 << 9
    private static let barriersInnerShareable: UInt64 = 1 << 10
    private static let defaultCacheable: UInt64 = 1 << 12
    private static let trapWaitForInterrupt: UInt64 = 1 << 13
    private static let trapIdentification: UInt64 = 1 << 18  // TID3
    private static let trapSecureMonitorCall: UInt64 = 1 << 19
    private static let trapImplementationDefined: UInt64 = 1 << 20
    private static let trapAuxiliaryControl: UInt64 = 1 << 21
    private static let trapSetWay: UInt64 = 1 << 22
    private static let trapGeneralExceptions: UInt64 = 1 << 27
    private static let is64Bit: UInt64 = 1 << 31
    private static let trapLimitedOrdering: UInt64 = 1 << 35
    private static let trapErrorRecords: UInt64 = 1 << 36

    /// The bit that keeps an asynchronous abort pending for the machine. When the machine has unmasked aborts it
    /// takes this one, and hardware clears the bit.
    static let virtualError: UInt64 = 1 << 8  // VSE

    static let guest =
        virtualMemory | setWayInvalidates | routeInterrupts | forceBroadcast | barriersInnerShareable
        | trapWaitForInterrupt | trapIdentification | trapSecureMonitorCall | trapImplementationDefined
        | trapAuxiliaryControl | trapSetWay | is64Bit | trapLimitedOrdering | trapErrorRecords

    /// The value for components. DC makes memory Normal write-back without a stage 1; TGE routes every exception of
    /// EL0 to EL2.
    static let component =
        virtualMemory | setWayInvalidates | routeInterrupts | forceBroadcast
        | barriersInnerShareable | defaultCacheable | trapSecureMonitorCall | trapImplementationDefined
        | trapGeneralExceptions | is64Bit
}
