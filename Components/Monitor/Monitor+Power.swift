import ABI
import Entente
import VirtualPlatform

// What a machine's firmware does: virtual CPUs and the machine itself, on and off (PSCI, DEN0022).
extension Monitor {
    @inline(never)
    func hypercall(_ exit: Exit) -> Answer {
        let call = FirmwareCall(function: exit.words.w1, exit.words.w2, exit.words.w3, exit.words.w4)
        let action = SharedMachine.withLock {
            $0.power.perform(call, from: exit.virtualCPU, ram: machine.memory)
        }
        switch action {
        case .resume(let value):
            return resume(exit, value)
        case .turnOn(let target, let entry, let context):
            return resume(exit, turnOn(VirtualCPU(number: target), entry: entry, context: context))
        case .turnOff:
            _ = replyWait(Reply.leaveStopped)
            SharedMachine.withLock { $0.power.finishTurningOff(exit.virtualCPU) }
        case .stop:
            return replyWait(Reply.leaveStopped | ReplyForm.wait)
        case .reset:
            _ = replyWait(Reply.leaveStopped)
            reset()
        case .powerOff:
            _ = replyWait(Reply.leaveStopped)
            powerOff()
        }
        return replyWait(ReplyForm.wait)
    }

    /// A function's result is in `x0`; `x1…x3` keep their values (SMCCC 1.1).
    private func resume(_ exit: Exit, _ value: UInt64) -> Answer {
        replyWait(Reply.arguments, Words(value, exit.words.w2, exit.words.w3, exit.words.w4))
    }

    /// Starts a virtual CPU that has been claimed. The lock is held throughout: what other virtual CPUs do to the
    /// target's interrupts falls either before its reset or after it.
    private func turnOn(_ target: VirtualCPU, entry: UInt64, context: UInt64) -> UInt64 {
        var host = KernelHost()
        let status: PSCIStatus = SharedMachine.withLock { state in
            let latched = state.devices.interrupts.latched(at: target.number, &host)
            target.reset()
            state.devices.interrupts.restore(target.number, latched, &host)
            target.prepare(entry: entry, argument: context)
            guard state.power.finishTurningOn(target.number) else { return .denied }
            guard target.start() else {
                state.power.abandonTurningOn(target.number)
                return .internalFailure
            }
            return .success
        }
        return UInt64(bitPattern: status.rawValue)
    }
}

// MARK: - The whole machine

extension Monitor {
    /// Starts the machine from nothing. Every virtual CPU must be stopped.
    /// - Parameter fillsMemory: whether RAM holds what an earlier life of the machine left; root gives it zeroed.
    func boot(fillsMemory: Bool) {
        if fillsMemory { machine.clearMemory() } else { machine.cleanMemory() }
        machine.load()
        var host = KernelHost()
        SharedMachine.withLock { state in
            state = SharedMachine.State(virtualCPUCount: machine.virtualCPUCount)
            for number in 0..<machine.virtualCPUCount {
                VirtualCPU(number: number).reset()
                state.devices.interrupts.restore(number, LatchedInterrupts(), &host)
            }
        }
        let first = VirtualCPU(number: 0)
        first.prepare(entry: machine.entry, argument: machine.argument)
        if !first.start() { report(" cannot start\r\n") }
    }

    private func reset() {
        guard machine.restarts else { return powerOff() }
        stopAll()
        boot(fillsMemory: true)
    }

    private func powerOff() {
        stopAll()
        reportExits()
        report(" is off\r\n")
    }

    /// Stops every virtual CPU, this thread's caller included, and sends what the serial port still holds.
    ///
    /// `PowerController` lets none start from now on; one that another thread is serving stops with that thread's
    /// reply.
    private func stopAll() {
        while !SharedMachine.withLock({ $0.power.isSettled }) { yield() }
        for number in 0..<machine.virtualCPUCount { VirtualCPU(number: number).stop() }
        for number in 0..<machine.virtualCPUCount {
            while !VirtualCPU(number: number).isStopped { yield() }
        }
        drainSerial()
        SharedMachine.withLock { $0.power.finishStopping() }
    }

    /// Waits for the console driver to take the last bytes, for a while.
    private func drainSerial() {
        var patience = 100_000
        while !exchangeSerial() && patience > 0 {
            yield()
            patience -= 1
        }
        Console().flush()
    }

    /// Writes a line about the machine to its console.
    private func report(_ what: StaticString) {
        let console = Console()
        console.write("\r\nentente: machine ")
        machine.writeName(to: console)
        console.write(what)
        console.flush()
    }
}
