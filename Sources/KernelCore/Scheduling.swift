import ABI

/// The right to run: on which core, how urgently, for how long at a time.
public struct SchedulingContext: ~Copyable {
    public var core: CoreID
    /// 0…31, 31 most urgent.
    public var priority: UInt8
    public var isQueued: Bool
    /// Ticks at a time when equals want to run.
    public var slice: Ticks
    /// What is left of the slice; 0: a new one begins. Preemption does not renew it, or equals would starve.
    public var left: Ticks
    /// Ticks used until `since`.
    public var used: Ticks
    /// When it last got the core.
    public var since: Ticks
    /// The context that runs on it: the last of the call chain.
    public var context: Ref<ExecutionContext>?
    public var next: Ref<SchedulingContext>?

    public static let size: UInt64 = 128
    public static let defaultSlice: UInt64 = 625_000
}

/// The scheduling contexts of one core that are ready and not running, by priority, first come first served.
public struct RunQueue {
    var heads: InlineArray<32, Ref<SchedulingContext>?>
    var tails: InlineArray<32, Ref<SchedulingContext>?>
    /// Bit p: somebody is queued at priority p.
    var occupied: UInt32

    /// The most urgent priority that is queued, or -1.
    @inline(__always) var highest: Int { 31 - occupied.leadingZeroBitCount }

    mutating func append(_ item: Ref<SchedulingContext>) {
        let priority = Int(item.pointee.priority & 31)
        item.pointee.isQueued = true
        item.pointee.next = nil
        if let tail = tails[priority] { tail.pointee.next = item } else { heads[priority] = item }
        tails[priority] = item
        occupied |= 1 << UInt32(priority)
    }

    /// Before its equals: for one that was interrupted before its slice ended.
    mutating func prepend(_ item: Ref<SchedulingContext>) {
        let priority = Int(item.pointee.priority & 31)
        item.pointee.isQueued = true
        item.pointee.next = heads[priority]
        if heads[priority] == nil { tails[priority] = item }
        heads[priority] = item
        occupied |= 1 << UInt32(priority)
    }

    mutating func removeFirst() -> Ref<SchedulingContext>? {
        let priority = highest
        guard priority >= 0, let first = heads[priority] else { return nil }
        unlinkFirst(first, priority)
        return first
    }

    private mutating func unlinkFirst(_ first: Ref<SchedulingContext>, _ priority: Int) {
        heads[priority] = first.pointee.next
        if heads[priority] == nil {
            tails[priority] = nil
            occupied &= ~(1 << UInt32(priority))
        }
        first.pointee.isQueued = false
    }

    /// Takes one out wherever it stands; linear in the number of its equals.
    mutating func remove(_ item: Ref<SchedulingContext>) {
        let priority = Int(item.pointee.priority & 31)
        guard item.pointee.isQueued else { return }
        if heads[priority] == item { return unlinkFirst(item, priority) }
        var previous = heads[priority]
        while let candidate = previous, candidate.pointee.next != item { previous = candidate.pointee.next }
        previous?.pointee.next = item.pointee.next
        if tails[priority] == item { tails[priority] = previous }
        item.pointee.isQueued = false
    }
}
