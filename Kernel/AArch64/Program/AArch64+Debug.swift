import ABI
import AArch64Support
import KernelCore

// Debug registers in hardware, and a machine's accesses to them, which trap. Kernel/Core/Contexts/Kernel+Debug.swift
// decides when hardware holds and obeys them.

extension AArch64 {
    static var debugFeatures: DebugFeatures { DebugFeatures(bits: read_ID_AA64DFR0_EL1()) }

    static func exchangeComparator(_ comparator: DebugComparator, _ value: UInt64) -> UInt64 {
        debug_exchange(UInt64(comparator.index), value)
    }

    /// Needs no barrier, because the exception return that follows synchronises (DDI 0487, D2.3). The kernel itself
    /// takes no debug exceptions, because it runs with PSTATE.D set.
    @inline(__always)
    static func armDebugging(_ control: UInt64) { write_MDSCR_EL1(control) }

    /// Turns off debug exceptions, and releases the hardware's locks so that later ones can occur. Runs once on every
    /// core. Machines have virtual locks of their own.
    static func initialiseDebugging() {
        write_OSLAR_EL1(0)
        write_OSDLR_EL1(0)
        write_MDSCR_EL1(0)
    }
}

extension TrappedRegister {
    /// Performs an access to a register with Op0 2. Returns false if there is no such register. The registers of the
    /// communication channel that EL0 can reach read as zero even if MDSCR_EL1.TDCC is set.
    func accessDebugRegister(
        _ core: Ref<Core>, _ context: Ref<ExecutionContext>, _ guest: Ref<VirtualCPU>
    ) -> Bool {
        guard
            let register = DebugRegister(
                op1: syndrome >> 14 & 7, crn: syndrome >> 10 & 15, crm: syndrome >> 1 & 15, op2: syndrome >> 17 & 7,
                AArch64.debugFeatures)
        else { return false }
        if isRead {
            finish(context, reading: EntenteKernel.readDebug(guest, register))
        } else {
            EntenteKernel.writeDebug(core, context, guest, register, value(context))
            finish(context, reading: 0)
        }
        return true
    }
}

enum CoprocessorTrap {
    /// Handles MRC, MCR or MRRC of coprocessor 14 by an AArch32 process.
    @inline(never)
    static func handle(_ context: Ref<ExecutionContext>, _ syndrome: UInt64) {
        let access = DebugCoprocessorAccess(syndrome: syndrome, state: context.pointee.frame.processorState)
        guard access.isExecuted else { return context.pointee.frame.skipAArch32Instruction() }
        guard let answer = access.answer(AArch64.debugFeatures) else { return AArch64.raiseUndefined(context) }
        if access.first < 15 { context.pointee.frame.x[access.first] = answer }
        if let second = access.second, second < 15 { context.pointee.frame.x[second] = 0 }
        context.pointee.frame.skipAArch32Instruction()
    }
}
