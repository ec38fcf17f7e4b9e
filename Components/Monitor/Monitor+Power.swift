import ABI
@_spi(Kernel) import Entente
import VirtualPlatform

// The machine's firmware for single virtual CPUs (PSCI, DEN0022) and random numbers (TRNG, DEN0098). All of it runs on
// the calling virtual CPU's time. `PowerController` decides on each call, and Monitor+PowerCycle.swift turns the whole
// machine off or resets it.
extension Monitor {
    @inline(never)
    func hypercall(_ exit: Exit) -> Answer {
        let call = FirmwareCall(function: exit.words.w1, exit.words.w2, exit.words.w3, exit.words.w4)
        var held = MachineUnit.power
        var random = InlineArray<4, UInt64>(repeating: 0)
        let action = shared.withPower { state -> FirmwareAction? in
            state.finishTurningOff(MachineCycle(machine: machine))
            let action = state.controller.perform(call, from: exit.virtualCPU, ram: GuestBounds(machine.memory))
            switch action {
            case .turnOn(let target, let entry, let context):
                let status = turnOn(VirtualCPU(number: target), entry: entry, context: context, &state.controller)
                if status == nil { held = .controller }
                return status.map { .resume(UInt64(bitPattern: $0.rawValue)) }
            case .reset, .powerOff:
                state.cycle.restarts = action == .reset && machine.restarts
                return action
            case .random:
                guard machine.hasEntropy else { return .refuse(RandomNumbers.noEntropy) }
                random = shared.nextRandomBits(state)
                return action
            case .resume, .refuse, .turnOff, .stop, .identify: return action
            }
        }
        switch action.flatMap({ $0 }) {
        case nil: return repeatLater(exit, whenFree: held)
        case .resume(let value): return resume(exit, value)
        case .refuse(let error): return replyWait(Reply.arguments, Words(error, 0, 0, 0))
        case .random(let request):
            let numbers = request.results(of: random)
            return replyWait(Reply.arguments, Words(0, numbers.0, numbers.1, numbers.2))
        case .identify:
            let identity = RandomNumbers.identity
            return replyWait(Reply.arguments, Words(identity.0, identity.1, identity.2, identity.3))
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

    /// Starts a virtual CPU that has been claimed. Has the interrupt controller throughout its reset, so that changes
    /// of the target's interrupts by other virtual CPUs come either before the reset or after it.
    /// - Returns: nil if another thread has the controller. Then the claim is undone, and the call is made again.
    private func turnOn(
        _ target: VirtualCPU, entry: UInt64, context: UInt64, _ controller: inout PowerController
    ) -> PSCIStatus? {
        var environment = KernelEnvironment()
        let isReset: Void? = shared.withController(&environment) { interrupts, environment in
            let latched = interrupts.latched(at: target.number, &environment)
            target.reset()
            interrupts.restore(target.number, latched, &environment)
        }
        guard isReset != nil else {
            controller.abandonTurningOn(target.number)
            return nil
        }
        target.prepare(entry: entry, argument: context)
        guard controller.finishTurningOn(target.number) else { return .denied }
        if target.start() { return .success }
        controller.abandonTurningOn(target.number)
        return .internalFailure
    }
}
