import ABI
@_spi(Kernel) import Entente

/// A virtual CPU of the machine, by its number.
struct VirtualCPU {
    let number: Int

    private var slot: UInt32 { MonitorSlot.firstVirtualCPU + UInt32(truncatingIfNeeded: number) }

    /// PSTATE at a start: EL1 with its own stack pointer, all interrupts masked (PSCI, DEN0022, 6.4; the arm64 boot
    /// protocol).
    private static let initialProcessorState: UInt64 = 0x3C5

    /// Resets everything, including the kernel's interrupt state. The virtual CPU must be stopped.
    func reset() {
        let selector = Selector(slot: slot, form: ContextState.reset.rawValue)
        while invoke(.contextState, selector).status == .again {}
    }

    /// Sets the entry, and `argument` in `x0`. The virtual CPU must be stopped.
    func prepare(entry: UInt64, argument: UInt64) {
        writeRegisters(
            slot, first: RegisterNumber.programCounter, count: 2, entry, VirtualCPU.initialProcessorState)
        writeRegisters(slot, first: 0, count: 1, argument)
    }

    /// Sets only the program counter. The virtual CPU must be stopped.
    func moveTo(_ address: UInt64) { writeRegisters(slot, first: RegisterNumber.programCounter, count: 1, address) }

    /// Starts the virtual CPU. Returns false if the kernel refuses.
    func start() -> Bool { contextControl(slot, .start).status == .ok }

    /// Stops the virtual CPU: at once on this core, and soon on another.
    func stop() { contextControl(slot, .stop) }

    var isStopped: Bool {
        let answer = contextControl(slot, .status)
        return answer.status != .ok || answer.words.w0 == ContextStatus.stopped.rawValue
    }
}
