// The deletion of disks and snapshots, in steps of bounded work. Each commit contains the steps before it, so that a
// deletion goes on after a power cut.
extension Pool {
    /// True if a deletion will give units back. One that has too few units for its lists waits until others are free.
    var isDeleting: Bool { deletions > 0 && space.free >= Self.unitsPerChange }

    /// True if a record is damaged. Its disk may share units with any snapshot, so nothing is deleted.
    var hasDamagedRecord: Bool { states.contains { $0.isDamaged } }

    /// Counts the deletions that can go on. Called when one begins or ends.
    mutating func countDeletions() {
        deletions = 0
        delayedDeletions = states.count { $0.isDelayed }
        guard readOnlyReason == nil, !hasDamagedRecord else { return }
        deletions = records.indices.count { canDelete($0) }
    }

    private func canDelete(_ record: Int) -> Bool {
        records[record].state == .deleting && !states[record].isStuck && !states[record].isDelayed
            && !waitsForNeighbour(record)
    }

    /// Returns whether a deletion has to wait for that of a neighbour in the life of the disk, also if the neighbour's
    /// is stuck or delayed.
    ///
    /// A snapshot that has been merged in part needs the rest of its successor's list, because its own map names units
    /// that were freed. A disk whose map has been given back in part must not become the owner of what it shared.
    private func waitsForNeighbour(_ record: Int) -> Bool {
        func hasBegun(_ other: Int) -> Bool { records[other].state == .deleting && records[other].cursor > 0 }
        if let next = successor(of: record) { return hasBegun(next) && successor(of: next) == nil }
        let previous = records[record].previousIndex
        return previous >= 0 && !records[record].isClone && hasBegun(previous)
    }

    /// Returns the deletion to go on with. One that has begun comes first, because others may wait for it.
    private var nextDeletion: Int? {
        records.indices.first { canDelete($0) && records[$0].cursor > 0 } ?? records.indices.first { canDelete($0) }
    }

    /// Does one step of one deletion. Returns whether more can be done at once.
    mutating func deleteStep() -> Bool {
        guard deletions > 0, outbox.room > 8, let record = nextDeletion else { return false }
        // Leaves the other half of the queue of freed units to the clients.
        guard space.freed.count < SpaceMap.freedLimit / 2 else {
            commit.isWanted = true
            return false
        }
        guard case .value = canChange(freeing: DeadNode.capacity + 8, for: .deletion) else { return false }
        let result: Found<Bool>
        if let next = successor(of: record) {
            result = mergeDead(of: next, into: record)
        } else {
            result = traverse(record)
        }
        switch result {
        case .wait: return false
        case .failure(let error):
            // The units of the damaged part stay allocated.
            if error == .device { states[record].isDelayed = true } else { states[record].isStuck = true }
            countDeletions()
            return true
        case .value(let isFinished):
            touch(record)
            if isFinished { removeRecord(record) }
            return true
        }
    }

    private mutating func removeRecord(_ record: Int) {
        let removed = records[record]
        space.promised -= min(space.promised, UInt64(removed.unusedReservation))
        records[record] = DiskRecord()
        states[record] = DiskState()
        touch(record)
        // Somebody may wait for the units.
        commit.isWanted = true
        let origin = removed.previousIndex
        if origin >= 0 {
            // The units that are still charged to the disk belong to its snapshots.
            if !removed.isClone { charge(origin, Int(removed.used)) }
            if records[origin].state == .hidden, clones(of: origin) == 0 {
                records[origin].state = .deleting
                records[origin].cursor = 0
                touch(origin)
            }
        }
        countDeletions()
    }

    // MARK: A disk, or the last snapshot of one that is gone

    /// Frees the units that a disk without successor does not share, one leaf at a time, and then its list of dead
    /// units, all of which its last snapshot contains.
    private mutating func traverse(_ record: Int) -> Found<Bool> {
        let shared = records[record].sharedEpoch
        let height = Int(records[record].height)
        let cursor = records[record].cursor
        let end = UInt64(1) << UInt64(10 * height)
        guard cursor < end, !records[record].root.isNone, records[record].root.birth > shared else {
            return dropDeadList(record)
        }
        // Walks down to the leaf of the cursor. The nodes on the way are freed when the cursor leaves them.
        var path: [MapEntry] = [records[record].root]
        var level = height - 1
        var next = cursor
        var freed = 0
        while true {
            let slot: Int
            switch loadAllocated(path[path.count - 1]) {
            case .value(let found): slot = found
            case .wait: return .wait
            case .failure(let error): return .failure(error)
            }
            if level == 0 {
                freed += freeLeaf(slot, from: Int(cursor & 1023), shared)
                next = (cursor | 1023) + 1
                break
            }
            let child = entry(slot, Int(cursor >> UInt64(10 * level)) & 1023)
            if child.isNone || child.birth <= shared {
                next = (cursor >> UInt64(10 * level) + 1) << UInt64(10 * level)
                break
            }
            level -= 1
            path.append(child)
        }
        for (depth, entry) in path.enumerated() {
            let span = UInt64(10 * (height - depth))
            guard next >> span != cursor >> span else { continue }
            free(entry.unit)
            freed += 1
        }
        charge(record, -freed)
        records[record].cursor = next
        if next >= end { records[record].root = .none }
        return .value(false)
    }

    /// Returns the slot of a node that the deletion will free. Fails if the node is free already, because hostile nodes
    /// may name each other, and the deletion would never end.
    private mutating func loadAllocated(_ entry: MapEntry) -> Found<Int> {
        if isPossible(entry.unit), !isAllocated(entry.unit) {
            counters.damaged += 1
            return .failure(.damaged)
        }
        return load(entry)
    }

    /// Frees the units of a leaf that are not shared. Returns their number.
    private mutating func freeLeaf(_ slot: Int, from first: Int, _ shared: UInt32) -> Int {
        var freed = 0
        for index in first..<PoolLayout.entriesPerNode {
            let entry = entry(slot, index)
            guard !entry.isNone, entry.birth > shared, entry.unit < buffers.units else { continue }
            free(entry.unit)
            freed += 1
        }
        return freed
    }

    /// Frees one node of a list whose entries need nothing.
    private mutating func dropDeadList(_ record: Int) -> Found<Bool> {
        records[record].root = .none
        let dead = records[record].dead
        if dead.unit == 0 { return .value(true) }
        let slot: Int
        switch loadAllocated(MapEntry(unit: dead.unit, birth: 0, check: dead.check)) {
        case .value(let found): slot = found
        case .wait: return .wait
        case .failure(let error): return .failure(error)
        }
        records[record].dead.unit = memory.load(buffers.slot(slot) + DeadNode.next)
        records[record].dead.check = memory.load(buffers.slot(slot) + DeadNode.nextCheck)
        if states[record].deadSlot == slot { states[record].deadSlot = -1 }
        dropNode(slot, dead.unit)
        charge(record, -1)
        return .value(false)
    }

    // MARK: A snapshot with a successor

    /// Takes one node off the list of a snapshot's successor: frees the units that only the snapshot contains, and
    /// leaves the others to the snapshot before it.
    private mutating func mergeDead(of next: Int, into record: Int) -> Found<Bool> {
        let dead = records[next].dead
        guard dead.unit != 0 else {
            handOver(record, to: next)
            return .value(true)
        }
        let slot: Int
        switch loadAllocated(MapEntry(unit: dead.unit, birth: 0, check: dead.check)) {
        case .value(let found): slot = found
        case .wait: return .wait
        case .failure(let error): return .failure(error)
        }
        let base = buffers.slot(slot)
        let following = (memory.load(base + DeadNode.next), memory.load(base + DeadNode.nextCheck))
        // Keeps the node in memory while others are made.
        let state = cache.slots[slot].state
        cache.set(slot, .dirty)
        var freed = 1
        for index in 0..<min(Int(memory.load(base + DeadNode.count)), DeadNode.capacity) {
            let unit = memory.load(base + DeadNode.entries + 8 * index)
            let birth = memory.load(base + DeadNode.entries + 8 * index + 4)
            guard unit > 0, unit < buffers.units else { continue }
            if birth > records[record].sharedEpoch {
                free(unit)
                freed += 1
            } else {
                bury(record, MapEntry(unit: unit, birth: birth), for: .deletion)
            }
        }
        cache.set(slot, state)
        (records[next].dead.unit, records[next].dead.check) = following
        if states[next].deadSlot == slot { states[next].deadSlot = -1 }
        touch(next)
        dropNode(slot, dead.unit)
        charge(next, -freed)
        records[record].cursor = 1
        return .value(false)
    }

    /// Gives what is left of a merged snapshot to its successor.
    private mutating func handOver(_ record: Int, to next: Int) {
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
        touch(next)
    }

    private mutating func dropNode(_ slot: Int, _ unit: UInt32) {
        let isUncommitted = cache.slots[slot].state == .dirty
        cache.release(slot)
        if isUncommitted { freeAtOnce(unit) } else { free(unit) }
    }
}
