/// An object that waits for a deadline.
public protocol Timed: ~Copyable {
    var timer: TimerLink<Self> { get set }
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

/// Deadlines of one core: a leftist heap. Nobody is later than who stands below, and a right side is never longer than the left one
/// beside it: with n deadlines it has at most log2(n + 1) steps, and an operation follows right sides only.
public struct TimerQueue<Item: Timed & ~Copyable> {
    var first: Ref<Item>?

    @inline(__always) var soonest: Ticks { first.map { $0.pointee.timer.deadline } ?? .never }

    mutating func insert(_ item: Ref<Item>, at deadline: Ticks) {
        remove(item)
        item.pointee.timer.deadline = deadline
        item.pointee.timer.isArmed = true
        item.pointee.timer.rank = 1
        first = Self.merge(first, item)
    }

    mutating func remove(_ item: Ref<Item>) {
        guard item.pointee.timer.isArmed else { return }
        let rest = Self.merge(item.pointee.timer.left, item.pointee.timer.right)
        let parent = item.pointee.timer.parent
        rest?.pointee.timer.parent = parent
        item.pointee.timer.isArmed = false
        item.pointee.timer.parent = nil
        item.pointee.timer.left = nil
        item.pointee.timer.right = nil
        guard let parent else { return first = rest }
        if parent.pointee.timer.left == item { parent.pointee.timer.left = rest } else { parent.pointee.timer.right = rest }
        // Each step up that changes a rank makes it one more than the last: there are no more than ranks.
        var node: Ref<Item>? = parent
        while let changed = node, Self.settle(changed) { node = changed.pointee.timer.parent }
    }

    /// Takes the first one out if its time has come.
    mutating func removeExpired(_ now: Ticks) -> Ref<Item>? {
        guard let item = first, item.pointee.timer.deadline <= now else { return nil }
        remove(item)
        return item
    }

    /// One heap of two, whose first has no parent.
    private static func merge(_ one: Ref<Item>?, _ other: Ref<Item>?) -> Ref<Item>? {
        var one = one, other = other
        var root: Ref<Item>?, last: Ref<Item>?
        func append(_ item: Ref<Item>) {
            item.pointee.timer.parent = last
            if let last { last.pointee.timer.right = item } else { root = item }
        }
        // Down both right sides, the sooner one first.
        while let upper = one, let lower = other {
            if lower.pointee.timer.deadline < upper.pointee.timer.deadline {
                one = lower
                other = upper
                continue
            }
            append(upper)
            last = upper
            one = upper.pointee.timer.right
        }
        if let rest = one ?? other { append(rest) }
        while let node = last {
            _ = settle(node)
            last = node.pointee.timer.parent
        }
        return root
    }

    /// The longer side to the left. Whether the rank changed.
    private static func settle(_ node: Ref<Item>) -> Bool {
        let left = node.pointee.timer.left?.pointee.timer.rank ?? 0
        let right = node.pointee.timer.right?.pointee.timer.rank ?? 0
        if left < right {
            let item = node.pointee.timer.left
            node.pointee.timer.left = node.pointee.timer.right
            node.pointee.timer.right = item
        }
        let rank = min(left, right) &+ 1
        defer { node.pointee.timer.rank = rank }
        return node.pointee.timer.rank != rank
    }
}

extension ExecutionContext: Timed {}
extension Notification: Timed {}
extension SchedulingContext: Timed {}
