import ABI
import AArch64Support
import KernelCore

// Exceptions: from the vectors (Vectors.S) to the portable core, and back with the context that runs next.
//
// `kernelSynchronous` tries the fast paths and then the general path. `kernelInterrupt` and `kernelError` handle the
// other vectors. `GuestExit` below decides for each exit of a virtual CPU whether the kernel or the monitor serves
// it. Read on in Kernel/Core/Entry/Kernel.swift.

typealias EntenteKernel = Kernel<AArch64>

/// Exception classes of ESR_EL2 (DDI 0487, D19.2.40).
private enum ExceptionClass {
    static let waitFor: UInt64 = 0x01
    static let coprocessor14: UInt64 = 0x05
    static let coprocessor14Pair: UInt64 = 0x0C
    static let floatingPoint: UInt64 = 0x07
    static let supervisorCall: UInt64 = 0x15
    static let hypervisorCall: UInt64 = 0x16
    static let secureMonitorCall: UInt64 = 0x17
    static let systemRegister: UInt64 = 0x18
    static let instructionAbort: UInt64 = 0x20
    static let misalignedPC: UInt64 = 0x22
    static let dataAbort: UInt64 = 0x24
}

/// Handles a synchronous exception of the tenant that ran on this core. Performs a fast path, or jumps to the general
/// one. It makes no call, so that it needs no stack frame.
@c(kernel_synchronous)
func kernelSynchronous(_ coreAddress: UInt64, _ contextAddress: UInt64) -> UInt64 {
    let core = Ref<Core>(at: PhysicalAddress(coreAddress))
    let context = Ref<ExecutionContext>(at: PhysicalAddress(contextAddress))
    let syndrome = read_ESR_EL2()
    if let guest = context.pointee.guest {
        if syndrome >> 26 == ExceptionClass.dataAbort,
            let next = GuestExit.dataAbortFast(core, context, guest, syndrome)
        {
            return next.address.value
        }
    } else if syndrome >> 26 == ExceptionClass.supervisorCall {
        if context.pointee.frame.x[0] == Operation.replyWait.rawValue {
            return replyWait(coreAddress, contextAddress)
        }
        return operateFirst(coreAddress, contextAddress)
    }
    return synchronousSlowly(coreAddress, contextAddress, syndrome)
}

/// Continues `kernelSynchronous` by a jump. It is a function of its own, like the next ones, because all paths in one
/// function would exceed the size up to which the compiler inlines.
@inline(never)
private func operateFirst(_ coreAddress: UInt64, _ contextAddress: UInt64) -> UInt64 {
    let core = Ref<Core>(at: PhysicalAddress(coreAddress))
    let context = Ref<ExecutionContext>(at: PhysicalAddress(contextAddress))
    if let next = EntenteKernel.operateFast(core, context) { return next.address.value }
    return operate(coreAddress, contextAddress)
}

/// Continues `kernelSynchronous` by a jump.
@inline(never)
private func replyWait(_ coreAddress: UInt64, _ contextAddress: UInt64) -> UInt64 {
    let core = Ref<Core>(at: PhysicalAddress(coreAddress))
    let context = Ref<ExecutionContext>(at: PhysicalAddress(contextAddress))
    if let next = EntenteKernel.replyWaitFast(core, context) { return next.address.value }
    return wait(coreAddress, contextAddress)
}

/// Continues `operate` by a jump, for a signal that wakes a thread.
@inline(never)
private func signal(_ coreAddress: UInt64, _ contextAddress: UInt64) -> UInt64 {
    let core = Ref<Core>(at: PhysicalAddress(coreAddress))
    let context = Ref<ExecutionContext>(at: PhysicalAddress(contextAddress))
    if let next = EntenteKernel.wakeFast(core, context) { return next.address.value }
    return operateSlowly(coreAddress, contextAddress)
}

/// Continues `replyWait` by a jump, if there is nothing to reply.
@inline(never)
private func wait(_ coreAddress: UInt64, _ contextAddress: UInt64) -> UInt64 {
    let core = Ref<Core>(at: PhysicalAddress(coreAddress))
    let context = Ref<ExecutionContext>(at: PhysicalAddress(contextAddress))
    if let next = EntenteKernel.waitFast(core, context) { return next.address.value }
    return operateSlowly(coreAddress, contextAddress)
}

/// Continues `operate` by a jump, for `map` of one page or block.
@inline(never)
private func map(_ coreAddress: UInt64, _ contextAddress: UInt64) -> UInt64 {
    let context = Ref<ExecutionContext>(at: PhysicalAddress(contextAddress))
    if let next = EntenteKernel.mapFast(context) { return next.address.value }
    return operateSlowly(coreAddress, contextAddress)
}

/// Continues `operate` by a jump, for `revoke` of the mapping of one page or block.
@inline(never)
private func revoke(_ coreAddress: UInt64, _ contextAddress: UInt64) -> UInt64 {
    let context = Ref<ExecutionContext>(at: PhysicalAddress(contextAddress))
    if let next = EntenteKernel.unmapFast(context) { return next.address.value }
    return operateSlowly(coreAddress, contextAddress)
}

/// Continues `operateFirst` by a jump: tries further fast paths, each by a jump again, and then the general one.
@inline(never)
private func operate(_ coreAddress: UInt64, _ contextAddress: UInt64) -> UInt64 {
    switch Ref<ExecutionContext>(at: PhysicalAddress(contextAddress)).pointee.frame.x[0] {
    case Operation.signal.rawValue: return signal(coreAddress, contextAddress)
    case Operation.map.rawValue: return map(coreAddress, contextAddress)
    case Operation.revoke.rawValue: return revoke(coreAddress, contextAddress)
    default: return operateSlowly(coreAddress, contextAddress)
    }
}

/// Performs any operation of a component on the general path.
@inline(never)
private func operateSlowly(_ coreAddress: UInt64, _ contextAddress: UInt64) -> UInt64 {
    let core = Ref<Core>(at: PhysicalAddress(coreAddress))
    EntenteKernel.operate(core, Ref<ExecutionContext>(at: PhysicalAddress(contextAddress)))
    return finish(core)
}

@inline(never)
private func synchronousSlowly(_ coreAddress: UInt64, _ contextAddress: UInt64, _ syndrome: UInt64) -> UInt64 {
    let core = Ref<Core>(at: PhysicalAddress(coreAddress))
    let context = Ref<ExecutionContext>(at: PhysicalAddress(contextAddress))
    if let guest = context.pointee.guest { return guestSlowly(core, context, guest, syndrome) }
    componentFault(core, context, syndrome)
    return finish(core)
}

@inline(never)
private func guestSlowly(
    _ core: Ref<Core>, _ context: Ref<ExecutionContext>, _ guest: Ref<VirtualCPU>, _ syndrome: UInt64
) -> UInt64 {
    if TrappedRegister(syndrome: syndrome).isSoftwareInterrupt {
        GuestExit.count(guest, .systemRegister)
        TrappedRegister(syndrome: syndrome).sendSoftwareInterrupt(core, context, guest)
    } else {
        GuestExit.handle(core, context, guest, syndrome)
    }
    return finish(core)
}

/// Handles an interrupt that arrived while a tenant ran.
@c(kernel_interrupt)
func kernelInterrupt(_ coreAddress: UInt64, _ contextAddress: UInt64) -> UInt64 {
    let core = Ref<Core>(at: PhysicalAddress(coreAddress))
    let context = Ref<ExecutionContext>(at: PhysicalAddress(contextAddress))
    if let guest = context.pointee.guest { guest.pointee.exits[ExitCounter.interrupt.rawValue].count() }
    _ = PhysicalInterrupts.handleOne(core)
    return finish(core)
}

/// Handles an asynchronous abort, which the kernel attributes to the tenant that ran. A machine takes it as a virtual
/// one.
@c(kernel_error)
func kernelError(_ coreAddress: UInt64, _ contextAddress: UInt64) -> UInt64 {
    let core = Ref<Core>(at: PhysicalAddress(coreAddress))
    let context = Ref<ExecutionContext>(at: PhysicalAddress(contextAddress))
    if context.pointee.isVirtualCPU {
        AArch64.raiseError()
        return finish(core)
    }
    EntenteKernel.exit(
        core, context,
        Message(ExitTag(.fault, syndrome: read_ESR_EL2()).bits, 0, 0, context.pointee.frame.programCounter))
    return finish(core)
}

/// Returns the address of the context to run; sleeps while there is none.
@inline(__always)
func finish(_ core: Ref<Core>) -> UInt64 {
    if let next = EntenteKernel.resume(core) { return next.address.value }
    return idle(core)
}

/// Handles interrupts until a context wants the core. Each interrupt is an entry of its own, because other cores
/// could send interrupts without pause, and a revoker waits only for entries that it found in progress. WFI continues
/// at once while an interrupt is pending.
@inline(never)
func idle(_ core: Ref<Core>) -> UInt64 {
    while true {
        EntenteKernel.leave(core)
        wait_for_interrupt()
        EntenteKernel.enter(core)
        _ = PhysicalInterrupts.handleOne(core)
        if let next = EntenteKernel.resume(core) { return next.address.value }
    }
}

/// Handles a fault of a component: calls its fault portal, or stops it with a record for its supervisor.
@inline(never)
private func componentFault(_ core: Ref<Core>, _ context: Ref<ExecutionContext>, _ syndrome: UInt64) {
    if syndrome >> 26 == ExceptionClass.floatingPoint {
        return EntenteKernel.floatingPointTrap(core, context)
    }
    // FAR_EL2 belongs to this exception only in these classes. Otherwise it may hold another tenant's address.
    let hasAddress =
        switch syndrome >> 26 {
        case ExceptionClass.instructionAbort, ExceptionClass.misalignedPC, ExceptionClass.dataAbort: true
        default: false
        }
    EntenteKernel.exit(
        core, context,
        Message(
            ExitTag(.fault, syndrome: syndrome).bits, hasAddress ? read_FAR_EL2() : 0, 0,
            context.pointee.frame.programCounter))
}

/// The exits of virtual CPUs: their reasons, and the choice whether the kernel or the monitor serves them.
enum GuestExit {
    @inline(__always)
    static func handle(
        _ core: Ref<Core>, _ context: Ref<ExecutionContext>, _ guest: Ref<VirtualCPU>, _ syndrome: UInt64
    ) {
        switch syndrome >> 26 {
        case ExceptionClass.dataAbort: dataAbort(core, context, guest, syndrome)
        case ExceptionClass.hypervisorCall: hypercall(core, context, guest, syndrome)
        case ExceptionClass.systemRegister:
            count(guest, .systemRegister)
            TrappedRegister(syndrome: syndrome).handle(core, context, guest)
        case ExceptionClass.waitFor:
            count(guest, .waitForInterrupt)
            context.pointee.frame.skipInstruction()
            EntenteKernel.waitForInterrupt(core, context)
        case ExceptionClass.floatingPoint:
            count(guest, .floatingPoint)
            EntenteKernel.floatingPointTrap(core, context)
        case ExceptionClass.secureMonitorCall:
            context.pointee.frame.skipInstruction()
            hypercall(core, context, guest, syndrome)
        case ExceptionClass.instructionAbort: instructionFetch(core, context, guest, syndrome)
        case ExceptionClass.coprocessor14, ExceptionClass.coprocessor14Pair:
            count(guest, .systemRegister)
            CoprocessorTrap.handle(context, syndrome)
        default: AArch64.raiseUndefined(context)
        }
    }

    @inline(__always)
    static func count(_ guest: Ref<VirtualCPU>, _ counter: ExitCounter) {
        guest.pointee.exits[counter.rawValue].count()
    }

    /// Returns the guest-physical address of an abort. HPFAR_EL2 holds bits 12 and up, from bit 4 on. After a
    /// permission fault of stage 2 it may hold an earlier abort's (DDI 0487, D19.2.61); then the result is an address
    /// that no device has.
    @inline(__always)
    private static func guestPhysicalAddress(_ syndrome: UInt64) -> GuestAddress {
        let isPermissionFault = syndrome & 0x3C == 0x0C
        let page = isPermissionFault ? ~0xFFF : (read_HPFAR_EL2() & 0xFFF_FFFF_FFF0) << 8
        return GuestAddress(page | read_FAR_EL2() & 0xFFF)
    }

    /// Sends an access to a device to the monitor on the fast path, if the machine has no doorbells and the monitor
    /// waits.
    @inline(__always)
    static func dataAbortFast(
        _ core: Ref<Core>, _ context: Ref<ExecutionContext>, _ guest: Ref<VirtualCPU>, _ syndrome: UInt64
    ) -> Ref<ExecutionContext>? {
        guard let space = context.pointee.space, space.pointee.doorbellCount == 0,
            let next = EntenteKernel.exitFast(core, context, dataAbortMessage(context, syndrome))
        else { return nil }
        noteDataAbort(guest, syndrome)
        count(guest, .memory)
        count(guest, .monitor)
        return next
    }

    /// Keeps the registers that a refusal of this exit needs. Called once the exit is certain, because a fast path
    /// must change nothing before.
    @inline(__always)
    private static func noteDataAbort(_ guest: Ref<VirtualCPU>, _ syndrome: UInt64) {
        guest.pointee.system[SystemRegister.exitFaultAddress] = read_FAR_EL2()
        guest.pointee.system[SystemRegister.exitSyndrome] = syndrome
    }

    @inline(__always)
    private static func dataAbortMessage(_ context: Ref<ExecutionContext>, _ syndrome: UInt64) -> Message {
        let tag = ExitTag(.memoryAccess, syndrome: syndrome)
        let register = Int(tag.register)
        let value = register < 31 ? context.pointee.frame.x[register] : 0
        return Message(tag.bits, guestPhysicalAddress(syndrome).value, value, context.pointee.frame.programCounter)
    }

    /// Handles an access to unmapped memory: a doorbell, or a device of the monitor.
    private static func dataAbort(
        _ core: Ref<Core>, _ context: Ref<ExecutionContext>, _ guest: Ref<VirtualCPU>, _ syndrome: UInt64
    ) {
        count(guest, .memory)
        let address = guestPhysicalAddress(syndrome)
        let tag = ExitTag(.memoryAccess, syndrome: syndrome)
        if tag.isPlainStore, let space = context.pointee.space, space.pointee.doorbellCount != 0,
            EntenteKernel.ring(core, space, address)
        {
            context.pointee.frame.skipInstruction()
            return
        }
        noteDataAbort(guest, syndrome)
        toMonitor(core, context, guest, dataAbortMessage(context, syndrome))
    }

    @inline(never)
    private static func instructionFetch(
        _ core: Ref<Core>, _ context: Ref<ExecutionContext>, _ guest: Ref<VirtualCPU>, _ syndrome: UInt64
    ) {
        count(guest, .memory)
        guest.pointee.system[SystemRegister.exitFaultAddress] = read_FAR_EL2()
        guest.pointee.system[SystemRegister.exitSyndrome] = syndrome
        toMonitor(
            core, context, guest,
            Message(
                ExitTag(.instructionFetch, syndrome: syndrome).bits, guestPhysicalAddress(syndrome).value, 0,
                context.pointee.frame.programCounter))
    }

    @inline(__always)
    private static func hypercall(
        _ core: Ref<Core>, _ context: Ref<ExecutionContext>, _ guest: Ref<VirtualCPU>, _ syndrome: UInt64
    ) {
        count(guest, .hypercall)
        let function = context.pointee.frame.x[0]
        if syndrome & 0xFFFF != 0 {
            // SMCCC 1.1, 2.9: only immediate 0 is a call; the answer to others is "unknown function".
            context.pointee.frame.x[0] = .max
        } else if function == SecureMonitorCallConvention.version {
            context.pointee.frame.x[0] = SecureMonitorCallConvention.version1_1
        } else if function & ~0xFF == Operation.hypercallBase {
            EntenteKernel.hypercall(core, context, operation: function & 0xFF)
        } else {
            guest.pointee.system[SystemRegister.exitSyndrome] = syndrome
            toMonitor(
                core, context, guest,
                Message(
                    ExitTag(.hypercall, syndrome: syndrome).bits, function, context.pointee.frame.x[1],
                    context.pointee.frame.x[2], context.pointee.frame.x[3], context.pointee.frame.programCounter))
        }
    }

    @inline(__always)
    static func toMonitor(
        _ core: Ref<Core>, _ context: Ref<ExecutionContext>, _ guest: Ref<VirtualCPU>, _ message: Message
    ) {
        count(guest, .monitor)
        EntenteKernel.exit(core, context, message)
    }
}

/// SMCCC_VERSION and its answer (DEN 0028, 7.2).
enum SecureMonitorCallConvention {
    static let version: UInt64 = 0x8000_0000
    static let version1_1: UInt64 = 0x1_0001
}
