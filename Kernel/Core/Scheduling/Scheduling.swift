import ABI

/// The right to run: on which core, how urgently, for how long at a time.
public struct SchedulingContext: ~Copyable {
    public var core: CoreID
    /// 0…31, 31 most urgent.
    public var priority: UInt8
    /// The time that the kernel starts root on: whoever has it may give others any.
    public var isAllTime: Bool
    public var isQueued: Bool
    /// In its core's `ParkedTime`: its owner waits, and no chain leads from there to a context that can run.
    public var isParked: Bool
    /// Ticks at a time when equals want to run.
    public var slice: Ticks
    /// What is left of the slice; 0: a new one begins. Preemption does not renew it, or equals would starve.
    public var left: Ticks
    #if hasFeature(Embedded)
        /// Ticks used until `since`. Written as a pair with `left`: see `Capability.object`.
        public var used: Ticks
    #else
        let usedWord: AtomicWord
    #endif
    /// When it last got the core.
    public var since: Ticks
    let contextLink: SharedRef<ExecutionContext>
    /// Neighbours in the run queue or among the parked.
    public var next: Ref<SchedulingContext>?
    public var previous: Ref<SchedulingContext>?

    // MARK: Budget
    /// Ticks in each period; 0: no limit.
    public var budget: Ticks
    public var period: Ticks
    /// What is left of the budget.
    public var remaining: Ticks
    /// When the period ends.
    public var periodEnd: Ticks
    let exhausted: SharedByte
    let overrunsWord: AtomicWord
    /// Told when the budget runs out, if nothing was told since somebody last asked.
    let overrun: Bell
    /// 1 from an overrun on until somebody asks how many there were (`takeOverruns`), or binds another notification.
    let overrunToldWord: AtomicWord
    public var timer: TimerLink<SchedulingContext>

    static let binding: UInt64 = 192
    public static let size: UInt64 = 256
    public static let defaultSlice: UInt64 = 625_000
}

// What other cores look at, or say anew, while its own core uses it.
extension SchedulingContext {
    #if !hasFeature(Embedded)
        @inline(__always) public var used: Ticks {
            get { Ticks(usedWord.relaxedLoad()) }
            nonmutating set { usedWord.relaxedStore(newValue.value) }
        }
    #endif
    /// Its owner. Other cores only look whether there is one.
    @inline(__always) public var context: Ref<ExecutionContext>? {
        get { contextLink.load() }
        nonmutating set { contextLink.relaxedStore(newValue) }
    }
    /// The budget is used up: it waits, in its core's `budgetTimers`, for the period's end.
    @inline(__always) public var isExhausted: Bool {
        get { exhausted.relaxedLoad() != 0 }
        nonmutating set { exhausted.store(newValue ? 1 : 0) }
    }
    /// To any core, under the lock: no core touches its budget any more, if none runs on it.
    var isAtRest: Bool { exhausted.load() == 0 }
    @inline(__always) public var overruns: UInt64 {
        get { overrunsWord.relaxedLoad() }
        nonmutating set { overrunsWord.relaxedStore(newValue) }
    }
    /// Counts an overrun, on its own core. Returns whether it is to be told. The exchange comes after the count, and in
    /// `takeOverruns` before it, so that a reader that is not told of an overrun finds it in the count.
    func countOverrun() -> Bool {
        overruns = overruns &+ 1
        return overrunToldWord.exchange(1) == 0
    }
    /// Returns the number of overruns, on any core; the next one is told.
    func takeOverruns() -> UInt64 {
        armOverrun()
        return overruns
    }
    /// The next overrun is told. After a change of `overrun`: an overrun that is counted later finds the new one.
    func armOverrun() { _ = overrunToldWord.exchange(0) }
}

/// The scheduling contexts of one core that lead to no context that can run, in no particular order: see
/// Kernel+Helping.swift.
public struct ParkedTime {
    var head: Ref<SchedulingContext>?
    var tail: Ref<SchedulingContext>?
    var count: UInt32
    /// The number of them, from `head` on, that are to be looked at again.
    var due: UInt32
    /// Exceeds the priority of each of them; 0 if there is none. It may be larger than necessary, because `remove`
    /// lowers it only with the last one.
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

/// The scheduling contexts of one core that are ready and not running, by priority, first come first served.
public struct RunQueue {
    var heads: InlineArray<32, Ref<SchedulingContext>?>
    var tails: InlineArray<32, Ref<SchedulingContext>?>
    /// Bit p: somebody is queued at priority p.
    var occupied: UInt32

    /// The most urgent priority that is queued, or -1.
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

    /// Before its equals: for one that was interrupted before its slice ended.
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

    /// Takes one out wherever it stands.
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
