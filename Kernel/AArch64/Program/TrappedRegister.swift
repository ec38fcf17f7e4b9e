import ABI
import AArch64Support
import KernelCore

/// A virtual CPU's access to a system register that traps, decoded from its syndrome (DDI 0487, EC 0x18).
struct TrappedRegister {
    let syndrome: UInt64

    var isRead: Bool { syndrome & 1 != 0 }
    private var register: Int { Int(syndrome >> 5 & 31) }
    /// Op0, Op1, CRn, CRm and Op2 as in the syndrome, without register and direction.
    private var encoding: UInt64 { syndrome & 0x3F_FC1E }

    @inline(__always)
    private static func encode(
        _ op0: UInt64, _ op1: UInt64, _ crn: UInt64, _ crm: UInt64, _ op2: UInt64
    ) -> UInt64 {
        op0 << 20 | op2 << 17 | op1 << 14 | crn << 10 | crm << 1
    }

    private static let softwareInterrupt1 = encode(3, 0, 12, 11, 5)  // ICC_SGI1R_EL1
    private static let softwareInterrupt0 = encode(3, 0, 12, 11, 7)  // ICC_SGI0R_EL1
    private static let softwareInterruptAlias = encode(3, 0, 12, 11, 6)  // ICC_ASGI1R_EL1
    private static let auxiliaryControl = encode(3, 0, 1, 0, 1)
    private static let systemRegisterEnable = encode(3, 0, 12, 12, 5)  // ICC_SRE_EL1

    /// True for a write of ICC_SGI1R_EL1, the only frequent access.
    @inline(__always)
    var isSoftwareInterrupt: Bool { syndrome >> 26 == 0x18 && encoding == Self.softwareInterrupt1 && !isRead }

    @inline(__always)
    func sendSoftwareInterrupt(_ core: Ref<Core>, _ context: Ref<ExecutionContext>, _ guest: Ref<VirtualCPU>) {
        AArch64Guest.sendInterrupt(core, context, guest, command: value(context))
        advance(context)
    }

    /// Performs any other access.
    @inline(never)
    func handle(_ core: Ref<Core>, _ context: Ref<ExecutionContext>, _ guest: Ref<VirtualCPU>) {
        let op0 = encoding >> 20 & 3
        let op1 = encoding >> 14 & 7
        let crn = encoding >> 10 & 15
        if op0 == 3, op1 == 0, crn == 0, isRead {
            let answer = IdentificationRegisters.value(crm: encoding >> 1 & 15, op2: encoding >> 17 & 7)
            return finish(context, reading: answer)
        }
        if encoding == Self.systemRegisterEnable { return finish(context, reading: 7) }
        // There are no interrupts of group 0 or of another security state, so the write has no effect.
        if !isRead, encoding == Self.softwareInterrupt0 || encoding == Self.softwareInterruptAlias {
            return finish(context, reading: 0)
        }
        if op0 == 2, accessDebugRegister(core, context, guest) { return }
        // The auxiliary control register reads as zero and ignores writes. So do cache operations by set and way,
        // because they do not concern a machine's memory.
        if encoding == Self.auxiliaryControl || op0 == 1 { return finish(context, reading: 0) }
        AArch64.raiseUndefined(context)
    }

    func finish(_ context: Ref<ExecutionContext>, reading answer: UInt64) {
        if isRead, register < 31 { context.pointee.frame.x[register] = answer }
        advance(context)
    }

    @inline(__always)
    func value(_ context: Ref<ExecutionContext>) -> UInt64 {
        register < 31 ? context.pointee.frame.x[register] : 0
    }

    @inline(__always)
    private func advance(_ context: Ref<ExecutionContext>) { context.pointee.frame.skipInstruction() }
}

enum AArch64Guest {
    /// Performs a guest's write of ICC_SGI1R_EL1.
    @inline(__always)
    static func sendInterrupt(
        _ core: Ref<Core>, _ context: Ref<ExecutionContext>, _ guest: Ref<VirtualCPU>, command: UInt64
    ) {
        GuestExit.count(guest, .softwareInterrupt)
        guard let space = context.pointee.space else { return }
        let interrupt = UInt32(truncatingIfNeeded: command >> 24 & 15)
        var targets = GenericInterruptController.targets(of: command, sender: guest.pointee.affinity)
        while targets != 0 {
            let number = targets.trailingZeroBitCount & 15
            targets &= targets &- 1
            if let target = space.pointee.virtualCPUs[number] { EntenteKernel.pend(core, target, interrupt) }
        }
    }
}
