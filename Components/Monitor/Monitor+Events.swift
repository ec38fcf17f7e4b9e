import ABI
@_spi(Kernel) import Entente
import VirtualPlatform

// The events of the monitor's own notification. Its first thread handles them, on the monitor's own time.
extension Monitor {
    /// The bits of the monitor's own notification.
    enum Wake {
        /// From the console driver: input has arrived, or there is room for output.
        static let console: UInt64 = 1
        /// From the timer: the moment that a device requested has passed.
        static let moment: UInt64 = 2
        /// From a thread or the timer: the machine is being turned off, or is on the way to its next start.
        static let power: UInt64 = 4
        /// From a thread or the timer: a device needs a call of `watch`.
        static let time: UInt64 = 8
        /// From a thread: a device has noticed a failure of the machine.
        static let panic: UInt64 = 16
        static let crashLoaded: UInt64 = 32
        static let hang: UInt64 = 64
        /// From a thread of another core: a device waits for a moment, and that core cannot set the timer.
        static let wantsMoment: UInt64 = 128
        /// From the backend of the machine's disks: a word of its page has changed.
        static let backend = VirtioPages.monitorEvent
        static let failures = panic | crashLoaded | hang

        /// Returns the bit by which a thread reports a failure to the first thread.
        static func bit(of failure: MachineFailure) -> UInt64 {
            switch failure {
            case .panicked: panic
            case .crashLoaded: crashLoaded
            case .hangs: hang
            }
        }
    }

    /// Handles the events of some bits. Runs on the monitor's own time, one priority above the machine's, so that
    /// each handler is a bounded piece of work.
    @inline(never)
    func handleNotification(_ bits: UInt64) {
        if bits & Wake.console != 0 { exchange() }
        // If even this core cannot set the timer, `askForMoment` has led to `endMoment` by itself, or does so now.
        if bits & Wake.moment != 0 || bits & Wake.wantsMoment != 0 && !KernelEnvironment().setMoment() { endMoment() }
        if bits & Wake.power != 0 { continuePowerCycle() }
        if bits & Wake.time != 0 { watch() }
        if bits & Wake.failures != 0 { handleFailures(bits) }
        if bits & Wake.backend != 0 { handleBackend() }
    }

    /// Handles news of the backend: a disk has become ready, a guest has broken a rule, or the guest's memory is not
    /// used any more, for which a reset of the machine may wait.
    @inline(never)
    private func handleBackend() {
        exchange()
        if !shared.isRunning { continuePowerCycle() }
    }

    /// Makes the devices handle a change at the other end of the console.
    private func exchange() {
        // The timer serves the power cycle while the machine does not run.
        var environment = KernelEnvironment(mayUseTimer: shared.isRunning)
        _ = shared.exchange(againAt: Wake.console, &environment)
        environment.finish()
    }

    private func endMoment() {
        var environment = KernelEnvironment()
        shared.endMoment(againAt: Wake.moment, &environment)
        environment.finish()
        // The moment may have taken the timer from the power cycle, or from the next call of `watch`.
        if shared.isRunning { watch() } else { signal(InitialSlot.notification, bits: Wake.power) }
    }

    /// Makes the devices handle the passage of time, and sets the timer for the next call. This happens at most once
    /// in a sixteenth of a second, except for the calls that follow a moment, which has taken the timer, and for those
    /// that follow the release of a device that another thread kept.
    private func watch() {
        // This core's timer may have displaced the power cycle's own deadline.
        guard shared.isRunning else { return shared.signal(Wake.power) }
        var environment = KernelEnvironment()
        let found = shared.watch(againAt: Wake.time, &environment)
        guard let sixteenths = found.sixteenths, !found.isTimerTaken else { return }
        setTimer(InitialSlot.notification, deadline: Clock.now &+ sixteenths * Clock.frequency / 16, bits: Wake.time)
    }
}
