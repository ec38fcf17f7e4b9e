/// An object that waits for a deadline.
public protocol Timed: ~Copyable {
    /// The item's links in its queue. Not a property that is changed in place, because the thread sanitizer takes
    /// such a change for one of the object's first word, which other cores may be changing.
    static subscript(timerOf item: Ref<Self>) -> TimerLink<Self> { get set }
}

extension Ref where Object: Timed & ~Copyable {
    @inline(__always) var timer: TimerLink<Object> {
        get { Object[timerOf: self] }
        nonmutating set { Object[timerOf: self] = newValue }
    }
}

/// The position of an object in a core's queue of deadlines.
public struct TimerLink<Item: ~Copyable> {
    public var deadline: Ticks
    public var isArmed: Bool
    /// The number of nodes on the path that follows right children from this node, this node included.
    var rank: UInt8
    var parent: Ref<Item>?
    var left: Ref<Item>?
    var right: Ref<Item>?
}

/// The deadlines of one core, as a leftist heap. No node is later than its children, and a right path is never longer
/// than the left one beside it. With n deadlines a right path has at most log2(n + 1) nodes, and every operation
/// follows right paths only, which bounds it.
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
        // Each step up that changes a rank sets it to one more than the last, so there are no more steps than ranks.
        var node: Ref<Item>? = parent
        while let changed = node, Self.settle(changed) { node = changed.timer.parent }
    }

    /// Removes and returns the first item if its deadline has passed.
    mutating func removeExpired(_ now: Ticks) -> Ref<Item>? {
        guard let item = first, item.timer.deadline <= now else { return nil }
        remove(item)
        return item
    }

    /// Merges two heaps into one, whose root has no parent.
    private static func merge(_ one: Ref<Item>?, _ other: Ref<Item>?) -> Ref<Item>? {
        var one = one, other = other
        var root: Ref<Item>?, last: Ref<Item>?
        func append(_ item: Ref<Item>) {
            item.timer.parent = last
            if let last { last.timer.right = item } else { root = item }
        }
        // Walks down both right paths, the sooner node first.
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

    /// Moves the longer path to the left. Returns whether the rank changed.
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
