import Entente
import SerialConsole

/// The board's serial port with its interrupts.
public protocol DriverPort: SerialPort {
    /// Turns the port and its interrupts on.
    mutating func start()
    /// Clears the interrupts of earlier bytes. The caller must receive those bytes next, because the port does not
    /// interrupt again for bytes that it already holds.
    mutating func clearInterrupts()
}

/// Runs the console's logic by the clock, and listens to its clients only when there is nothing to do.
///
/// The driver has two notifications, and its thread waits for one of them at a time. Clients and the port's interrupt
/// raise bits of its own notification; only the timer raises those of `clock`. While the thread waits for the clock,
/// a signal of a client sets a bit and wakes no thread, on this core or on another one.
public struct SerialDriver<Port: DriverPort> {
    private let clock = Notification(named: "clock")
    private let interrupt = Interrupt(named: "serial")
    private var console: SerialConsole
    private var schedule = LookSchedule(interval: Interval.milliseconds(1).ticks)
    private var port: Port
    private var clients = QueueClients()
    private var report = Report()
    /// The notification for which the thread waits.
    private var heard = Notification.own

    /// Begins with no client awake and the port off.
    public init(port: Port) {
        self.port = port
        console = SerialConsole(
            clients: clients.count, patience: Interval.milliseconds(500).ticks,
            isRestarted: Configuration.current.earlierLives > 0)
    }

    public mutating func run() -> Never {
        port.start()
        while true {
            let step = schedule.next(at: Clock.now, hasMore: console.hasMore) { Notification.own.poll().bits != 0 }
            switch step {
            case .look: look()
            case .sleep(let deadline): sleep(until: Instant(ticks: deadline))
            case .listen: listen()
            }
        }
    }

    private mutating func look() {
        port.clearInterrupts()
        console.look(&port, &clients, at: Clock.now)
        report.answer()
    }

    private mutating func sleep(until deadline: Instant) {
        guard hear(clock) else { return }
        Alarm(raising: .number(2), in: clock).set(at: deadline)
        wait()
    }

    /// Waits for clients. The port's interrupt stays active until here, so that the line wakes the driver no more
    /// often than a client can.
    private mutating func listen() {
        interrupt.acknowledge()
        if hear(.own) { wait() }
        schedule.heard()
    }

    /// Waits for bits of the selected notification. Bits that are already set end the wait at once.
    private mutating func wait() {
        _ = Events.wait()
        report.noteWakeUp()
    }

    /// Selects this notification for the thread's waits. Returns false if the kernel refuses; the caller must then
    /// not wait, because nothing would wake it.
    private mutating func hear(_ notification: Notification) -> Bool {
        if heard == notification { return true }
        guard notification.listen() == .ok else { return false }
        heard = notification
        return true
    }
}
