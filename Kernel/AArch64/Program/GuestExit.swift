import ABI
import AArch64Support
import KernelCore

// The exits of virtual CPUs, which Exceptions.swift hands over.

/// Exception classes of ESR_EL2 (DDI 0487, D19.2.40).
enum ExceptionClass {
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

    /// A data abort of the virtual CPU that runs.
    struct DataAbort {
        let tag: ExitTag
        let address: GuestAddress
        /// The register that a store stores, and otherwise of no meaning.
        let value: UInt64

        /// Returns nil if the virtual CPU must make the access again.
        @inline(__always)
        init?(_ context: Ref<ExecutionContext>, _ syndrome: UInt64) {
            guard let address = guestPhysicalAddress(syndrome) else { return nil }
            tag = ExitTag(.memoryAccess, syndrome: syndrome)
            self.address = address
            let register = Int(tag.register)
            value = register < 31 ? context.pointee.frame.x[register] : 0
        }

        /// Returns the doorbells of which the access may ring one.
        @inline(__always)
        func doorbells(_ context: Ref<ExecutionContext>) -> Ref<DoorbellTable>? {
            tag.isWrite ? context.pointee.space?.pointee.doorbells : nil
        }

        /// Returns the event of the doorbell that the access rings.
        func bell(_ context: Ref<ExecutionContext>) -> RungBell? {
            guard tag.isPlainStore, let table = doorbells(context) else { return nil }
            return EntenteKernel.bell(in: table, GuestStore(address, register: value, size: tag.accessSize))
        }
    }

    /// Returns the guest-physical address of an abort; nil if the guest's tables have changed since.
    @inline(__always)
    private static func guestPhysicalAddress(_ syndrome: UInt64) -> GuestAddress? {
        let abort = StageTwoAbort(syndrome: syndrome, faultAddress: read_FAR_EL2())
        // The access had the rights of stage 1, so a load at EL1 translates as well, also for an access at EL0.
        if abort.needsTranslation { return abort.address(translation: translate_load_el1(abort.faultAddress)) }
        return abort.address(pageRegister: read_HPFAR_EL2())
    }

    /// Sends an access to a device to the monitor on the fast path, if the monitor waits.
    @inline(__always)
    static func dataAbortFast(
        _ core: Ref<Core>, _ context: Ref<ExecutionContext>, _ guest: Ref<VirtualCPU>, _ abort: DataAbort
    ) -> Ref<ExecutionContext>? {
        guard let next = EntenteKernel.exitFast(core, context, message(context, abort)) else { return nil }
        noteAbort(guest, abort.tag.syndrome)
        count(guest, .memory)
        count(guest, .monitor)
        return next
    }

    /// Keeps the registers that a refusal of this exit needs. Called once the exit is certain, because a fast path
    /// must change nothing before.
    @inline(__always)
    private static func noteAbort(_ guest: Ref<VirtualCPU>, _ syndrome: UInt64) {
        guest.pointee.system[SystemRegister.exitFaultAddress] = read_FAR_EL2()
        guest.pointee.system[SystemRegister.exitSyndrome] = syndrome
    }

    @inline(__always)
    private static func message(_ context: Ref<ExecutionContext>, _ abort: DataAbort) -> Words {
        Words(abort.tag.bits, abort.address.value, abort.value, context.pointee.frame.programCounter)
    }

    /// Sends an access that the fast path has left to the monitor.
    private static func dataAbort(
        _ core: Ref<Core>, _ context: Ref<ExecutionContext>, _ guest: Ref<VirtualCPU>, _ syndrome: UInt64
    ) {
        count(guest, .memory)
        guard let abort = DataAbort(context, syndrome) else { return }
        noteAbort(guest, syndrome)
        toMonitor(core, context, guest, message(context, abort))
    }

    @inline(never)
    private static func instructionFetch(
        _ core: Ref<Core>, _ context: Ref<ExecutionContext>, _ guest: Ref<VirtualCPU>, _ syndrome: UInt64
    ) {
        count(guest, .memory)
        guard let address = guestPhysicalAddress(syndrome) else { return }
        noteAbort(guest, syndrome)
        toMonitor(
            core, context, guest,
            Words(
                ExitTag(.instructionFetch, syndrome: syndrome).bits, address.value, 0,
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
                Words(
                    ExitTag(.hypercall, syndrome: syndrome).bits, function, context.pointee.frame.x[1],
                    context.pointee.frame.x[2], context.pointee.frame.x[3], context.pointee.frame.programCounter))
        }
    }

    @inline(__always)
    static func toMonitor(
        _ core: Ref<Core>, _ context: Ref<ExecutionContext>, _ guest: Ref<VirtualCPU>, _ message: Words
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
