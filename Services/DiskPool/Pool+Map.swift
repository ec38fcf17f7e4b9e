// The maps of disks: radix trees whose leaves name the units of data.

/// The result of a step that may have to wait.
enum Found<Value> {
    case value(Value)
    /// A node is being loaded, or there is no room for it. The caller tries again later.
    case wait
    case failure(PoolError)
}

extension Pool {
    /// A place in a leaf.
    struct LeafPlace {
        var slot: Int
        var index: Int
    }

    func entry(_ slot: Int, _ index: Int) -> MapEntry { memory.entry(at: buffers.slot(slot) + 16 * index) }

    mutating func setEntry(_ slot: Int, _ index: Int, _ entry: MapEntry) {
        memory.put(buffers.slot(slot) + 16 * index, entry)
    }

    func entry(_ place: LeafPlace?) -> MapEntry { place.map { entry($0.slot, $0.index) } ?? .none }

    /// Returns whether a node or data can lie in a unit. A hostile structure may name a fixed one, or one beyond the
    /// end, where data of others may lie.
    func isPossible(_ unit: UInt32) -> Bool { unit >= buffers.firstUnit && unit < buffers.units }

    // MARK: Loading

    /// Returns the slot of a node, or begins to load it. Fails if the last load of the node has just failed.
    mutating func load(_ entry: MapEntry) -> Found<Int> {
        if !failed.isEmpty, let failure = failed.first(where: { $0.unit == entry.unit }) {
            return .failure(failure.error)
        }
        guard isPossible(entry.unit) else { return .failure(.damaged) }
        if let slot = cache.find(entry.unit) {
            switch cache.slots[slot].state {
            case .clean, .dirty: return .value(slot)
            case .loading: return .wait
            case .empty, .bounce: return .failure(.damaged)
            }
        }
        // Limits the loads, so that a node stays in memory until the requests that waited for it have used it.
        guard outbox.room > 0, cache.loadingCount <= cache.count / 4 else { return .wait }
        guard let slot = cache.take(entry.unit, as: .loading) else {
            commit.isWanted = true
            return .wait
        }
        cache.setCheck(slot, entry.check)
        counters.nodesRead += 1
        sendUnit(.read, entry.unit, buffers.slot(slot), .node(slot))
        return .wait
    }

    mutating func nodeLoaded(_ slot: Int, _ succeeded: Bool) {
        guard slot < cache.count, cache.slots[slot].state == .loading else { return }
        if cache.slots[slot].isForgotten { return cache.release(slot) }
        if succeeded, memory.checksum(buffers.slot(slot), count: PoolLayout.unitSize) == cache.slots[slot].check {
            return cache.set(slot, .clean)
        }
        if succeeded { counters.damaged += 1 }
        // Everyone who waits for the node fails. The next attempt reads it again.
        failed.append((cache.slots[slot].unit, succeeded ? .damaged : .device))
        cache.release(slot)
    }

    // MARK: Looking up

    /// Returns the entry of a virtual unit of data. Fails if it names an impossible unit.
    mutating func dataEntry(_ record: Int, _ unit: UInt64) -> Found<MapEntry> {
        switch locate(record, unit) {
        case .wait: .wait
        case .failure(let error): .failure(error)
        case .value(let found): .value(found.entry)
        }
    }

    /// Returns the place in the leaf that maps a virtual unit, or nil if the map has no leaf there.
    mutating func leaf(_ record: Int, _ unit: UInt64) -> Found<LeafPlace?> {
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
            counters.nodesVisited += 1
            let index = Int(unit >> UInt64(10 * level)) & (PoolLayout.entriesPerNode - 1)
            if level == 0 { return .value(LeafPlace(slot: slot, index: index)) }
            entry = self.entry(slot, index)
            level -= 1
        }
    }

    // MARK: Changing

    /// Returns the leaf of a virtual unit after making the path to it writable: each node on it is dirty, and belongs
    /// to this disk alone. The caller has checked `canChange`.
    mutating func writableLeaf(_ record: Int, _ unit: UInt64, for use: SpaceMap.Use) -> Found<LeafPlace> {
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
            guard let slot = writableNode(record, entry, level, parent, use) else { return .failure(.poolFull) }
            let index = Int(unit >> UInt64(10 * level)) & (PoolLayout.entriesPerNode - 1)
            if level == 0 { return .value(LeafPlace(slot: slot, index: index)) }
            parent = .node(slot: slot, index: index)
            entry = self.entry(slot, index)
            level -= 1
        }
    }

    /// Returns the slot of a node that may change. The node gets a unit of its own, unless it has one since the last
    /// commit.
    private mutating func writableNode(
        _ record: Int, _ entry: MapEntry, _ level: Int, _ parent: NodeCache.Parent, _ use: SpaceMap.Use
    ) -> Int? {
        let found = entry.isNone ? nil : cache.find(entry.unit)
        if let found, cache.slots[found].state == .dirty { return found }
        guard let unit = takeUnit(near: states[record].hint, for: use) else { return nil }
        guard let slot = entry.isNone ? cache.take(unit, as: .dirty) : found else {
            untake(unit)
            return nil
        }
        if entry.isNone {
            memory.clear(buffers.slot(slot), count: PoolLayout.unitSize)
            charge(record, 1)
        } else {
            cache.rename(slot, to: unit)
            cache.set(slot, .dirty)
            if entry.birth > records[record].sharedEpoch {
                free(entry.unit)
            } else {
                charge(record, 1)
                bury(record, entry, for: use)
            }
        }
        enter(unit)
        cache.describe(slot, level: level, parent: parent)
        setReference(parent, MapEntry(unit: unit, birth: superblock.epoch))
        return slot
    }

    /// Enters a node into the place that refers to it.
    private mutating func setReference(_ parent: NodeCache.Parent, _ entry: MapEntry) {
        switch parent {
        case .none, .deadList: return
        case .node(let slot, let index): setEntry(slot, index, entry)
        case .root(let record):
            records[record].root = entry
            touch(record)
        }
    }

    /// Gives back a unit that this disk does not refer to any more: frees it, or leaves it to the snapshots.
    mutating func release(_ record: Int, _ entry: MapEntry, for use: SpaceMap.Use) {
        guard isPossible(entry.unit) else { return }
        if entry.birth > records[record].sharedEpoch {
            free(entry.unit)
            charge(record, -1)
        } else {
            bury(record, entry, for: use)
        }
    }

    /// The most units that the change of one leaf takes: a path, and two nodes of the list of dead units.
    static var unitsPerChange: UInt32 { UInt32(PoolLayout.maximumHeight) + 3 }

    /// Returns whether there is room for a change of one leaf: slots, units, the log, and the queue of freed units.
    /// Otherwise asks for a commit, which makes room, or gives `.failure(.poolFull)` if a commit would not help. Gives
    /// `.failure(.device)` after a commit that failed.
    mutating func canChange(freeing count: Int, for use: SpaceMap.Use) -> Found<Bool> {
        guard readOnlyReason == nil else { return .failure(.readOnly) }
        guard commit.stage != .failed else { return .failure(.device) }
        guard !commit.isRunning else { return .wait }
        let hasUnits = space.free >= use.reserve + Self.unitsPerChange
        if hasUnits, hasRoom(freeing: count) { return .value(true) }
        commit.isWanted = true
        return hasUnits || space.isReturning || isDeleting ? .wait : .failure(.poolFull)
    }

    private func hasRoom(freeing count: Int) -> Bool {
        let needed = Int(Self.unitsPerChange)
        // A replay begins with what the life before had changed, so it may fill the memory somewhat more.
        let limit = mount.stage == .replaying ? cache.count - 8 : cache.count * 3 / 4
        return space.freed.count + count + 64 <= SpaceMap.freedLimit && space.draining.count <= SpaceMap.drainingLimit
            && cache.dirtyCount + 2 * needed <= limit
            && cache.takeable >= needed && (log.capacity == 0 || log.capacity - logged >= PoolLayout.unitsPerSegment)
    }
}
