// The lists of dead units. The list of a disk names the units that its last snapshot contains and the disk does not any
// more, so that the deletion of that snapshot finds them without a search.
extension Pool {
    /// Adds a unit to the list of a disk. A disk that was cloned and has no snapshot of its own needs no list, because
    /// the origin keeps its units.
    mutating func bury(_ record: Int, _ entry: MapEntry, for use: SpaceMap.Use) {
        if records[record].isClone || records[record].previous == 0 { return }
        guard let slot = deadNode(record, use) else {
            // `canChange` has left enough units. A hostile structure gets here, and then the unit stays allocated.
            counters.damaged += 1
            return
        }
        let base = buffers.slot(slot)
        let count = Int(memory.load(base + DeadNode.count))
        memory.store(base + DeadNode.entries + 8 * count, entry.unit)
        memory.store(base + DeadNode.entries + 8 * count + 4, entry.birth)
        memory.store(base + DeadNode.count, UInt32(count + 1))
        touch(record)
    }

    /// Returns a dirty node of the list that has room for an entry.
    private mutating func deadNode(_ record: Int, _ use: SpaceMap.Use) -> Int? {
        let changed = states[record].deadSlot
        if changed >= 0 {
            if hasDeadRoom(changed) { return changed }
            // A full node does not change again, so its checksum is final.
            records[record].dead.check = memory.checksum(buffers.slot(changed), count: PoolLayout.unitSize)
            return newDeadNode(record, use)
        }
        let last = records[record].dead.unit
        if last != 0, let slot = cache.find(last), cache.slots[slot].state == .clean, hasDeadRoom(slot),
            let unit = takeUnit(near: states[record].hint, for: use)
        {
            // The committed node stays as it is until the next commit.
            cache.rename(slot, to: unit)
            cache.set(slot, .dirty)
            free(last)
            useDeadNode(record, slot, unit)
            return slot
        }
        return newDeadNode(record, use)
    }

    private func hasDeadRoom(_ slot: Int) -> Bool {
        Int(memory.load(buffers.slot(slot) + DeadNode.count)) < DeadNode.capacity
    }

    private mutating func newDeadNode(_ record: Int, _ use: SpaceMap.Use) -> Int? {
        guard let unit = takeUnit(near: states[record].hint, for: use) else { return nil }
        guard let slot = cache.take(unit, as: .dirty) else {
            untake(unit)
            return nil
        }
        let base = buffers.slot(slot)
        memory.clear(base, count: PoolLayout.unitSize)
        memory.store(base + DeadNode.next, records[record].dead.unit)
        memory.store(base + DeadNode.nextCheck, records[record].dead.check)
        charge(record, 1)
        useDeadNode(record, slot, unit)
        return slot
    }

    /// Makes a dirty node the newest of the list.
    private mutating func useDeadNode(_ record: Int, _ slot: Int, _ unit: UInt32) {
        enter(unit)
        cache.describe(slot, level: 0, parent: .deadList(record: record))
        records[record].dead.unit = unit
        records[record].dead.check = 0
        states[record].deadSlot = slot
    }
}
