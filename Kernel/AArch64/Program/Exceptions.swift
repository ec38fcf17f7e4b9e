import ABI
import AArch64Support
import KernelCore

// Exceptions: from the vectors (Vectors.S) to the portable core, and back with the context that runs next.
//
// `kernelSynchronous` tries the fast paths and then the general path. `kernelInterrupt` and `kernelError` handle the
// other vectors. `GuestExit` (GuestExit.swift) decides for each exit of a virtual CPU whether the kernel or the monitor
// serves it. Read on in Kernel/Core/Entry/Kernel.swift.

/// Handles a synchronous exception of the tenant that ran on this core. Performs a fast path, or jumps to the general
/// one. It makes no call, so that it needs no stack frame.
@c(kernel_synchronous)
func kernelSynchronous(_ coreAddress: UInt64, _ contextAddress: UInt64) -> UInt64 {
    let core = Ref<Core>(at: PhysicalAddress(coreAddress))
    let context = Ref<ExecutionContext>(at: PhysicalAddress(contextAddress))
    let syndrome = read_ESR_EL2()
    if let guest = context.pointee.guest {
        if syndrome >> 26 == ExceptionClass.dataAbort {
            guard let abort = GuestExit.DataAbort(context, syndrome) else { return contextAddress }
            if let table = abort.doorbells(context) {
                let candidates = table.pointee.candidates(abort.address, value: abort.value)
                if candidates != 0 {
                    return ring(
                        coreAddress, contextAddress, syndrome, abort.address.value, abort.value,
                        table.first(of: candidates), guest)
                }
            }
            if let next = GuestExit.dataAbortFast(core, context, guest, abort) { return next.address.value }
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

/// Continues `kernelSynchronous` by a jump, for a guest's store to the address of a doorbell.
@inline(never)
private func ring(
    _ coreAddress: UInt64, _ contextAddress: UInt64, _ syndrome: UInt64, _ address: UInt64, _ value: UInt64,
    _ doorbell: Ref<Doorbell>, _ guest: Ref<VirtualCPU>
) -> UInt64 {
    let core = Ref<Core>(at: PhysicalAddress(coreAddress))
    let context = Ref<ExecutionContext>(at: PhysicalAddress(contextAddress))
    let tag = ExitTag(.memoryAccess, syndrome: syndrome)
    let store = GuestStore(GuestAddress(address), register: value, size: tag.accessSize)
    guard tag.isPlainStore, let bell = EntenteKernel.bell(of: doorbell, store) else {
        return storeSlowly(coreAddress, contextAddress, syndrome)
    }
    GuestExit.count(guest, .memory)
    context.pointee.frame.skipInstruction()
    if let next = EntenteKernel.raiseFast(core, context, bell) { return next.address.value }
    return wake(coreAddress, bell)
}

/// Continues `ring` by a jump, if a context has to be told.
@inline(never)
private func wake(_ coreAddress: UInt64, _ bell: RungBell) -> UInt64 {
    let core = Ref<Core>(at: PhysicalAddress(coreAddress))
    if let next = EntenteKernel.wakeFast(core, bell) { return next.address.value }
    return ringSlowly(coreAddress, bell)
}

@inline(never)
private func ringSlowly(_ coreAddress: UInt64, _ bell: RungBell) -> UInt64 {
    let core = Ref<Core>(at: PhysicalAddress(coreAddress))
    EntenteKernel.ring(core, bell)
    return finish(core)
}

/// Continues `ring` by a jump, if the first doorbell at the address rings at other values, or the access is no plain
/// store.
@inline(never)
private func storeSlowly(_ coreAddress: UInt64, _ contextAddress: UInt64, _ syndrome: UInt64) -> UInt64 {
    let core = Ref<Core>(at: PhysicalAddress(coreAddress))
    let context = Ref<ExecutionContext>(at: PhysicalAddress(contextAddress))
    guard let guest = context.pointee.guest, let abort = GuestExit.DataAbort(context, syndrome) else {
        return contextAddress
    }
    if let bell = abort.bell(context) {
        GuestExit.count(guest, .memory)
        context.pointee.frame.skipInstruction()
        return wake(coreAddress, bell)
    }
    if let next = GuestExit.dataAbortFast(core, context, guest, abort) { return next.address.value }
    return synchronousSlowly(coreAddress, contextAddress, syndrome)
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
        Words(ExitTag(.fault, syndrome: read_ESR_EL2()).bits, 0, 0, context.pointee.frame.programCounter))
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
        Words(
            ExitTag(.fault, syndrome: syndrome).bits, hasAddress ? read_FAR_EL2() : 0, 0,
            context.pointee.frame.programCounter))
}
