import ABI
import Entente
import VirtualPlatform

// The machine's console: what the first thread hears of it, and when the console driver is told of output.
extension Monitor {
    /// The bits of the monitor's own notification.
    private enum Wake {
        /// From the console driver: input has come, or room for output.
        static let console: UInt64 = 1
        /// From the timer: output has waited long enough.
        static let outputDeadline: UInt64 = 2
    }

    @inline(never)
    func handleNotification(_ bits: UInt64) {
        if bits & Wake.console != 0 { exchangeSerial() }
        if bits & Wake.outputDeadline != 0 { endOutputDeadline() }
    }

    /// Lets the serial port see that its wire has changed. False when the port still holds bytes for it.
    @discardableResult
    func exchangeSerial() -> Bool {
        var host = KernelHost()
        var duty = OutputBatch.Duty.none
        let isEmpty = SharedMachine.withLock { state in
            state.devices.exchangeSerial(&host)
            if !host.written.isNothing { duty = state.output.add(host.written) }
            return !state.devices.serial.isTransmitting
        }
        perform(duty)
        return isEmpty
    }

    /// Output is seen by the user this much later at most: a thousandth of a second.
    private static let outputDelayDivisor: UInt64 = 1000

    @inline(never)
    func perform(_ duty: OutputBatch.Duty) {
        switch duty {
        case .none: return
        case .tell: Console().flush()
        case .setDeadline:
            let deadline = Clock.now &+ Clock.frequency / Monitor.outputDelayDivisor
            let status = setTimer(InitialSlot.notification, deadline: deadline, bits: Wake.outputDeadline)
            // The timer may still belong to another core: then this output waits for nothing.
            if status != .ok { endOutputDeadline() }
        }
    }

    private func endOutputDeadline() {
        if SharedMachine.withLock({ $0.output.deadlinePassed() }) { Console().flush() }
    }
}
