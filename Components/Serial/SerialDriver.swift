import ABI
import Entente
import SerialConsole

/// Runs the console's logic by the clock, and hears calls only when there is nothing to do.
///
/// The driver has two notifications, and its thread waits for one of them at a time. Clients and the port's interrupt
/// raise bits of `InitialSlot.notification`; only the timer raises those of `UInt32(Configuration.resource(.notification, named: "clock")!.slot)`. While the thread is
/// bound to the clock, a signal of a client sets a bit and wakes nobody, on this core or on another one.
struct SerialDriver {
    private var console: SerialConsole
    private var schedule: LookSchedule
    private var port = PL011()
    private var clients: RingClients
    private var report = Report()
    /// The notification that the thread waits for.
    private var bound = InitialSlot.notification

    /// Bits of the driver's notifications. Clients raise bit 0.
    private enum Event {
        static let interrupt: UInt64 = 2
        static let time: UInt64 = 4
    }

    init(_ configuration: ComponentConfiguration) {
        clients = RingClients()
        console = SerialConsole(
            clients: clients.count, patience: Interval.milliseconds(500).ticks,
            isRestarted: configuration.earlierLives > 0)
        schedule = LookSchedule(interval: Interval.milliseconds(1).ticks)
    }

    mutating func run() -> Never {
        port.start()
        while true {
            let step = schedule.next(at: Clock.now, hasMore: console.hasMore) { poll(InitialSlot.notification) != 0 }
            switch step {
            case .look: look()
            case .sleep(let deadline): sleep(until: deadline)
            case .listen: listen()
            }
        }
    }

    private mutating func look() {
        port.clearInterrupts()
        console.look(&port, &clients, at: Clock.now)
        report.answer()
    }

    private mutating func sleep(until deadline: UInt64) {
        wait(on: UInt32(Configuration.resource(.notification, named: "clock")!.slot)) {
            setTimer(UInt32(Configuration.resource(.notification, named: "clock")!.slot), deadline: deadline, bits: Event.time)
        }
    }

    /// The port's interrupt stays active until here, so that the line calls the driver no more often than a client can.
    private mutating func listen() {
        interruptControl(.acknowledge)
        wait(on: InitialSlot.notification) {}
        schedule.heard()
    }

    /// Waits for bits of a notification; those that it has already end the wait at once.
    private mutating func wait(on notification: UInt32, preparing: () -> Void) {
        guard bind(notification) else { return }
        preparing()
        _ = replyWait(ReplyForm.wait)
        report.noteWakeUp()
    }

    /// Has the thread wait for this notification alone. False if the kernel refuses: then the caller must not wait,
    /// because nothing would wake it.
    private mutating func bind(_ notification: UInt32) -> Bool {
        if bound == notification { return true }
        let answer = invoke(
            .notificationBind, Selector(slot: notification, form: NotificationBind.thread.rawValue),
            Words(UInt64(InitialSlot.thread)))
        guard answer.has(.ok) else { return false }
        bound = notification
        return true
    }

    private func interruptControl(_ form: InterruptControl, _ words: Words = Words()) {
        invoke(.interruptControl, Selector(slot: UInt32(Configuration.resource(.interrupt, named: "serial")!.slot), form: form.rawValue), words)
    }
}
