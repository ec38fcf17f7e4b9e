/// An object that waits for a deadline.
public protocol Timed: ~Copyable {
    /// Where it stands. Not a property of the object that is changed in place: such a change counts, to the thread sanitizer, as one of the
    /// object's first word, which other cores may be changing.
    static subscript(timerOf item: Ref<Self>) -> TimerLink<Self> { get set }
}

extension Ref where Object: Timed & ~Copyable {
    @inline(__always) var timer: TimerLink<Object> {
        get { Object[timerOf: self] }
        nonmutating set { Object[timerOf: self] = newValue }
    }
}

/// Where an object stands in a core's list of deadlines.
public struct TimerLink<Item: ~Copyable> {
    public var deadline: Ticks
    public var isArmed: Bool
    var next: Ref<Item>?
    var previous: Ref<Item>?
}

/// Deadlines of one core, soonest first. Insertion is linear in the number of deadlines that are sooner.
public struct TimerList<Item: Timed & ~Copyable> {
    var first: Ref<Item>?

    @inline(__always) var soonest: Ticks { first.map { $0.timer.deadline } ?? .never }

    mutating func insert(_ item: Ref<Item>, at deadline: Ticks) {
        remove(item)
        var previous: Ref<Item>?
        var next = first
        while let candidate = next, candidate.timer.deadline <= deadline {
            previous = candidate
            next = candidate.timer.next
        }
        item.timer.deadline = deadline
        item.timer.isArmed = true
        item.timer.previous = previous
        item.timer.next = next
        if let previous { previous.timer.next = item } else { first = item }
        next?.timer.previous = item
    }

    mutating func remove(_ item: Ref<Item>) {
        guard item.timer.isArmed else { return }
        let next = item.timer.next
        if let previous = item.timer.previous { previous.timer.next = next } else { first = next }
        next?.timer.previous = item.timer.previous
        item.timer.isArmed = false
        item.timer.next = nil
        item.timer.previous = nil
    }

    /// Takes the first one out if its time has come.
    mutating func removeExpired(_ now: Ticks) -> Ref<Item>? {
        guard let item = first, item.timer.deadline <= now else { return nil }
        remove(item)
        return item
    }
}

extension ExecutionContext: Timed {
    @inline(__always) public static subscript(timerOf item: Ref<Self>) -> TimerLink<Self> {
        get { item.pointee.timer }
        set { item.pointee.timer = newValue }
    }
}

extension Notification: Timed {
    @inline(__always) public static subscript(timerOf item: Ref<Self>) -> TimerLink<Self> {
        get { item.pointee.timer }
        set { item.pointee.timer = newValue }
    }
}

extension SchedulingContext: Timed {
    @inline(__always) public static subscript(timerOf item: Ref<Self>) -> TimerLink<Self> {
        get { item.pointee.timer }
        set { item.pointee.timer = newValue }
    }
}
