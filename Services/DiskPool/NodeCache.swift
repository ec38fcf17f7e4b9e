/// The nodes of maps and of lists of dead units that lie in memory, each in a slot of the size of a unit.
///
/// A dirty node has changed since the last commit. It has a unit of its own that no committed structure refers to, and
/// it stays in memory until the commit has written it.
struct NodeCache {
    enum State: Equatable {
        case empty
        case loading
        case clean
        case dirty
        /// Holds a unit of data while a request copies or verifies it.
        case bounce
    }

    /// The place that refers to a dirty node, and that gets its checksum at a commit.
    enum Parent: Equatable {
        case none
        case node(slot: Int, index: Int)
        case root(record: Int)
        case deadList(record: Int)
    }

    struct Slot {
        var state = State.empty
        var unit: UInt32 = 0
        var level = 0
        var parent = Parent.none
        /// The checksum that the node must have when it has been loaded.
        var check: UInt32 = 0
        var lastUse: UInt64 = 0
        /// The next slot of the same bucket, or -1.
        var next = -1
        /// True if the unit was freed while it was being loaded.
        var isForgotten = false
    }

    private(set) var slots: [Slot]
    private var buckets: [Int]
    private var clock: UInt64 = 0
    private(set) var dirtyCount = 0
    private(set) var bounceCount = 0
    private(set) var loadingCount = 0

    init(count: Int) {
        slots = [Slot](repeating: Slot(), count: count)
        buckets = [Int](repeating: -1, count: 256)
    }

    var count: Int { slots.count }
    /// The number of slots that could be taken now.
    var takeable: Int { count - dirtyCount - bounceCount - loadingCount }

    private func bucket(_ unit: UInt32) -> Int { Int((unit ^ unit >> 8) & 255) }

    /// Returns the slot of a unit, also while it is being loaded.
    mutating func find(_ unit: UInt32) -> Int? {
        var slot = buckets[bucket(unit)]
        while slot >= 0 {
            if slots[slot].unit == unit {
                clock += 1
                slots[slot].lastUse = clock
                return slot
            }
            slot = slots[slot].next
        }
        return nil
    }

    /// Takes a slot for another unit: an empty one, or the clean one that was not used for the longest time.
    mutating func take(_ unit: UInt32, as state: State) -> Int? {
        var best = -1
        for slot in slots.indices {
            if slots[slot].state == .empty {
                best = slot
                break
            }
            if slots[slot].state == .clean, best < 0 || slots[slot].lastUse < slots[best].lastUse { best = slot }
        }
        guard best >= 0 else { return nil }
        release(best)
        clock += 1
        slots[best] = Slot(state: .empty, unit: unit, lastUse: clock)
        set(best, state)
        if state != .bounce { link(best) }
        return best
    }

    mutating func set(_ slot: Int, _ state: State) {
        count(slots[slot].state, -1)
        slots[slot].state = state
        count(state, 1)
    }

    private mutating func count(_ state: State, _ difference: Int) {
        switch state {
        case .empty, .clean: return
        case .dirty: dirtyCount += difference
        case .bounce: bounceCount += difference
        case .loading: loadingCount += difference
        }
    }

    mutating func describe(_ slot: Int, level: Int, parent: Parent) {
        slots[slot].level = level
        slots[slot].parent = parent
    }

    mutating func setCheck(_ slot: Int, _ check: UInt32) { slots[slot].check = check }

    /// Gives the node in `slot` another unit.
    mutating func rename(_ slot: Int, to unit: UInt32) {
        unlink(slot)
        slots[slot].unit = unit
        link(slot)
    }

    /// Empties a slot.
    mutating func release(_ slot: Int) {
        if slots[slot].state == .empty { return }
        if slots[slot].state != .bounce, !slots[slot].isForgotten { unlink(slot) }
        set(slot, .empty)
        slots[slot] = Slot()
    }

    /// Forgets a unit that is being freed. A load that is under way then changes nothing when it ends.
    mutating func forget(_ unit: UInt32) {
        guard let slot = find(unit) else { return }
        switch slots[slot].state {
        case .clean: release(slot)
        case .loading:
            unlink(slot)
            slots[slot].isForgotten = true
        case .empty, .dirty, .bounce: return
        }
    }

    private mutating func link(_ slot: Int) {
        let index = bucket(slots[slot].unit)
        slots[slot].next = buckets[index]
        buckets[index] = slot
    }

    private mutating func unlink(_ slot: Int) {
        let index = bucket(slots[slot].unit)
        if buckets[index] == slot {
            buckets[index] = slots[slot].next
        } else {
            var before = buckets[index]
            while before >= 0, slots[before].next != slot { before = slots[before].next }
            if before >= 0 { slots[before].next = slots[slot].next }
        }
        slots[slot].next = -1
    }
}
