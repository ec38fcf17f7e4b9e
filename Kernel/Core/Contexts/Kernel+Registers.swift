import ABI

// Registers of contexts, as `contextState` (Kernel+Context.swift) reads and writes them.

extension Kernel {
    /// Returns whether `server` has a context's fault or exit, and has not answered it. Then the context does not
    /// run, because both belong to the core that executes this function.
    static func isServed(_ context: Ref<ExecutionContext>, by server: Ref<ExecutionContext>) -> Bool {
        server.pointee.caller == context && context.pointee.callKind == .exit
    }

    static func isCounter(_ number: UInt64) -> Bool {
        number >= RegisterNumber.counters && number < RegisterNumber.counters + UInt64(ExitCounter.count)
    }

    static func write(
        _ core: Ref<Core>, _ context: Ref<ExecutionContext>, _ number: UInt64, _ value: UInt64
    ) throws(Failure) {
        switch number {
        case 0...30: context.pointee.frame.x[Int(number)] = value
        case RegisterNumber.stackPointer: context.pointee.frame.stackPointer = value
        case RegisterNumber.programCounter: context.pointee.frame.programCounter = value
        case RegisterNumber.processorState:
            guard M.isPermitted(processorState: value, ofVirtualCPU: context.pointee.isVirtualCPU) else {
                throw .badArgument
            }
            context.pointee.frame.processorState = value
        case RegisterNumber.privilegedStackPointer:
            guard let guest = context.pointee.guest else { throw .badArgument }
            M.setStackPointer(guest, value, isLoaded: core.pointee.loaded == context)
        case RegisterNumber.vectors..<(RegisterNumber.vectors + 64):
            releaseFloatingPoint(core, context)
            context.pointee.floatingPoint.registers[Int(number &- RegisterNumber.vectors)] = value
        default: throw .badArgument
        }
    }

    static func read(
        _ core: Ref<Core>, _ context: Ref<ExecutionContext>, _ number: UInt64
    ) throws(Failure) -> UInt64 {
        switch number {
        case 0...30: return context.pointee.frame.x[Int(number)]
        case RegisterNumber.stackPointer: return context.pointee.frame.stackPointer
        case RegisterNumber.programCounter: return context.pointee.frame.programCounter
        case RegisterNumber.processorState: return context.pointee.frame.processorState
        case RegisterNumber.faultTag: return context.pointee.fault.tag
        case RegisterNumber.faultAddress: return context.pointee.fault.address
        case RegisterNumber.privilegedStackPointer:
            guard let guest = context.pointee.guest else { throw .badArgument }
            return M.stackPointer(guest, isLoaded: core.pointee.loaded == context)
        case RegisterNumber.system..<(RegisterNumber.system + 48):
            guard let guest = context.pointee.guest else { throw .badArgument }
            if core.pointee.loaded == context { M.keepSystemRegisters(guest) }
            return guest.pointee.system[Int(number &- RegisterNumber.system)]
        case RegisterNumber.vectors..<(RegisterNumber.vectors + 64):
            releaseFloatingPoint(core, context)
            return context.pointee.floatingPoint.registers[Int(number &- RegisterNumber.vectors)]
        default:
            guard let guest = context.pointee.guest, isCounter(number) else { throw .badArgument }
            return guest.pointee.exits[Int(number &- RegisterNumber.counters)].relaxedLoad()
        }
    }

    /// Saves a context's FP registers if they are in this core's unit. The context's next use loads them again. The
    /// caller of the operation is another context, so its own use traps already.
    private static func releaseFloatingPoint(_ core: Ref<Core>, _ context: Ref<ExecutionContext>) {
        guard core.pointee.floatingPointOwner == context else { return }
        M.saveFloatingPoint(context)
        core.pointee.floatingPointOwner = nil
    }
}
