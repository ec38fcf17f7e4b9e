import ABI

/// Who hears of a notification's bits.
public enum Hearer {
    case nobody
    /// A thread hears of them in `replyWait`.
    case thread(Ref<ExecutionContext>)
    /// Each signal pends this interrupt of a virtual CPU; bits are not kept.
    case virtualInterrupt(Ref<ExecutionContext>, UInt32)
}

/// A word of bits that is OR-ed and never blocks.
public struct Notification: ~Copyable {
    public let bits: AtomicWord
    /// Who hears of them, in one word, because other cores look without a lock: the context's address; in bits 56…63
    /// the interrupt of a virtual CPU; bit 0 tells a virtual CPU. 0: nobody.
    public let sink: AtomicWord
    /// 1 while this is in its core's inbox.
    public let inboxQueued: AtomicWord
    let inboxNextWord: AtomicWord
    public var timer: TimerLink<Notification>
    /// What the timer raises.
    public var timerBits: UInt64
    /// The number of the core whose queue the timer may be in, plus 1; 0: no core's; `timerEnded`: it is destroyed.
    public let timerOwner: AtomicWord

    static let timerEnded = UInt64.max
    static let bindings: UInt64 = 128
    public static let size: UInt64 = 256

    @inline(__always) public var hearer: Hearer { Hearer(sink: sink.load()) }
    /// The next item of the inbox, tagged; written by whoever set `inboxQueued`.
    @inline(__always) public var inboxNext: UInt64 {
        get { inboxNextWord.relaxedLoad() }
        nonmutating set { inboxNextWord.relaxedStore(newValue) }
    }
}

extension Hearer {
    private static let virtualTag: UInt64 = 1

    @inline(__always)
    init(sink: UInt64) {
        guard sink != 0 else { self = .nobody; return }
        let context = Ref<ExecutionContext>(at: PhysicalAddress(sink & 0xFF_FFFF_FFFF_FFFE))
        self =
            sink & Self.virtualTag == 0
            ? .thread(context) : .virtualInterrupt(context, UInt32(truncatingIfNeeded: sink >> 56))
    }

    static func sink(thread: Ref<ExecutionContext>) -> UInt64 { thread.address.value }
    static func sink(virtualCPU: Ref<ExecutionContext>, _ interrupt: UInt32) -> UInt64 {
        virtualCPU.address.value | virtualTag | UInt64(interrupt) << 56
    }
}

/// Which bits something raises in which notification; of a doorbell, at which address. Changed under the lock, while
/// other cores look at it without: they find all of it as it was together.
public struct Bell: ~Copyable {
    /// Odd while it is being changed.
    let version: AtomicWord
    let link: SharedRef<Notification>
    let bits: AtomicWord
    let address: AtomicWord

    @inline(__always) public var notification: Ref<Notification>? { link.load() }
}

/// A physical interrupt, delivered as a notification.
public struct Interrupt: ~Copyable {
    public var number: UInt32
    let bell: Bell

    static let binding: UInt64 = 64
    public static let size: UInt64 = 128
}

extension Kernel {
    /// `signal`: ORs bits into a notification. A badged capability raises its badge, whatever `x2` says.
    @inline(__always)
    static func signal(
        _ core: Ref<Core>, _ caller: Ref<ExecutionContext>, _ selector: Selector
    ) throws(Failure) {
        if let notification = core.pointee.untold {
            core.pointee.untold = nil
            return tell(core, notification)
        }
        let found = try find(caller, selector, .notification, .write)
        let bits = found.badge != 0 ? found.badge : caller.pointee.frame.x[2]
        raise(core, found.target(Notification.self), bits)
    }

    /// `poll`: fetches and clears.
    @inline(__always)
    static func poll(_ caller: Ref<ExecutionContext>, _ selector: Selector) throws(Failure) {
        let notification = try find(caller, selector, .notification, .read).target(Notification.self)
        caller.pointee.frame.x[1] =
            notification.pointee.bits.relaxedLoad() == 0 ? 0 : notification.pointee.bits.exchange(0)
    }

    /// Raises bits and tells the sink, on whichever core it is.
    ///
    /// Another core may bind the notification anew meanwhile. It writes the sink and then looks at the bits, here it is
    /// the other way round: one of the two sees the other.
    @inline(__always)
    static func raise(_ core: Ref<Core>, _ notification: Ref<Notification>, _ bits: UInt64) {
        let sink = notification.pointee.sink.load()
        switch Hearer(sink: sink) {
        case .nobody:
            notification.pointee.bits.set(bits)
            tell(core, notification)
        case .thread(let thread):
            let before = notification.pointee.bits.set(bits)
            guard thread.pointee.core == core.pointee.id else {
                // Bits that were there are no news: whoever set them has told the other core.
                if bits & ~before != 0 { post(core, notification, to: thread.pointee.core) }
                return
            }
            if !thread.pointee.usesOwnTime || thread.pointee.abortMask != 0
                || notification.pointee.sink.load() != sink
            {
                tell(core, notification)
            }
        case .virtualInterrupt(let context, let interrupt):
            pend(core, context, interrupt)
        }
    }

    /// The same from where contexts and their times are only half changed: this core's inbox brings the news once they
    /// are whole.
    static func raiseLater(_ core: Ref<Core>, _ notification: Ref<Notification>, _ bits: UInt64) {
        notification.pointee.bits.set(bits)
        post(core, notification, to: core.pointee.id)
    }

    /// Whoever hears of a notification that may have bits: a thread looks at them, on its core; a virtual CPU is
    /// interrupted.
    @inline(never)
    static func tell(_ core: Ref<Core>, _ notification: Ref<Notification>) {
        switch notification.pointee.hearer {
        case .nobody: break
        case .thread(let thread):
            if thread.pointee.core == core.pointee.id {
                deliver(core, notification, to: thread)
            } else {
                post(core, notification, to: thread.pointee.core)
            }
        case .virtualInterrupt(let context, let interrupt):
            // Two cores may come here with the same bits.
            if notification.pointee.bits.exchange(0) != 0 { pend(core, context, interrupt) }
        }
    }

    /// Wakes the thread of a notification that has bits, if it waits; ends its call if the bits are of its abort mask.
    /// A thread that serves a caller gets its own time beside the caller's, so that it comes to the bits soon. On the
    /// thread's core.
    private static func deliver(_ core: Ref<Core>, _ notification: Ref<Notification>, to thread: Ref<ExecutionContext>)
    {
        if thread.pointee.state == .calling, thread.pointee.callKind == .message, isAborting(thread) {
            abortCall(core, thread)
        }
        guard !thread.pointee.usesOwnTime, thread.pointee.state != .stopped, thread.pointee.home != nil,
            notification.pointee.bits.relaxedLoad() != 0
        else { return }
        if thread.pointee.state == .waiting {
            let bits = notification.pointee.bits.exchange(0)
            guard bits != 0 else { return }
            answer(thread, .notified, tag: bits)
            thread.pointee.state = .ready
        }
        useOwnTime(core, thread)
    }

    // MARK: Bells

    static func hang(
        _ bell: borrowing Bell, _ notification: Ref<Notification>?, _ bits: UInt64 = 0, address: UInt64 = 0
    ) {
        bell.version.increment()
        M.orderStores()
        bell.link.store(notification)
        bell.bits.relaxedStore(bits)
        bell.address.relaxedStore(address)
        bell.version.increment()
    }

    /// Returns the bits that a bell raises, and the notification; nil if it raises nothing, or not at this address.
    /// Waits for a core that is changing the bell, which waits for nobody meanwhile. A bell that was changed over and
    /// over during the look, an entry of another core each time, counts as one that raises nothing.
    static func look(_ bell: borrowing Bell, address: UInt64 = 0) -> (notification: Ref<Notification>, bits: UInt64)? {
        for _ in 0..<attempts {
            let version = settledVersion(bell)
            let link = bell.link.load(), bits = bell.bits.relaxedLoad(), place = bell.address.relaxedLoad()
            M.orderLoads()
            guard bell.version.relaxedLoad() == version else { continue }
            guard let link, place == address else { return nil }
            return (link, bits)
        }
        return nil
    }

    /// An even version. A change that is under way takes a few stores, with interrupts off; the next one is seen as a
    /// later odd version, which is not waited for.
    @inline(__always)
    private static func settledVersion(_ bell: borrowing Bell) -> UInt64 {
        let version = bell.version.load()
        guard version & 1 != 0 else { return version }
        while bell.version.load() == version { M.relax() }
        return version &+ 1
    }
}
