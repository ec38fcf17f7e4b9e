import AArch64Support
import KernelCore

// System registers of a virtual CPU whose exit is being served. Its monitor reads and writes them.

extension AArch64 {
    /// Saves the registers that are still in hardware. Those that are exchanged with every component, SCTLR_EL1 among
    /// them, were saved when the virtual CPU exited.
    static func keepSystemRegisters(_ guest: Ref<VirtualCPU>) { unloadSystemRegisters(guest) }

    static func stackPointer(_ guest: Ref<VirtualCPU>, isLoaded: Bool) -> UInt64 {
        isLoaded ? read_SP_EL1() : guest.pointee.system[SystemRegister.sp1]
    }

    static func setStackPointer(_ guest: Ref<VirtualCPU>, _ value: UInt64, isLoaded: Bool) {
        if isLoaded { write_SP_EL1(value) } else { guest.pointee.system[SystemRegister.sp1] = value }
    }
}
