// The maps of disks: radix trees whose leaves name the units of data.
extension Pool {
    /// The result of a step that may have to wait.
    enum Found<Value> {
        case value(Value)
        /// A node is being loaded, or there is no room for it; the caller tries again later.
        case wait
        case failure(PoolError)
    }

    func entry(_ slot: Int, _ index: Int) -> MapEntry {
        let offset = buffers.slot(slot) + 16 * index
        return MapEntry(
            unit: memory.load(offset), birth: memory.load(offset + 4), valid: memory.load(offset + 8),
            check: memory.load(offset + 12))
    }

    mutating func setEntry(_ slot: Int, _ index: Int, _ entry: MapEntry) {
        let offset = buffers.slot(slot) + 16 * index
        memory.store(offset, entry.unit)
        memory.store(offset + 4, entry.birth)
        memory.store(offset + 8, entry.valid)
        memory.store(offset + 12, entry.check)
    }

    /// Returns the slot of a node, or begins to load it.
    mutating func node(_ unit: UInt32, check: UInt32) -> Found<Int> {
        guard unit < buffers.units else { return .failure(.damaged) }
        if let slot = cache.find(unit) {
            switch cache.slots[slot].state {
            case .clean, .dirty: return .value(slot)
            case .loading: return .wait
            case .empty, .bounce:
                return .failure(.damaged)
            }
        }
        guard outbox.room > 0 else { return .wait }
        guard let slot = cache.take(unit, as: .loading) else {
            commit.isWanted = true
            return .wait
        }
        cache.setCheck(slot, check)
        send(
            .read, UInt64(unit) * UInt64(PoolLayout.sectorsPerUnit), PoolLayout.sectorsPerUnit,
            .buffer(buffers.slot(slot)), .node(slot))
        return .wait
    }

    mutating func nodeLoaded(_ slot: Int, _ succeeded: Bool) {
        if cache.slots[slot].isForgotten { return cache.release(slot) }
        let expected = cache.slots[slot].check
        if succeeded, memory.checksum(buffers.slot(slot), count: PoolLayout.unitSize) == expected {
            cache.set(slot, .clean)
            return
        }
        if succeeded { damage += 1 }
        let unit = cache.slots[slot].unit
        cache.release(slot)
        // Everyone who waits for the node fails; the next attempt reads it again.
        failed.append((unit, succeeded ? .damaged : .device))
    }

    /// Returns the leaf that maps a virtual unit and the entry's index, or nil if the map has no leaf there.
    mutating func leaf(_ record: Int, _ unit: UInt64) -> Found<(slot: Int, index: Int)?> {
        var entry = records[record].root
        var level = Int(records[record].height) - 1
        while true {
            if entry.isNone { return .value(nil) }
            let slot: Int
            switch load(entry) {
            case .value(let found): slot = found
            case .wait: return .wait
            case .failure(let error): return .failure(error)
            }
            let index = Int(unit >> UInt64(10 * level)) & (PoolLayout.entriesPerNode - 1)
            if level == 0 { return .value((slot, index)) }
            entry = self.entry(slot, index)
            level -= 1
        }
    }

    /// Returns the node of an entry, unless its last load failed.
    mutating func load(_ entry: MapEntry) -> Found<Int> {
        if let index = failed.firstIndex(where: { $0.unit == entry.unit }) {
            let error = failed[index].error
            return .failure(error)
        }
        return node(entry.unit, check: entry.check)
    }

    /// Returns the leaf of a virtual unit after making the path to it writable: each node on it is dirty, and belongs
    /// to this disk alone. The caller has checked `canChange`.
    mutating func writableLeaf(_ record: Int, _ unit: UInt64) -> Found<(slot: Int, index: Int)> {
        // Loads the whole path before it changes anything.
        switch leaf(record, unit) {
        case .value: break
        case .wait: return .wait
        case .failure(let error): return .failure(error)
        }
        var parent = NodeCache.Parent.root(record: record)
        var entry = records[record].root
        var level = Int(records[record].height) - 1
        while true {
            guard let slot = writableNode(record, entry, level, parent) else { return .failure(.poolFull) }
            let index = Int(unit >> UInt64(10 * level)) & (PoolLayout.entriesPerNode - 1)
            if level == 0 { return .value((slot, index)) }
            parent = .node(slot: slot, index: index)
            entry = self.entry(slot, index)
            level -= 1
        }
    }

    private mutating func writableNode(_ record: Int, _ entry: MapEntry, _ level: Int, _ parent: NodeCache.Parent) -> Int? {
        let isOwn = entry.birth > records[record].sharedEpoch
        if !entry.isNone, let slot = cache.find(entry.unit), cache.slots[slot].state == .dirty { return slot }
        guard let unit = takeUnit(near: states[record].hint, forMetadata: true) else { return nil }
        var slot: Int
        if entry.isNone {
            guard let fresh = cache.take(unit, as: .dirty) else {
                untake(unit)
                return nil
            }
            slot = fresh
            memory.clear(buffers.slot(slot), count: PoolLayout.unitSize)
            charge(record, 1)
        } else {
            guard let found = cache.find(entry.unit) else {
                untake(unit)
                return nil
            }
            slot = found
            cache.rename(slot, to: unit)
            cache.set(slot, .dirty)
            if isOwn {
                free(entry.unit)
            } else {
                charge(record, 1)
                bury(record, entry)
            }
        }
        enter(unit)
        cache.describe(slot, level: level, parent: parent)
        setReference(parent, MapEntry(unit: unit, birth: superblock.epoch))
        return slot
    }

    /// Enters a node into the place that refers to it.
    mutating func setReference(_ parent: NodeCache.Parent, _ entry: MapEntry) {
        switch parent {
        case .none: return
        case .node(let slot, let index): setEntry(slot, index, entry)
        case .root(let record):
            records[record].root = entry
            states[record].isDirty = true
        case .deadList(let record):
            records[record].dead.unit = entry.unit
            records[record].dead.check = entry.check
            states[record].isDirty = true
        }
    }

    /// Gives back a unit that this disk does not refer to any more: frees it, or leaves it to the snapshots.
    mutating func release(_ record: Int, _ entry: MapEntry) {
        if entry.birth > records[record].sharedEpoch {
            free(entry.unit)
            charge(record, -1)
        } else {
            bury(record, entry)
        }
    }

    /// Returns whether there is room for a change of some paths: slots, units, and entries in the queue of freed units.
    mutating func canChange(freeing count: Int = 0) -> Bool {
        guard !commit.isRunning, !isBroken else { return false }
        if space.freed.count + count + 64 <= SpaceMap.freedLimit, cache.dirtyCount + 16 <= cache.count * 3 / 4,
            cache.canTake(6), space.free >= 6 || space.freed.isEmpty && space.draining.isEmpty
        {
            return true
        }
        commit.isWanted = true
        return false
    }
}

// MARK: - Lists of dead units

/// The layout of a node of a list of dead units: a header of eight words, then pairs of unit and birth.
enum DeadNode {
    static let count = 0, next = 4, nextCheck = 8, entries = 32
    static let capacity = (PoolLayout.unitSize - entries) / 8
}

extension Pool {
    /// Adds a unit to the list of units that the last snapshot contains and this disk does not any more. A disk that was
    /// cloned and has no snapshot of its own needs no list, because the origin keeps its units.
    mutating func bury(_ record: Int, _ entry: MapEntry) {
        if records[record].isClone || records[record].previous == 0 { return }
        var slot = states[record].deadSlot
        if slot >= 0, Int(memory.load(buffers.slot(slot) + DeadNode.count)) == DeadNode.capacity {
            // A full node does not change again, so its checksum is final.
            records[record].dead.check = memory.checksum(buffers.slot(slot), count: PoolLayout.unitSize)
            slot = -1
        }
        if slot < 0, records[record].dead.unit != 0, let last = cache.find(records[record].dead.unit),
            cache.slots[last].state == .clean,
            Int(memory.load(buffers.slot(last) + DeadNode.count)) < DeadNode.capacity,
            let unit = takeUnit(near: states[record].hint, forMetadata: true)
        {
            // The committed node stays as it is until the next commit.
            cache.rename(last, to: unit)
            cache.set(last, .dirty)
            cache.describe(last, level: 0, parent: .deadList(record: record))
            enter(unit)
            free(records[record].dead.unit)
            records[record].dead.unit = unit
            states[record].deadSlot = last
            slot = last
        }
        if slot < 0 {
            guard let unit = takeUnit(near: states[record].hint, forMetadata: true) else { return leak(entry) }
            guard let fresh = cache.take(unit, as: .dirty) else {
                untake(unit)
                return leak(entry)
            }
            enter(unit)
            charge(record, 1)
            slot = fresh
            memory.clear(buffers.slot(slot), count: PoolLayout.unitSize)
            memory.store(buffers.slot(slot) + DeadNode.next, records[record].dead.unit)
            memory.store(buffers.slot(slot) + DeadNode.nextCheck, records[record].dead.check)
            cache.describe(slot, level: 0, parent: .deadList(record: record))
            records[record].dead.unit = unit
            records[record].dead.check = 0
            states[record].deadSlot = slot
        }
        let base = buffers.slot(slot)
        let count = Int(memory.load(base + DeadNode.count))
        memory.store(base + DeadNode.entries + 8 * count, entry.unit)
        memory.store(base + DeadNode.entries + 8 * count + 4, entry.birth)
        memory.store(base + DeadNode.count, UInt32(count + 1))
        states[record].isDirty = true
    }

    private mutating func leak(_ entry: MapEntry) { damage += 1 }
}
