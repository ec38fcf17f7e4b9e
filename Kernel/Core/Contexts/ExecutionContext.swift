import ABI

/// The state of a context: it can run, or it waits for one of these events.
public enum RunState: UInt8 {
    case stopped
    /// The context runs, or will run when a scheduling context that leads to it gets the core; see
    /// Kernel+Helping.swift.
    case ready
    /// The context waits in `replyWait` for a call or its notification.
    case waiting
    /// The context called a portal, faulted or exited, and waits for the reply or for the server to take its call.
    case calling
    /// The context is a virtual CPU that waits for an interrupt.
    case waitingForInterrupt
}

/// The form in which the reply to a context that is `calling` must be delivered.
public enum CallKind: UInt8 {
    case message
    case exit
}

/// The fault or exit of a context that stopped because no server handled it; `none` if it stopped for another reason.
public struct FaultRecord: Equatable {
    /// Kind and syndrome, as the bits of an `ExitTag`; 0 if there is no fault.
    public var tag: UInt64
    public var address: UInt64

    @inline(__always) static var none: FaultRecord { FaultRecord(tag: 0, address: 0) }

    @inline(__always) init(tag: UInt64, address: UInt64) {
        self.tag = tag
        self.address = address
    }

    /// Takes the first two words of a fault's message.
    @inline(__always) init(_ message: Words) { self.init(tag: message.w0, address: message.w1) }
}

/// A thread or a virtual CPU. It belongs to one core. Only that core touches it,
/// except for the atomic fields, and for changes to a stopped context under the lock. Kernel+Context.swift
/// configures, starts and stops contexts; Calls/ and Scheduling/ change `state` otherwise.
public struct ExecutionContext: ~Copyable {
    /// The first field, because the entry code saves registers at the context's own address.
    public var frame: RegisterFrame
    /// The second field, because assembly moves it and finds it at `floatingPointOffset`.
    public var floatingPoint: FloatingPointFrame
    public var state: RunState
    public var callKind: CallKind
    public var isConfigured: Bool
    /// True if `home` takes part in scheduling, for this context or for the server for which it waits. False while
    /// the context waits, is stopped, or serves a caller; true again while it serves once its notification has bits
    /// for it.
    public var usesOwnTime: Bool
    /// True if `wait` has returned bits since its last call. If a caller and bits are both there, the caller is next.
    public var wasNotified: Bool
    let placed: SharedByte
    /// The context's core. Other cores may rely on it once `isPlaced` is true.
    public var core: CoreID
    /// The number of calls between this context and the first caller of its chain.
    public var depth: UInt8

    public var space: Ref<AddressSpace>?
    let tableLink: SharedRef<CapabilityTable>
    /// The virtual CPU's further state; nil for threads.
    public var guest: Ref<VirtualCPU>?

    /// The context's own scheduling context, if it has one.
    public var home: Ref<SchedulingContext>?

    /// The context whose call this thread serves.
    public var caller: Ref<ExecutionContext>?
    /// The callers that queue until this thread waits for a call.
    public var callers: ContextQueue
    /// The neighbours in the queue of a server's callers.
    public var next: Ref<ExecutionContext>?
    public var previous: Ref<ExecutionContext>?
    /// The message of a caller that had to queue.
    public var message: Words
    public var messageBadge: UInt64
    /// The server that this context called.
    public var server: Ref<ExecutionContext>?

    /// The parts of its outstanding call beyond six words.
    public var shape: MessageShape
    /// The memory that its outstanding call lends. Valid while `shape` has a lease.
    public var lease: Lease
    let messagePageWord: AtomicWord
    /// The bits of its notification that end its call.
    public var abortMask: UInt64

    /// `ReplyForm.leaveStopped` if a stop was requested while this context was `calling`, else 0.
    public var stopsOnReply: UInt32

    let faultPortalLink: SharedRef<Portal>
    public var faultBadge: UInt64
    let notificationLink: SharedRef<Notification>
    /// The notification that is raised when this context stops.
    let stopped: Bell
    /// The fault record. A thread has one also while its fault is being served. Other cores read it under the lock,
    /// once the context has stopped.
    public var fault: FaultRecord

    /// Nonzero until a stopped context's state has left the hardware. Other cores may change the context only once
    /// they read 0.
    public let running: AtomicWord
    /// Requests from other cores; see `ContextRequest`.
    public let requests: AtomicWord
    /// 1 while the context is in its core's inbox.
    public let inboxQueued: AtomicWord
    let inboxNextWord: AtomicWord
    public var timer: TimerLink<ExecutionContext>

    public static let size: UInt64 = 2048
    /// The offset of its bindings, which lie behind the structure; see `NodeRole`.
    static let bindings: UInt64 = 1536
    public static var floatingPointOffset: UInt64 { UInt64(MemoryLayout<RegisterFrame>.size) }

    @inline(__always) public var isVirtualCPU: Bool { guest != nil }
}

extension ExecutionContext {
    /// The next item of the inbox, tagged. Only the core that has set `inboxQueued` to 1 writes it.
    @inline(__always) public var inboxNext: UInt64 {
        get { inboxNextWord.relaxedLoad() }
        nonmutating set { inboxNextWord.relaxedStore(newValue) }
    }
}

// Fields that other cores read, or change under the lock.
extension ExecutionContext {
    /// True if `core` is known, and will not change any more.
    @inline(__always) public var isPlaced: Bool {
        get { placed.load() != 0 }
        nonmutating set { placed.store(newValue ? 1 : 0) }
    }
    @inline(__always) public var table: Ref<CapabilityTable>? {
        get { tableLink.load() }
        nonmutating set { tableLink.store(newValue) }
    }
    /// The message page, or 0.
    @inline(__always) public var messagePage: PhysicalAddress {
        get { PhysicalAddress(messagePageWord.relaxedLoad()) }
        nonmutating set { messagePageWord.relaxedStore(newValue.value) }
    }
    /// The portal to which faults and VM exits go, with `faultBadge`.
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

/// A queue of contexts, first in, first out, linked through `ExecutionContext.next`.
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

    /// Removes a context that is in this queue, at any position.
    mutating func remove(_ context: Ref<ExecutionContext>) {
        let next = context.pointee.next
        let previous = context.pointee.previous
        if let previous { previous.pointee.next = next } else { head = next }
        if let next { next.pointee.previous = previous } else { tail = previous }
        context.pointee.next = nil
        context.pointee.previous = nil
    }
}

/// An entry point of one thread, or of none yet.
public struct Portal: ~Copyable {
    #if hasFeature(Embedded)
        // These words are plain, like a capability's. `destination` reads them without the lock. The thread was
        // configured before, under the lock, so that a core that follows the link finds it configured.
        public var server: Ref<ExecutionContext>?
        /// The number of times that the portal was bound to a thread, which tells a client that its server was
        /// replaced.
        public var generation: UInt64
    #else
        let serverLink: SharedRef<ExecutionContext>
        let generationWord: AtomicWord
    #endif
    static let binding: UInt64 = 64
    public static let size: UInt64 = 128
}

extension Ref<Portal> {
    /// Returns the thread to which the portal leads, and the portal's generation. Reads each once, because another
    /// core may bind the portal meanwhile.
    @inline(__always)
    func destination<M: Hardware>(_: M.Type) -> (server: Ref<ExecutionContext>?, generation: UInt64) {
        let (server, generation) = M.readPair(address)
        return (server == 0 ? nil : Ref<ExecutionContext>(at: PhysicalAddress(server)), generation)
    }
}

#if !hasFeature(Embedded)
    // The same properties on the host, where the fields are atomic words.
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
