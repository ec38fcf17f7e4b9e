// The deletion of disks and snapshots, in steps of bounded work. What is done is part of each commit, so that a
// deletion goes on after a power cut.
extension Pool {
    /// Does one step of one deletion. Returns whether more can be done at once.
    mutating func deleteStep() -> Bool {
        guard let record = records.indices.first(where: { records[$0].state == .deleting && !states[$0].isDamaged }),
            !isReadOnly, canChange(freeing: 2200), space.freed.count < SpaceMap.freedLimit / 2 || !commit.isWanted
        else { return false }
        guard outbox.room > 8 else { return false }
        let result: Found<Bool>
        if let next = successor(of: record) { result = mergeDead(of: next, into: record) } else { result = traverse(record) }
        switch result {
        case .wait: return false
        case .failure:
            // The units of the damaged part stay allocated.
            states[record].isDamaged = true
            return true
        case .value(let isFinished):
            states[record].isDirty = true
            if isFinished { removeRecord(record) }
            return true
        }
    }

    private mutating func removeRecord(_ record: Int) {
        let origin = records[record].previousIndex
        let released = unusedReservation(record)
        space.promised -= min(space.promised, UInt64(released))
        records[record] = DiskRecord()
        states[record] = DiskState()
        states[record].isDirty = true
        if origin >= 0, records[origin].state == .hidden, clones(of: origin) == 0 {
            records[origin].state = .deleting
            records[origin].cursor = 0
            states[origin].isDirty = true
        }
    }

    /// Frees the units that a disk without successor does not share, one leaf at a time, and then its list of dead
    /// units, all of which its last snapshot contains.
    private mutating func traverse(_ record: Int) -> Found<Bool> {
        let shared = records[record].sharedEpoch
        let height = Int(records[record].height)
        let cursor = records[record].cursor
        let end = PoolLayout.coverage(height: height) / UInt64(PoolLayout.sectorsPerUnit)
        guard cursor < end, !records[record].root.isNone, records[record].root.birth > shared else {
            return dropDeadList(record)
        }
        // Walks down to the leaf of the cursor. The nodes on the way are freed when the cursor leaves them.
        var path: [MapEntry] = [records[record].root]
        var level = height - 1
        var next = cursor
        while true {
            guard case .value(let slot) = load(path[path.count - 1]) else { return failureOrWait(path[path.count - 1]) }
            let index = Int(cursor >> UInt64(10 * level)) & 1023
            if level == 0 {
                for position in index..<1024 {
                    let entry = entry(slot, position)
                    guard !entry.isNone, entry.birth > shared else { continue }
                    free(entry.unit)
                    charge(record, -1)
                }
                next = (cursor | 1023) + 1
                break
            }
            let child = entry(slot, index)
            level -= 1
            if child.isNone || child.birth <= shared {
                next = (cursor >> UInt64(10 * (level + 1)) + 1) << UInt64(10 * (level + 1))
                break
            }
            path.append(child)
        }
        for (depth, entry) in path.enumerated() {
            let span = UInt64(10 * (height - depth))
            guard next >> span != cursor >> span else { continue }
            if let slot = cache.find(entry.unit), cache.slots[slot].state == .clean { cache.release(slot) }
            free(entry.unit)
            charge(record, -1)
        }
        records[record].cursor = next
        if next >= end { records[record].root = .none }
        return .value(false)
    }

    private func failureOrWait(_ entry: MapEntry) -> Found<Bool> {
        if let failure = failed.first(where: { $0.unit == entry.unit }) { return .failure(failure.error) }
        return entry.unit < buffers.units ? .wait : .failure(.damaged)
    }

    /// Frees one node of a list whose entries need nothing.
    private mutating func dropDeadList(_ record: Int) -> Found<Bool> {
        records[record].root = .none
        let dead = records[record].dead
        if dead.unit == 0 { return .value(true) }
        let entry = MapEntry(unit: dead.unit, birth: 0, check: dead.check)
        guard case .value(let slot) = load(entry) else { return failureOrWait(entry) }
        records[record].dead.unit = memory.load(buffers.slot(slot) + DeadNode.next)
        records[record].dead.check = memory.load(buffers.slot(slot) + DeadNode.nextCheck)
        if states[record].deadSlot == slot { states[record].deadSlot = -1 }
        dropNode(slot, dead.unit)
        charge(record, -1)
        return .value(false)
    }

    /// Takes one node off the list of a snapshot's successor: frees the units that only the snapshot contains, and
    /// leaves the others to the snapshot before it.
    private mutating func mergeDead(of next: Int, into record: Int) -> Found<Bool> {
        let dead = records[next].dead
        guard dead.unit != 0 else {
            records[next].dead = records[record].dead
            records[next].previous = records[record].previous
            records[next].sharedEpoch = records[record].sharedEpoch
            records[next].isClone = records[record].isClone
            states[next].deadSlot = states[record].deadSlot
            if states[next].deadSlot >= 0 {
                cache.describe(states[next].deadSlot, level: 0, parent: .deadList(record: next))
            }
            states[record].deadSlot = -1
            records[record].previous = 0
            states[next].isDirty = true
            return .value(true)
        }
        let entry = MapEntry(unit: dead.unit, birth: 0, check: dead.check)
        guard case .value(let slot) = load(entry) else { return failureOrWait(entry) }
        let base = buffers.slot(slot)
        let count = min(Int(memory.load(base + DeadNode.count)), DeadNode.capacity)
        let following = (memory.load(base + DeadNode.next), memory.load(base + DeadNode.nextCheck))
        let pinned = cache.slots[slot].state
        for index in 0..<count {
            let unit = memory.load(base + DeadNode.entries + 8 * index)
            let birth = memory.load(base + DeadNode.entries + 8 * index + 4)
            guard unit > 0, unit < buffers.units else { continue }
            if birth > records[record].sharedEpoch {
                free(unit)
                charge(next, -1)
            } else {
                // Keeps the node in memory while others are made.
                cache.set(slot, .dirty)
                bury(record, MapEntry(unit: unit, birth: birth))
                cache.set(slot, pinned)
            }
        }
        (records[next].dead.unit, records[next].dead.check) = following
        if states[next].deadSlot == slot { states[next].deadSlot = -1 }
        states[next].isDirty = true
        dropNode(slot, dead.unit)
        charge(next, -1)
        return .value(false)
    }

    private mutating func dropNode(_ slot: Int, _ unit: UInt32) {
        let wasDirty = cache.slots[slot].state == .dirty
        cache.release(slot)
        if wasDirty { freeAtOnce(unit) } else { free(unit) }
    }
}
