import ABI
@_spi(Kernel) import Entente
import VirtualPlatform

// The machine's firmware for single virtual CPUs (PSCI, DEN0022). All of it runs on the calling virtual CPU's time.
// `PowerController` decides on each call, and Monitor+PowerCycle.swift turns the whole machine off or resets it.
extension Monitor {
    @inline(never)
    func hypercall(_ exit: Exit) -> Answer {
        let call = FirmwareCall(function: exit.words.w1, exit.words.w2, exit.words.w3, exit.words.w4)
        let action: FirmwareAction? = SharedMachine.withLock { state in
            Monitor.finishTurningOff(&state)
            let action = state.power.perform(call, from: exit.virtualCPU, ram: GuestBounds(machine.memory))
            switch action {
            case .turnOn(let target, let entry, let context):
                return .resume(turnOn(VirtualCPU(number: target), entry: entry, context: context, &state))
            case .reset, .powerOff:
                state.cycle.restarts = action == .reset && machine.restarts
                return action
            case .resume, .turnOff, .stop: return action
            }
        }
        switch action {
        case nil: return repeatLater(exit)
        case .resume(let value): return resume(exit, value)
        case .reset, .powerOff:
            _ = replyWait(Reply.leaveStopped)
            signal(InitialSlot.notification, bits: Wake.power)
            return replyWait(ReplyForm.wait)
        // The closure above has turned `turnOn` into `resume`.
        case .turnOff, .stop, .turnOn: return replyWait(Reply.leaveStopped | ReplyForm.wait)
        }
    }

    /// Returns the result of a function in `x0`; `x1…x3` keep their values (SMCCC 1.1).
    private func resume(_ exit: Exit, _ value: UInt64) -> Answer {
        replyWait(Reply.arguments, Words(value, exit.words.w2, exit.words.w3, exit.words.w4))
    }

    /// Starts a virtual CPU that has been claimed. Holds the lock throughout, so that changes of the target's
    /// interrupts by other virtual CPUs come either before its reset or after it.
    private func turnOn(
        _ target: VirtualCPU, entry: UInt64, context: UInt64, _ state: inout SharedMachine.State
    ) -> UInt64 {
        var environment = KernelEnvironment()
        let latched = state.devices.interrupts.latched(at: target.number, &environment)
        target.reset()
        state.devices.interrupts.restore(target.number, latched, &environment)
        target.prepare(entry: entry, argument: context)
        var status = PSCIStatus.denied
        if state.power.finishTurningOn(target.number) {
            status = target.start() ? .success : .internalFailure
            if status != .success { state.power.abandonTurningOn(target.number) }
        }
        return UInt64(bitPattern: status.rawValue)
    }

    /// Records as off each virtual CPU that requested it and that the kernel has stopped. Called before each
    /// decision, so that the thread that left the virtual CPU stopped needs no time of its own afterwards.
    static func finishTurningOff(_ state: inout SharedMachine.State) {
        for number in 0..<state.power.virtualCPUCount
        where state.power.state(of: number) == .turningOff && VirtualCPU(number: number).isStopped {
            state.power.finishTurningOff(number)
        }
    }
}
