import ABI

/// General registers of a tenant, where the entry code saves them. The entry code knows these offsets.
public struct RegisterFrame {
    public var x: InlineArray<31, UInt64>
    public var stackPointer: UInt64
    public var programCounter: UInt64
    public var processorState: UInt64

    /// The instruction at the program counter counts as executed. Of software step, it is the one that is stepped
    /// (PSTATE.SS, bit 21, is 0 behind it: DDI 0487, D2.12).
    @inline(__always)
    public mutating func skipInstruction() {
        programCounter &+= 4
        processorState &= ~(1 << 21)
    }
}

/// FP and SIMD registers, moved when another context wants the unit.
public struct FloatingPointFrame {
    public var registers: InlineArray<64, UInt64>
    public var control: UInt64
    public var status: UInt64
}

/// Whether a context runs, and if not, for what it waits.
public enum RunState: UInt8 {
    case stopped
    /// Runs, or will when a scheduling context that leads to it gets the core: see Kernel+Helping.swift.
    case ready
    /// In `replyWait`, for a call or its notification.
    case waiting
    /// Called a portal, faulted or exited; waits for the reply (or for the server's attention).
    case calling
    /// A virtual CPU in WFI.
    case waitingForInterrupt
}

/// How the reply to a context that is `calling` is to be delivered.
public enum CallKind: UInt8 {
    case message
    case exit
}

/// The fault or exit of a context that stopped because nobody served it; `none` if it stopped for another reason.
public struct FaultRecord: Equatable {
    /// Kind and syndrome: the bits of an `ExitTag`; 0: nothing.
    public var tag: UInt64
    public var address: UInt64

    @inline(__always) static var none: FaultRecord { FaultRecord(tag: 0, address: 0) }

    @inline(__always) init(tag: UInt64, address: UInt64) {
        self.tag = tag
        self.address = address
    }

    /// The first two words of a fault's message.
    @inline(__always) init(_ message: Words) { self.init(tag: message.w0, address: message.w1) }
}

/// A thread (EL0) or a virtual CPU (EL1 and EL0 behind stage 2). Belongs to one core; only that core touches it,
/// except `requests` and the inbox link.
public struct ExecutionContext: ~Copyable {
    /// First: the entry code saves registers at the context's own address.
    public var frame: RegisterFrame
    /// Second: assembly moves it, and finds it at `floatingPointOffset`.
    public var floatingPoint: FloatingPointFrame
    public var state: RunState
    public var callKind: CallKind
    public var isConfigured: Bool
    /// Whether `home` takes part in scheduling, for this context or for the server that it waits for. False while the
    /// context waits, is stopped, or serves a caller; true again while it serves once its notification has bits for it.
    public var usesOwnTime: Bool
    /// In `wait` it got bits since its last call: if both are there, a caller is next.
    public var wasNotified: Bool
    let placed: SharedByte
    /// Other cores may go by it once `isPlaced`.
    public var core: CoreID
    /// The number of calls between this context and the first caller of its chain.
    public var depth: UInt8

    public var space: Ref<AddressSpace>?
    let tableLink: SharedRef<CapabilityTable>
    /// Set for virtual CPUs only.
    public var guest: Ref<VirtualCPU>?

    /// Its own scheduling context, if it has one.
    public var home: Ref<SchedulingContext>?

    /// Whose call this thread serves.
    public var caller: Ref<ExecutionContext>?
    /// Callers that wait until this thread waits for a call.
    public var callers: ContextQueue
    /// Neighbours in the queue of a server's callers.
    public var next: Ref<ExecutionContext>?
    public var previous: Ref<ExecutionContext>?
    /// The message of a caller that had to queue.
    public var message: Words
    public var messageBadge: UInt64
    /// The server that this context called.
    public var server: Ref<ExecutionContext>?

    /// What its outstanding call carries beyond six words.
    public var shape: MessageShape
    /// Valid while `shape` has a lease.
    public var lease: Lease
    let messagePageWord: AtomicWord
    /// Bits of its notification that end its call.
    public var abortMask: UInt64

    /// `ReplyForm.leaveStopped` if somebody stopped this context while it was `calling`, else 0.
    public var stopsOnReply: UInt32

    let faultPortalLink: SharedRef<Portal>
    public var faultBadge: UInt64
    let notificationLink: SharedRef<Notification>
    /// Told when this context stops.
    let stopped: Bell
    /// Of a thread, also while its fault is being served. Other cores read it once the context has stopped, under the
    /// lock.
    public var fault: FaultRecord

    /// 0 once a stopped context's state has left the hardware: what other cores may go by.
    public let running: AtomicWord
    /// From other cores: see `ContextRequest`.
    public let requests: AtomicWord
    /// 1 while this is in its core's inbox.
    public let inboxQueued: AtomicWord
    let inboxNextWord: AtomicWord
    public var timer: TimerLink<ExecutionContext>

    public static let size: UInt64 = 2048
    /// Its bindings lie behind the structure: see `NodeRole`.
    static let bindings: UInt64 = 1536
    public static var floatingPointOffset: UInt64 { UInt64(MemoryLayout<RegisterFrame>.size) }

    @inline(__always) public var isVirtualCPU: Bool { guest != nil }
}

extension ExecutionContext {
    /// The next item of the inbox, tagged; written by whoever set `inboxQueued`.
    @inline(__always) public var inboxNext: UInt64 {
        get { inboxNextWord.relaxedLoad() }
        nonmutating set { inboxNextWord.relaxedStore(newValue) }
    }
}

// What other cores take from a context, or change of it, under the lock.
extension ExecutionContext {
    /// `core` is known, and stays so.
    @inline(__always) public var isPlaced: Bool {
        get { placed.load() != 0 }
        nonmutating set { placed.store(newValue ? 1 : 0) }
    }
    @inline(__always) public var table: Ref<CapabilityTable>? {
        get { tableLink.load() }
        nonmutating set { tableLink.store(newValue) }
    }
    /// Its message page, or 0.
    @inline(__always) public var messagePage: PhysicalAddress {
        get { PhysicalAddress(messagePageWord.relaxedLoad()) }
        nonmutating set { messagePageWord.relaxedStore(newValue.value) }
    }
    /// Where faults and VM exits go, with `faultBadge`.
    @inline(__always) public var faultPortal: Ref<Portal>? {
        get { faultPortalLink.load() }
        nonmutating set { faultPortalLink.store(newValue) }
    }
    /// The notification that wakes this thread in `replyWait`.
    @inline(__always) public var notification: Ref<Notification>? {
        get { notificationLink.load() }
        nonmutating set { notificationLink.store(newValue) }
    }
}

/// Bits of `ExecutionContext.requests`.
enum ContextRequest {
    static let start: UInt64 = 1
    static let stop: UInt64 = 2
    /// A virtual CPU's interrupt state has changed.
    static let interrupts: UInt64 = 4
}

/// First in, first out, linked through `ExecutionContext.next`.
public struct ContextQueue {
    var head: Ref<ExecutionContext>?
    var tail: Ref<ExecutionContext>?

    mutating func append(_ context: Ref<ExecutionContext>) {
        context.pointee.next = nil
        context.pointee.previous = tail
        if let tail { tail.pointee.next = context } else { head = context }
        tail = context
    }

    mutating func removeFirst() -> Ref<ExecutionContext>? {
        guard let first = head else { return nil }
        remove(first)
        return first
    }

    /// Takes one out that is in this queue, wherever it stands.
    mutating func remove(_ context: Ref<ExecutionContext>) {
        let next = context.pointee.next
        let previous = context.pointee.previous
        if let previous { previous.pointee.next = next } else { head = next }
        if let next { next.pointee.previous = previous } else { tail = previous }
        context.pointee.next = nil
        context.pointee.previous = nil
    }
}

/// An entry point of one thread, or of nobody.
public struct Portal: ~Copyable {
    #if hasFeature(Embedded)
        // Plain, like a capability's words; without the lock `destination` reads them. The thread was configured under
        // the lock before, so that a core that follows the link finds it configured.
        public var server: Ref<ExecutionContext>?
        /// How often it was bound to a thread: tells a client that its server was replaced.
        public var generation: UInt64
    #else
        let serverLink: SharedRef<ExecutionContext>
        let generationWord: AtomicWord
    #endif
    static let binding: UInt64 = 64
    public static let size: UInt64 = 128
}

extension Ref<Portal> {
    /// The thread that the portal leads to, and the portal's generation, each read once: another core may bind the
    /// portal meanwhile.
    @inline(__always)
    func destination<M: Hardware>(_: M.Type) -> (server: Ref<ExecutionContext>?, generation: UInt64) {
        let (server, generation) = M.readPair(address)
        return (server == 0 ? nil : Ref<ExecutionContext>(at: PhysicalAddress(server)), generation)
    }
}

#if !hasFeature(Embedded)
    // The same, as atomic words.
    extension Portal {
        @inline(__always) public var server: Ref<ExecutionContext>? {
            get { serverLink.load() }
            nonmutating set { serverLink.store(newValue) }
        }
        @inline(__always) public var generation: UInt64 {
            get { generationWord.relaxedLoad() }
            nonmutating set { generationWord.relaxedStore(newValue) }
        }
    }
#endif
