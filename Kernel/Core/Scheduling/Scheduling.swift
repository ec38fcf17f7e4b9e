import ABI

/// The right to run: a core, a priority, a slice, and optionally a budget.
///
/// `Kernel+Schedule.swift` gives the core to scheduling contexts, and `Kernel+Budget.swift` enforces budgets.
public struct SchedulingContext: ~Copyable {
    public var core: CoreID
    /// 0…31; 31 is the most urgent.
    public var priority: UInt8
    /// True if this is the time on which the kernel starts root. Its owner may give others any time.
    public var isAllTime: Bool
    public var isQueued: Bool
    /// True if it is in its core's `ParkedTime`: its owner waits, and the chain leads to no context that can run.
    public var isParked: Bool
    /// The ticks after which another scheduling context of the same priority gets the core.
    public var slice: Ticks
    /// The rest of the slice. If it is 0, a new slice begins. Preemption does not renew it, because otherwise equals
    /// would starve.
    public var left: Ticks
    #if hasFeature(Embedded)
        /// The ticks used until `since`. Written as a pair with `left`; see `Capability.object`.
        public var used: Ticks
    #else
        let usedWord: AtomicWord
    #endif
    /// The time at which it last got the core.
    public var since: Ticks
    let contextLink: SharedRef<ExecutionContext>
    /// The neighbours in the run queue or among the parked time.
    public var next: Ref<SchedulingContext>?
    public var previous: Ref<SchedulingContext>?

    // MARK: Budget
    /// The ticks in each period; 0 if there is no limit.
    public var budget: Ticks
    public var period: Ticks
    /// The rest of the budget.
    public var remaining: Ticks
    /// The end of the period.
    public var periodEnd: Ticks
    let exhausted: SharedByte
    let overrunsWord: AtomicWord
    /// The notification that an overrun raises, if no overrun was told since the count was last read.
    let overrun: Bell
    /// 1 from an overrun on until `takeOverruns` reads the count, or another notification is bound.
    let overrunToldWord: AtomicWord
    public var timer: TimerLink<SchedulingContext>

    static let binding: UInt64 = 192
    public static let size: UInt64 = 256
    public static let defaultSlice: UInt64 = 625_000
}

// Fields that other cores read, or set, while the scheduling context's own core uses it.
extension SchedulingContext {
    #if !hasFeature(Embedded)
        @inline(__always) public var used: Ticks {
            get { Ticks(usedWord.relaxedLoad()) }
            nonmutating set { usedWord.relaxedStore(newValue.value) }
        }
    #endif
    /// The owner. Other cores only check whether there is one.
    @inline(__always) public var context: Ref<ExecutionContext>? {
        get { contextLink.load() }
        nonmutating set { contextLink.relaxedStore(newValue) }
    }
    /// True if the budget is used up. Then it waits in its core's `budgetTimers` for the period's end.
    @inline(__always) public var isExhausted: Bool {
        get { exhausted.relaxedLoad() != 0 }
        nonmutating set { exhausted.store(newValue ? 1 : 0) }
    }
    /// True if no core touches the budget any more, provided that no context runs on it. Any core may ask, under the
    /// lock.
    var isAtRest: Bool { exhausted.load() == 0 }
    @inline(__always) public var overruns: UInt64 {
        get { overrunsWord.relaxedLoad() }
        nonmutating set { overrunsWord.relaxedStore(newValue) }
    }
    /// Counts an overrun, on the scheduling context's own core. Returns whether the notification must report the
    /// overrun. This function counts before it exchanges, and `takeOverruns` exchanges before it reads the count, so
    /// that a reader whose notification does not report an overrun finds it in the count.
    func countOverrun() -> Bool {
        overruns = overruns &+ 1
        return overrunToldWord.exchange(1) == 0
    }
    /// Returns the number of overruns, on any core. The notification will report the next overrun.
    func takeOverruns() -> UInt64 {
        armOverrun()
        return overruns
    }
    /// Makes the notification report the next overrun. Called after a change of `overrun`, so that an overrun counted
    /// later finds the new notification.
    func armOverrun() { _ = overrunToldWord.exchange(0) }
}

/// The scheduling contexts of one core that lead to no context that can run, in no particular order; see
/// Kernel+Helping.swift.
public struct ParkedTime {
    var head: Ref<SchedulingContext>?
    var tail: Ref<SchedulingContext>?
    var count: UInt32
    /// The number of scheduling contexts, from `head` on, that must be looked at again.
    var due: UInt32
    /// A bound that exceeds the priority of each of them; 0 if there is none. It may be larger than necessary,
    /// because `remove` lowers it only with the last one.
    var limit: UInt8

    mutating func append(_ item: Ref<SchedulingContext>) {
        item.pointee.isParked = true
        limit = max(limit, item.pointee.priority &+ 1)
        item.pointee.next = nil
        item.pointee.previous = tail
        if let tail { tail.pointee.next = item } else { head = item }
        tail = item
        count &+= 1
    }

    mutating func remove(_ item: Ref<SchedulingContext>) {
        let next = item.pointee.next
        let previous = item.pointee.previous
        if let previous { previous.pointee.next = next } else { head = next }
        if let next { next.pointee.previous = previous } else { tail = previous }
        item.pointee.isParked = false
        count &-= 1
        if count == 0 { limit = 0 }
    }
}

/// The scheduling contexts of one core that are ready and not running, by priority and order of arrival.
public struct RunQueue {
    var heads: InlineArray<32, Ref<SchedulingContext>?>
    var tails: InlineArray<32, Ref<SchedulingContext>?>
    /// Bit p: a scheduling context is queued at priority p.
    var occupied: UInt32

    /// The highest priority that is queued, or -1.
    @inline(__always) var highest: Int { 31 - occupied.leadingZeroBitCount }

    @inline(__always)
    mutating func append(_ item: Ref<SchedulingContext>) {
        let priority = Int(item.pointee.priority & 31)
        item.pointee.isQueued = true
        item.pointee.next = nil
        item.pointee.previous = tails[priority]
        if let tail = tails[priority] { tail.pointee.next = item } else { heads[priority] = item }
        tails[priority] = item
        occupied |= 1 << UInt32(priority)
    }

    /// Puts a scheduling context before its equals, because it was interrupted before its slice ended.
    @inline(__always)
    mutating func prepend(_ item: Ref<SchedulingContext>) {
        let priority = Int(item.pointee.priority & 31)
        item.pointee.isQueued = true
        item.pointee.next = heads[priority]
        item.pointee.previous = nil
        if let head = heads[priority] { head.pointee.previous = item } else { tails[priority] = item }
        heads[priority] = item
        occupied |= 1 << UInt32(priority)
    }

    mutating func removeFirst() -> Ref<SchedulingContext>? {
        let priority = highest
        guard priority >= 0, let first = heads[priority] else { return nil }
        remove(first)
        return first
    }

    /// Removes a scheduling context from any position in the queue.
    @inline(__always)
    mutating func remove(_ item: Ref<SchedulingContext>) {
        guard item.pointee.isQueued else { return }
        let priority = Int(item.pointee.priority & 31)
        let next = item.pointee.next
        let previous = item.pointee.previous
        if let previous { previous.pointee.next = next } else { heads[priority] = next }
        if let next { next.pointee.previous = previous } else { tails[priority] = previous }
        if next == nil, previous == nil { occupied &= ~(1 << UInt32(priority)) }
        item.pointee.isQueued = false
    }
}
