import ABI
import AArch64Support
import KernelCore

// The application of replies to a virtual CPU's exits, and the exceptions that the kernel raises in a machine.

extension AArch64 {
    @inline(__always)
    static func finishExit(
        _ context: Ref<ExecutionContext>, form: UInt32, words: Message, isLoaded: Bool
    ) {
        if form & ReplyForm.refuse != 0 { return refuse(context, isLoaded: isLoaded) }
        if form & ReplyForm.advance != 0 { context.pointee.frame.skipInstruction() }
        if form & ReplyForm.writeRegister != 0 {
            let register = Int(form >> ReplyForm.registerShift & 31)
            if register < 31 { context.pointee.frame.x[register] = words.w0 }
        } else if form & ReplyForm.writeArguments != 0 {
            context.pointee.frame.x[0] = words.w0
            context.pointee.frame.x[1] = words.w1
            context.pointee.frame.x[2] = words.w2
            context.pointee.frame.x[3] = words.w3
        }
    }

    /// Raises a synchronous external abort for the access that left the machine. A thread that faulted keeps its
    /// state. An exit other than an access has no address and becomes an undefined instruction.
    @inline(never)
    private static func refuse(_ context: Ref<ExecutionContext>, isLoaded: Bool) {
        guard let guest = context.pointee.guest else { return }
        let fromEL0 = context.pointee.frame.processorState & 0xC == 0
        let abort = ExternalAbort(exit: guest.pointee.system[SystemRegister.exitSyndrome], fromEL0: fromEL0)
        raise(
            context, guest, syndrome: abort.syndrome,
            faultAddress: abort.hasAddress ? guest.pointee.system[SystemRegister.exitFaultAddress] : nil,
            isLoaded: isLoaded)
    }

    /// Raises an undefined instruction in the machine, as the bare hardware would.
    static func raiseUndefined(_ context: Ref<ExecutionContext>) {
        guard let guest = context.pointee.guest else { return }
        raise(context, guest, syndrome: 1 << 25, faultAddress: nil, isLoaded: true)
    }

    /// Performs a synchronous exception to EL1 (DDI 0487, D1.3.5).
    private static func raise(
        _ context: Ref<ExecutionContext>, _ guest: Ref<VirtualCPU>, syndrome: UInt64, faultAddress: UInt64?,
        isLoaded: Bool
    ) {
        let state = context.pointee.frame.processorState
        let vectors: UInt64
        if isLoaded {
            vectors = read_VBAR_EL1()
            write_ESR_EL1(syndrome)
            write_ELR_EL1(context.pointee.frame.programCounter)
            write_SPSR_EL1(state)
            if let faultAddress { write_FAR_EL1(faultAddress) }
        } else {
            vectors = guest.pointee.system[SystemRegister.vbar]
            guest.pointee.system[SystemRegister.esr] = syndrome
            guest.pointee.system[SystemRegister.elr] = context.pointee.frame.programCounter
            guest.pointee.system[SystemRegister.spsr] = state
            if let faultAddress { guest.pointee.system[SystemRegister.far] = faultAddress }
        }
        context.pointee.frame.programCounter = vectors &+ vectorOffset(state)
        // Sets EL1h with everything masked, and PAN as SCTLR_EL1.SPAN requests.
        context.pointee.frame.processorState = 0x3C5 | state & privilegedAccessNever | newPAN(guest)
    }

    private static let privilegedAccessNever: UInt64 = 1 << 22

    /// Returns the new value of PAN: an exception to EL1 sets it if the core has PAN, unless SCTLR_EL1.SPAN (bit 23)
    /// is set.
    private static func newPAN(_ guest: Ref<VirtualCPU>) -> UInt64 {
        guard read_ID_AA64MMFR1_EL1() >> 20 & 15 != 0 else { return 0 }
        let control = core.pointee.isInGuest ? read_SCTLR_EL1() : guest.pointee.system[SystemRegister.sctlr]
        return control & 1 << 23 == 0 ? privilegedAccessNever : 0
    }

    private static func vectorOffset(_ state: UInt64) -> UInt64 {
        if state & 0x10 != 0 { return 0x600 }
        switch state & 0xF {
        case 0: return 0x400
        case 4: return 0x000
        default: return 0x200
        }
    }
}
