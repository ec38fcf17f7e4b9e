import ABI
import Entente
import VirtualPlatform

// The machine's console: what the first thread hears of it, and when the console driver is told of output.
extension Monitor {
    /// The bits of the monitor's own notification.
    enum Wake {
        /// From the console driver: input has come, or room for output.
        static let console: UInt64 = 1
        /// From the timer: output has waited long enough.
        static let outputDeadline: UInt64 = 2
        /// From a thread or the timer: the machine is on its way off, or to its next start.
        static let power: UInt64 = 4
        /// From a thread or the timer: the clock's alarm may be due.
        static let clock: UInt64 = 8
    }

    /// Runs on the monitor's own time, one priority above the machine's. So each of these is a bounded piece of work.
    @inline(never)
    func handleNotification(_ bits: UInt64) {
        if bits & Wake.console != 0 { exchangeSerial() }
        if bits & Wake.outputDeadline != 0 { endOutputDeadline() }
        if bits & Wake.power != 0 { continuePowerCycle() }
        if bits & Wake.clock != 0 { watchAlarm() }
    }

    /// Lets the serial port see that its wire has changed.
    private func exchangeSerial() {
        var host = KernelHost()
        let duty: OutputBatch.Duty? = SharedMachine.withLock { state in
            state.devices.exchangeSerial(&host)
            if host.written.isNothing { return .none }
            // The timer has something else to do then.
            guard state.power.machine == .running else { return .tell }
            return state.output.add(host.written)
        }
        guard let duty else { return SharedMachine.whenFree(.notification(Wake.console)) }
        perform(duty)
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
        let ended: (isDue: Bool, isRunning: Bool)? = SharedMachine.withLock {
            ($0.output.deadlinePassed(), $0.power.machine == .running)
        }
        guard let ended else { return SharedMachine.whenFree(.notification(Wake.outputDeadline)) }
        if ended.isDue { Console().flush() }
        // It may have stood in the way of the power cycle's own deadline, or of the alarm's.
        if ended.isRunning { watchAlarm() } else { signal(InitialSlot.notification, bits: Wake.power) }
    }

    /// Looks at the clock's alarm, and sets the timer for the next look: once in a sixteenth of a second at most, but
    /// for the looks that follow an output deadline, which has taken the timer.
    private func watchAlarm() {
        var host = KernelHost()
        let found: (sixteenths: UInt64?, isTimerTaken: Bool, isRunning: Bool)? = SharedMachine.withLock { state in
            guard state.power.machine == .running else { return (nil, false, false) }
            return (state.devices.watchAlarm(&host), state.output.isDeadlineSet, true)
        }
        guard let found else { return SharedMachine.whenFree(.notification(Wake.clock)) }
        // This core's timer may have stood in the way of the power cycle's own deadline.
        guard found.isRunning else {
            signal(InitialSlot.notification, bits: Wake.power)
            return
        }
        // An output deadline leads here when it passes.
        guard let sixteenths = found.sixteenths, !found.isTimerTaken else { return }
        setTimer(InitialSlot.notification, deadline: Clock.now &+ sixteenths * Clock.frequency / 16, bits: Wake.clock)
    }
}
