import ABI
@_spi(Kernel) import Entente
import VirtualPlatform

// Accesses to devices that the syndrome does not describe. The monitor finds the instruction in the guest's memory,
// decodes it, and performs it in place of the virtual CPU, on the virtual CPU's time. That takes some 40 operations
// of the kernel and at most 64 accesses.

extension Monitor {
    @inline(never)
    func undescribedAccess(_ exit: Exit) -> Answer {
        if MemoryAccess.isCacheMaintenance(exit.tag) { return replyWait(Reply.advance) }
        var registers = ExitRegisters(exit)
        guard MemoryAccess.isOfInstruction(exit.tag), let instruction = instruction(of: exit, registers) else {
            return replyWait(Reply.refuse)
        }
        // The registers may hold another process's values, because this process would trap at its use of them.
        if instruction.isVector, !registers.mayUseVectors { return replyWait(Reply.refuse) }
        let transfer = Transfer(instruction, &registers)
        guard
            let first = transfer.physicalAddress(
                faultAddress: registers.faultAddress, physicalAddress: exit.words.w1, isWrite: exit.tag.isWrite)
        else { return replyWait(Reply.refuse) }
        var request = TransferRequest(transfer: transfer, address: first)
        var environment = KernelEnvironment()
        let answer = shared.perform(&request, &environment)
        environment.finish()
        switch answer {
        case .done: break
        case .noDevice:
            // As in `unclaimedAccess`; the kernel handles only plain stores to doorbells.
            let isDone = request.transfer.perform(at: first) { machine.isDoorbell($0.address) ? 0 : nil }
            guard isDone else { return replyWait(Reply.refuse) }
        case .stopping: return replyWait(Reply.leaveStopped | ReplyForm.wait)
        case .held(let unit): return repeatLater(exit, whenFree: unit)
        }
        request.transfer.finish(&registers)
        return replyWait(Reply.advance)
    }

    /// Finds and decodes the instruction. The guest can change it, and its tables, at any time.
    private func instruction(of exit: Exit, _ registers: ExitRegisters) -> LoadStore? {
        let state = registers.processorState
        let stage = registers.translation
        guard !state.isAArch32, !stage.isBigEndian(atEL0: state.isEL0), exit.words.w3 & 3 == 0,
            let address = stage.physicalAddress(ofInstructionAt: exit.words.w3, { machine.ram.word(at: $0) }),
            let word = machine.instruction(at: address)
        else { return nil }
        return LoadStore(word)
    }
}

/// A transfer whose accesses go to the device at `address`.
private struct TransferRequest: BusRequest {
    var transfer: Transfer
    let address: UInt64

    mutating func perform(_ access: (MemoryAccess) -> UInt64?) -> Void? {
        transfer.perform(at: address, access) ? () : nil
    }
}

/// The registers of a virtual CPU whose exit the thread serves. No other thread can access them meanwhile.
private struct ExitRegisters: RegisterFile {
    private let slot: UInt32
    private let program: UInt64

    init(_ exit: Exit) {
        slot = MonitorSlot.firstVirtualCPU + UInt32(truncatingIfNeeded: exit.virtualCPU)
        program = exit.words.w3
    }

    var processorState: ProcessorState {
        ProcessorState(bits: readRegister(slot, RegisterNumber.processorState))
    }

    var faultAddress: UInt64 { readRegister(slot, RegisterNumber.exitFaultAddress) }

    var translation: StageOne {
        StageOne(
            control: readRegister(slot, RegisterNumber.systemControl),
            configuration: readRegister(slot, RegisterNumber.translationControl),
            lowTable: readRegister(slot, RegisterNumber.lowTable),
            highTable: readRegister(slot, RegisterNumber.highTable))
    }

    /// True if CPACR_EL1.FPEN (DDI 0487, D17.2.33) permits it: 3 permits all, 1 all but EL0.
    var mayUseVectors: Bool {
        let enable = readRegister(slot, RegisterNumber.accessControl) >> 20 & 3
        return enable == 3 || enable == 1 && !processorState.isEL0
    }

    private var stackPointerNumber: UInt64 {
        processorState.usesPrivilegedStack ? RegisterNumber.privilegedStackPointer : RegisterNumber.stackPointer
    }

    func general(_ number: UInt32) -> UInt64 { readRegister(slot, UInt64(number)) }
    func setGeneral(_ number: UInt32, _ value: UInt64) { set(UInt64(number), value) }
    func stackPointer() -> UInt64 { readRegister(slot, stackPointerNumber) }
    func setStackPointer(_ value: UInt64) { set(stackPointerNumber, value) }
    func programCounter() -> UInt64 { program }
    func vector(_ register: UInt32, half: Int) -> UInt64 { readRegister(slot, vectorNumber(register, half)) }
    func setVector(_ register: UInt32, half: Int, _ value: UInt64) { set(vectorNumber(register, half), value) }

    private func vectorNumber(_ register: UInt32, _ half: Int) -> UInt64 {
        RegisterNumber.vectors + UInt64(register) * 2 + UInt64(half)
    }

    private func set(_ number: UInt64, _ value: UInt64) { writeRegisters(slot, first: number, count: 1, value) }
}

/// PSTATE as SPSR_EL2 holds it.
private struct ProcessorState {
    let bits: UInt64

    var isAArch32: Bool { bits & 0x10 != 0 }
    var isEL0: Bool { bits & 0xC == 0 }
    /// True for EL1h.
    var usesPrivilegedStack: Bool { bits & 0xF == 5 }
}
