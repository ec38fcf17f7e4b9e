/// An object that waits for a deadline.
public protocol Timed: ~Copyable {
    /// Where it stands. Not a property of the object that is changed in place: such a change counts, to the thread
    /// sanitizer, as one of the object's first word, which other cores may be changing.
    static subscript(timerOf item: Ref<Self>) -> TimerLink<Self> { get set }
}

extension Ref where Object: Timed & ~Copyable {
    @inline(__always) var timer: TimerLink<Object> {
        get { Object[timerOf: self] }
        nonmutating set { Object[timerOf: self] = newValue }
    }
}

/// Where an object stands in a core's queue of deadlines.
public struct TimerLink<Item: ~Copyable> {
    public var deadline: Ticks
    public var isArmed: Bool
    /// Steps down the right side to where nothing follows, this one counted.
    var rank: UInt8
    var parent: Ref<Item>?
    var left: Ref<Item>?
    var right: Ref<Item>?
}

/// Deadlines of one core: a leftist heap. Nobody is later than who stands below, and a right side is never longer than
/// the left one beside it: with n deadlines it has at most log2(n + 1) steps, and an operation follows right sides
/// only.
public struct TimerQueue<Item: Timed & ~Copyable> {
    var first: Ref<Item>?

    @inline(__always) var soonest: Ticks { first.map { $0.timer.deadline } ?? .never }

    mutating func insert(_ item: Ref<Item>, at deadline: Ticks) {
        remove(item)
        item.timer.deadline = deadline
        item.timer.isArmed = true
        item.timer.rank = 1
        first = Self.merge(first, item)
    }

    mutating func remove(_ item: Ref<Item>) {
        guard item.timer.isArmed else { return }
        let rest = Self.merge(item.timer.left, item.timer.right)
        let parent = item.timer.parent
        rest?.timer.parent = parent
        item.timer.isArmed = false
        item.timer.parent = nil
        item.timer.left = nil
        item.timer.right = nil
        guard let parent else { return first = rest }
        if parent.timer.left == item { parent.timer.left = rest } else { parent.timer.right = rest }
        // Each step up that changes a rank makes it one more than the last: there are no more than ranks.
        var node: Ref<Item>? = parent
        while let changed = node, Self.settle(changed) { node = changed.timer.parent }
    }

    /// Takes the first one out if its time has come.
    mutating func removeExpired(_ now: Ticks) -> Ref<Item>? {
        guard let item = first, item.timer.deadline <= now else { return nil }
        remove(item)
        return item
    }

    /// One heap of two, whose first has no parent.
    private static func merge(_ one: Ref<Item>?, _ other: Ref<Item>?) -> Ref<Item>? {
        var one = one, other = other
        var root: Ref<Item>?, last: Ref<Item>?
        func append(_ item: Ref<Item>) {
            item.timer.parent = last
            if let last { last.timer.right = item } else { root = item }
        }
        // Down both right sides, the sooner one first.
        while let upper = one, let lower = other {
            if lower.timer.deadline < upper.timer.deadline {
                one = lower
                other = upper
                continue
            }
            append(upper)
            last = upper
            one = upper.timer.right
        }
        if let rest = one ?? other { append(rest) }
        while let node = last {
            _ = settle(node)
            last = node.timer.parent
        }
        return root
    }

    /// The longer side to the left. Whether the rank changed.
    private static func settle(_ node: Ref<Item>) -> Bool {
        let left = node.timer.left?.timer.rank ?? 0
        let right = node.timer.right?.timer.rank ?? 0
        if left < right {
            let item = node.timer.left
            node.timer.left = node.timer.right
            node.timer.right = item
        }
        let rank = min(left, right) &+ 1
        defer { node.timer.rank = rank }
        return node.timer.rank != rank
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
