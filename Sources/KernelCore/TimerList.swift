/// An object that waits for a deadline.
public protocol Timed: ~Copyable {
    var timer: TimerLink<Self> { get set }
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

    @inline(__always) var soonest: Ticks { first.map { $0.pointee.timer.deadline } ?? .never }

    mutating func insert(_ item: Ref<Item>, at deadline: Ticks) {
        remove(item)
        var previous: Ref<Item>?
        var next = first
        while let candidate = next, candidate.pointee.timer.deadline <= deadline {
            previous = candidate
            next = candidate.pointee.timer.next
        }
        item.pointee.timer.deadline = deadline
        item.pointee.timer.isArmed = true
        item.pointee.timer.previous = previous
        item.pointee.timer.next = next
        if let previous { previous.pointee.timer.next = item } else { first = item }
        next?.pointee.timer.previous = item
    }

    mutating func remove(_ item: Ref<Item>) {
        guard item.pointee.timer.isArmed else { return }
        let next = item.pointee.timer.next
        if let previous = item.pointee.timer.previous { previous.pointee.timer.next = next } else { first = next }
        next?.pointee.timer.previous = item.pointee.timer.previous
        item.pointee.timer.isArmed = false
        item.pointee.timer.next = nil
        item.pointee.timer.previous = nil
    }

    /// Takes the first one out if its time has come.
    mutating func removeExpired(_ now: Ticks) -> Ref<Item>? {
        guard let item = first, item.pointee.timer.deadline <= now else { return nil }
        remove(item)
        return item
    }
}

extension ExecutionContext: Timed {}
extension Notification: Timed {}
extension SchedulingContext: Timed {}
