import ABI

/// The receiver of a notification's bits.
public enum Hearer {
    case nobody
    /// A thread, which receives the bits in `replyWait`.
    case thread(Ref<ExecutionContext>)
    /// A virtual CPU, for which each signal pends this interrupt. The notification keeps no bits.
    case virtualInterrupt(Ref<ExecutionContext>, UInt32)
}

/// A word of bits, into which a signal ORs bits without blocking.
///
/// `signal` and `poll` are below; `Kernel.bind` (Entry/Kernel+Control.swift) sets the sink.
/// Kernel/Proofs/notification.pml and bind.pml check signals and the binding of a sink.
public struct Notification: ~Copyable {
    public let bits: AtomicWord
    /// The receiver in one word, because other cores read it without a lock: the context's address, with bit 0 set
    /// and the interrupt in bits 56…63 for a virtual CPU. The word is 0 if there is no receiver.
    public let sink: AtomicWord
    /// 1 while the notification is in its core's inbox.
    public let inboxQueued: AtomicWord
    let inboxNextWord: AtomicWord
    public var timer: TimerLink<Notification>
    /// The bits that the timer raises.
    public var timerBits: UInt64
    /// The number of the core whose queue may hold the timer, plus 1; 0 if there is none. `timerEnded` marks a
    /// destroyed notification.
    public let timerOwner: AtomicWord

    static let timerEnded = UInt64.max
    static let bindings: UInt64 = 128
    public static let size: UInt64 = 256

    @inline(__always) public var hearer: Hearer { Hearer(sink: sink.load()) }
    /// The next item of the inbox, tagged. Only the core that has set `inboxQueued` to 1 writes it.
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

/// The bits that an event raises in a notification; a doorbell also has an address. It changes under the lock, while
/// other cores read it without the lock. A seqlock (`version`) makes sure that they read values that belong together.
public struct Bell: ~Copyable {
    /// Odd while the bell is being changed.
    let version: AtomicWord
    let link: SharedRef<Notification>
    let bits: AtomicWord
    let address: AtomicWord

    @inline(__always) public var notification: Ref<Notification>? { link.load() }
}

/// The event of a bell: bits that its notification is to get.
public struct RungBell {
    let notification: Ref<Notification>
    let bits: UInt64
}

/// A physical interrupt, delivered as a notification.
public struct Interrupt: ~Copyable {
    public var number: UInt32
    let bell: Bell

    static let binding: UInt64 = 64
    public static let size: UInt64 = 128
}

extension Kernel {
    /// Performs `signal`: ORs bits into a notification. A badged capability raises its badge regardless of `x2`.
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

    /// Performs `poll`: fetches and clears the bits.
    @inline(__always)
    static func poll(_ caller: Ref<ExecutionContext>, _ selector: Selector) throws(Failure) {
        let notification = try find(caller, selector, .notification, .read).target(Notification.self)
        caller.pointee.frame.x[1] =
            notification.pointee.bits.relaxedLoad() == 0 ? 0 : notification.pointee.bits.exchange(0)
    }

    /// Raises bits and tells the sink, on any core.
    ///
    /// Another core may bind the notification to another sink meanwhile. That core writes the sink and then reads the
    /// bits, whereas this one writes the bits and then reads the sink. So at least one of the two sees the other's
    /// store.
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
                // If all bits were set already, the core that set them has told the other core.
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

    /// Raises bits while contexts and their times are only half changed. This core's inbox delivers the bits once the
    /// change is complete.
    static func raiseLater(_ core: Ref<Core>, _ notification: Ref<Notification>, _ bits: UInt64) {
        notification.pointee.bits.set(bits)
        post(core, notification, to: core.pointee.id)
    }

    /// Tells the sink of a notification that may have bits: a thread looks at them on its own core, and a virtual CPU
    /// is interrupted.
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

    /// Wakes the thread of a notification that has bits, if it waits, and ends its call if the bits are in its abort
    /// mask. A thread that serves a caller gets its own time in addition to the caller's, so that it soon handles the
    /// bits. Runs on the thread's core.
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

    /// Sets the notification and bits of a bell, or clears them. `change` is a part of the change. Requires the lock.
    static func hang(
        _ bell: borrowing Bell, _ notification: Ref<Notification>?, _ bits: UInt64 = 0, address: UInt64 = 0,
        and change: () -> Void = {}
    ) {
        bell.version.increment()
        M.orderStores()
        bell.link.store(notification)
        bell.bits.relaxedStore(bits)
        bell.address.relaxedStore(address)
        change()
        bell.version.increment()
    }

    /// Returns the event of a bell; nil if it raises nothing.
    @inline(__always)
    static func look(_ bell: borrowing Bell, address: UInt64 = 0) -> RungBell? {
        look(bell, address: address, and: { 0 })?.bell
    }

    /// Returns the event of a bell, and the result of `read`, which can read a word that changes together with the
    /// bell. Returns nil if the bell raises nothing, or not at this address.
    ///
    /// Waits while another core changes the bell, because that core does not wait for any other meanwhile. A bell
    /// that other cores change in each of the attempts, at the cost of an entry each, counts as one that raises
    /// nothing.
    @inline(__always)
    static func look(
        _ bell: borrowing Bell, address: UInt64, and read: () -> UInt64
    ) -> (bell: RungBell, word: UInt64)? {
        for _ in 0..<attempts {
            let version = settledVersion(bell)
            let link = bell.link.load(), bits = bell.bits.relaxedLoad(), bound = bell.address.relaxedLoad()
            let word = read()
            M.orderLoads()
            guard bell.version.relaxedLoad() == version else { continue }
            guard let link, bound == address else { return nil }
            return (RungBell(notification: link, bits: bits), word)
        }
        return nil
    }

    /// Returns an even version. A change in progress takes a few stores with interrupts off. If the next change has
    /// begun meanwhile, this function does not wait for it: the later odd version fails the caller's check.
    @inline(__always)
    private static func settledVersion(_ bell: borrowing Bell) -> UInt64 {
        let version = bell.version.load()
        guard version & 1 != 0 else { return version }
        while bell.version.load() == version { M.relax() }
        return version &+ 1
    }
}
