import ABI

/// Who hears of a notification's bits.
public enum NotificationSink {
    case nobody
    /// A thread hears of them in `replyWait`.
    case thread(Ref<ExecutionContext>)
    /// Each signal pends this interrupt of a virtual CPU; bits are not kept.
    case virtualInterrupt(Ref<ExecutionContext>, UInt32)
}

/// A word of bits that is OR-ed and never blocks.
public struct Notification: ~Copyable {
    public let bits: AtomicWord
    public var sink: NotificationSink
    /// 1 while this is in its core's inbox.
    public let inboxQueued: AtomicWord
    /// The next item of the inbox, tagged; written by whoever set `inboxQueued`.
    public var inboxNext: UInt64
    public var timer: TimerLink<Notification>
    /// What the timer raises.
    public var timerBits: UInt64
    /// The number of the core whose list the timer may be in, plus 1; 0: no core's.
    public let timerOwner: AtomicWord

    public static let size: UInt64 = 128
}

/// A physical interrupt, delivered as a notification.
public struct Interrupt: ~Copyable {
    public var number: UInt32
    public var notification: Ref<Notification>?
    public var bits: UInt64

    public static let size: UInt64 = 64
}

extension Kernel {
    /// `signal`: ORs bits into a notification. A badged capability raises its badge, whatever `x2` says.
    @inline(__always)
    static func signal(
        _ core: Ref<Core>, _ caller: Ref<ExecutionContext>, _ selector: Selector
    ) throws(Failure) {
        let capability = try find(caller, selector, .notification, .write)
        let bits = capability.pointee.badge != 0 ? capability.pointee.badge : caller.pointee.frame.x[2]
        raise(core, capability.pointee.target(Notification.self), bits)
    }

    /// `poll`: fetches and clears.
    @inline(__always)
    static func poll(_ caller: Ref<ExecutionContext>, _ selector: Selector) throws(Failure) {
        let notification = try find(caller, selector, .notification, .read).pointee.target(Notification.self)
        caller.pointee.frame.x[1] =
            notification.pointee.bits.relaxedLoad() == 0 ? 0 : notification.pointee.bits.exchange(0)
    }

    /// Raises bits and tells the sink, on whichever core it is.
    @inline(__always)
    static func raise(_ core: Ref<Core>, _ notification: Ref<Notification>, _ bits: UInt64) {
        switch notification.pointee.sink {
        case .nobody:
            notification.pointee.bits.set(bits)
        case .thread(let thread):
            let before = notification.pointee.bits.set(bits)
            guard thread.pointee.core == core.pointee.id else {
                // Whoever found no bits tells the other core; more bits until it looks are no news.
                if before == 0 { post(notification, to: thread.pointee.core, M.board) }
                return
            }
            if thread.pointee.state == .waiting { deliver(core, notification) }
        case .virtualInterrupt(let context, let interrupt):
            pend(core, context, interrupt)
        }
    }

    /// Wakes the thread of a notification that has bits, if it waits. On the thread's core.
    static func deliver(_ core: Ref<Core>, _ notification: Ref<Notification>) {
        guard case .thread(let thread) = notification.pointee.sink, thread.pointee.state == .waiting,
            let home = thread.pointee.home
        else { return }
        let bits = notification.pointee.bits.exchange(0)
        guard bits != 0 else { return }
        answer(thread, .notified, tag: bits)
        thread.pointee.state = .ready
        thread.pointee.scheduling = home
        home.pointee.context = thread
        makeReady(core, home)
    }
}
