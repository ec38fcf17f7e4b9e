/// An object in a core's inbox. The inbox is a lock-free stack of objects that other cores have changed: all cores
/// push items, and its own core takes the whole list.
///
/// An item is an object's address; bit 0 is set for a notification and clear for a context.
/// Kernel/Proofs/notification.pml checks the protocol.
enum InboxItem {
    case context(Ref<ExecutionContext>)
    case notification(Ref<Notification>)

    static let notificationTag: UInt64 = 1

    init?(tagged: UInt64) {
        guard tagged != 0 else { return nil }
        let address = PhysicalAddress(tagged & ~Self.notificationTag)
        self = tagged & Self.notificationTag == 0 ? .context(Ref(at: address)) : .notification(Ref(at: address))
    }
}

extension Kernel {
    @inline(__always)
    private static func push(_ core: Ref<Core>, _ tagged: UInt64, _ setNext: (UInt64) -> Void) {
        while true {
            let old = core.pointee.inbox.load()
            setNext(old)
            if core.pointee.inbox.replace(old, by: tagged) { return }
        }
    }

    /// Tells `target` that one of its contexts has requests.
    static func post(_ core: Ref<Core>, _ context: Ref<ExecutionContext>, to target: CoreID) {
        guard context.pointee.inboxQueued.exchange(1) == 0 else { return }
        guard let other = M.board.pointee.cores[target.index] else { return }
        push(other, context.address.value) { context.pointee.inboxNext = $0 }
        alert(core, target, for: context)
    }

    /// Tells `target` that a notification of one of its threads has bits.
    static func post(_ core: Ref<Core>, _ notification: Ref<Notification>, to target: CoreID) {
        guard notification.pointee.inboxQueued.exchange(1) == 0 else { return }
        guard let other = M.board.pointee.cores[target.index] else { return }
        let tagged = notification.address.value | InboxItem.notificationTag
        push(other, tagged) { notification.pointee.inboxNext = $0 }
        // An interrupt that this core's own tenants cause needs no share, because it takes their own time. An
        // interrupt here that other cores cause, for example by stopping a context, needs a share.
        if target == core.pointee.id, !core.pointee.isTakingNews { M.interrupt(target) } else { alert(core, target) }
    }

    /// The number of items that one entry handles.
    static var inboxBatch: Int { 8 }

    /// Handles the items of this core's inbox, in pieces. Items that arrive meanwhile bring an interrupt of their
    /// own.
    public static func drainInbox(_ core: Ref<Core>) {
        core.pointee.isTakingNews = true
        defer { core.pointee.isTakingNews = false }
        performErrand(core)
        let isContinued = core.pointee.unread != 0
        if !isContinued, core.pointee.inbox.load() != 0 {
            // Counts before the items leave the inbox, because the exchange releases the count.
            core.pointee.lists.count()
            core.pointee.unread = core.pointee.inbox.exchange(0)
        }
        for _ in 0..<inboxBatch {
            guard let item = InboxItem(tagged: core.pointee.unread) else { break }
            take(core, item)
        }
        let isEmpty = core.pointee.unread == 0
        if isEmpty, core.pointee.lists.relaxedLoad() & 1 != 0 {
            core.pointee.lists.store(core.pointee.lists.relaxedLoad() &+ 1)
        }
        // An interrupt that came while an old list was in progress still has to be answered by a look at the inbox.
        if isContinued || !isEmpty { alert(core, core.pointee.id) }
    }

    @inline(__always)
    private static func take(_ core: Ref<Core>, _ item: InboxItem) {
        switch item {
        case .context(let context):
            core.pointee.unread = context.pointee.inboxNext
            context.pointee.inboxQueued.store(0)
            handleRequests(core, context)
        case .notification(let notification):
            core.pointee.unread = notification.pointee.inboxNext
            notification.pointee.inboxQueued.store(0)
            // Orders the store above before any later look at the bits. A core that sets a bit afterwards sees the
            // 0 and posts again.
            notification.pointee.bits.set(0)
            tell(core, notification)
        }
    }

    /// Handles the requests of other cores to a context of this core.
    static func handleRequests(_ core: Ref<Core>, _ context: Ref<ExecutionContext>) {
        let requests = context.pointee.requests.clear(ContextRequest.stop | ContextRequest.interrupts)
        act(core, context, requests & ~ContextRequest.start)
        guard requests & ContextRequest.start != 0 else { return }
        // A start is taken under the lock, because a core that holds the lock must not find a context that neither
        // runs nor is about to run. Requests that arrived meanwhile are taken with it.
        try? exclusively { () throws(Failure) in act(core, context, context.pointee.requests.exchange(0)) }
    }

    /// Performs the requests. A stop cancels an earlier start, so that the later of the two counts.
    private static func act(_ core: Ref<Core>, _ context: Ref<ExecutionContext>, _ requests: UInt64) {
        if requests & ContextRequest.stop != 0 { stopOnRequest(core, context) }
        if requests & ContextRequest.start != 0 { begin(core, context) }
        if requests & ContextRequest.interrupts != 0 { virtualInterruptsChanged(core, context) }
    }
}
