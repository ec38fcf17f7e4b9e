import ABI
@_spi(Kernel) import Entente

/// The memory of the machine's flash, as the host tool describes it.
struct FlashMemory {
    private let memory: Resource

    /// Nil for a machine that starts from a kernel.
    static var own: FlashMemory? {
        Configuration.resource(.lastingMemory, named: "flash").map { FlashMemory(memory: $0) }
    }

    /// Returns the address of bytes in the monitor's own space; nil if they do not all lie in the memory.
    ///
    /// Root has mapped the memory there before the monitor started, for loads and stores, and never unmaps it.
    func address(of offset: UInt64, size: UInt64) -> UInt64? {
        guard offset <= memory.size, size <= memory.size &- offset else { return nil }
        return memory.address &+ offset
    }

    private var extent: UInt64 { memory.slot }
    /// The slot of the mapping in the machine's space.
    private var mapping: UInt64 { memory.slot &+ 1 }

    /// Maps the memory for the machine. Returns false if the kernel refuses.
    func show() -> Bool {
        let words = Words(
            extent, MachineFlash.variables, 0, MachineFlash.storeSize, UInt64(Rights.read.rawValue), mapping)
        return invoke(.map, Selector(slot: MonitorSlot.machineSpace), words).status == .ok
    }

    func hide() { revoke(UInt32(truncatingIfNeeded: mapping), .delete) }
}
